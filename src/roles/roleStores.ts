/**
 * Store and streams of a role that is not the api role. Embedded, the api role owns the file: it is read here and
 * written there. Anything else is reached without it.
 */
import type { Clock } from "#kernel/clock.ts";
import type { IpcClient } from "#ipc/contract.ts";
import type { Store } from "#store/contract.ts";
import { IpcStore } from "#store/ipc.ts";
import { openStore } from "#store/open.ts";
import { FollowedFile } from "#store/sqlite-followed.ts";
import { FollowingStore } from "#store/sqlite-following.ts";
import type { Stream } from "#stream/contract.ts";
import { IpcStream } from "#stream/ipc.ts";
import { openStream } from "#stream/open.ts";
import { FollowingStream } from "#stream/sqlite-following.ts";
import { followMarks } from "./clock.ts";
import type { RoleConfig } from "./role.ts";

export interface RoleStores {
  store: Store;
  stream: Stream;
  /** The client is left open. */
  close(): Promise<void>;
}

/** @param client to the api role, knowing the errors of store and streams */
export async function openRoleStores(config: RoleConfig, client: IpcClient, clock: Clock): Promise<RoleStores> {
  const file = config.storeUrl.startsWith("sqlite:") ? new FollowedFile(client) : undefined;
  if (file) followMarks(file, clock);
  const store = file ? new FollowingStore(client, file, clock) : await openStore(config.storeUrl, { clock });
  const stream = await openRoleStream(config, client, clock, file);
  return {
    store,
    stream,
    async close() {
      await file?.close();
      if (!(stream instanceof IpcStream)) await stream.close();
      // Closing it over IPC closes the client.
      if (!(store instanceof IpcStore)) await store.close();
    },
  };
}

async function openRoleStream(
  config: RoleConfig,
  client: IpcClient,
  clock: Clock,
  file: FollowedFile | undefined,
): Promise<Stream> {
  if (file && config.streamUrl === config.storeUrl) return await FollowingStream.open(client, file);
  // A file of their own is the api role's as well.
  if (config.streamUrl.startsWith("sqlite:")) return await IpcStream.over(client);
  return await openStream(config.streamUrl, { clock });
}
