/** The parts of an edge, put together: firewall, records, outbox and what serves. */
import { hkdfSync } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { IpcClient } from "#ipc/contract.ts";
import { makeFolder } from "#keys/files.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { reportStream, type WafReport } from "#engines/waf/contract.ts";
import { type Location, sealReport } from "#engines/waf/index.ts";
import { IpcStore } from "#store/ipc.ts";
import { sealEvents } from "#stream/sealed.ts";
import type { BindPolicy } from "../edge/bindPolicy.ts";
import { Firewall } from "../edge/firewall.ts";
import { OidcAuthenticator } from "../edge/oidc/authenticate.ts";
import { Outbox, type OutboxItem } from "../edge/outbox.ts";
import { EdgeProcess } from "../edge/process.ts";
import { Records } from "../edge/records.ts";
import { Sealing } from "../edge/sealing.ts";
import { DocumentKeys } from "./documentKeys.ts";
import { sealedKinds } from "./sealedKinds.ts";

export interface EdgeParts {
  clock: Clock;
  log: Logger;
  /** 32 bytes. */
  secret: Uint8Array;
  bind: BindPolicy;
  drainMs: number;
  keys: KeyHolder;
  /** Countries and systems of addresses, where the operator has databases. */
  location?: Location;
  /** Folder of the edge in the data folder. */
  folder: string;
  /** To the api role, knowing the errors of store, streams and calls. */
  client: IpcClient;
}

export async function openEdge(parts: EdgeParts): Promise<{ close(): Promise<void> }> {
  const { clock, log, secret, keys, client, folder } = parts;
  const random = systemRandom;
  const tokenKey = new Uint8Array(hkdfSync("sha256", secret, "", "jikimi-edge waf tokens", 32));
  const firewall = new Firewall({
    clock,
    random,
    log,
    tokenKey,
    ...(parts.location ? { location: parts.location } : {}),
  });
  const waiting = join(folder, "waiting");
  await makeFolder(waiting);
  const gather = (last: boolean): void => {
    records.gather(edge.edge, last);
    for (const report of firewall.reports()) outbox.put(reportStream, report.webAclArn, report);
  };
  const store = new IpcStore(client);
  const documentKeys = new DocumentKeys({ store, keys, clock, random });
  const outbox = new Outbox(
    {
      append: async (stream, events) => {
        const kept = sealedKinds.streams.has(stream) ? await sealEvents(documentKeys, stream, events) : events;
        await client.call("stream.append", [stream, kept]);
      },
      // The report shows requests: the key holder seals it, which needs the api role.
      prepare: async (item): Promise<OutboxItem> =>
        item.stream === reportStream
          ? { ...item, event: await sealReport(item.event as WafReport, (...args) => keys.protect(...args)) }
          : item,
      folder: waiting,
      sealing: new Sealing(secret, "waiting", random),
      random,
      log,
    },
    () => gather(false),
  );
  const records = new Records(clock, (stream, key, event) => outbox.put(stream, key, event));
  let secretOf: (bound: string) => string | undefined = () => undefined;
  const authenticator = new OidcAuthenticator({ clock, random, secret, secretOf: (bound) => secretOf(bound) });
  const edge = new EdgeProcess({
    ...parts,
    random,
    store,
    lastKnownPath: join(folder, "configuration"),
    inspector: firewall,
    authenticator,
    observer: records,
    changed: (documents, changed) => firewall.follow(documents, changed),
  });
  secretOf = (bound) => edge.secretOf(bound);
  await outbox.open();
  await edge.start();
  return {
    async close() {
      await edge.close();
      gather(true);
      await outbox.close();
    },
  };
}
