/** Empties an ephemeral installation. What clients hold goes on working: the account and the administrator's key stay. */
import { rm } from "node:fs/promises";
import { AwsError } from "#kernel/errors.ts";
import { openStore } from "#store/open.ts";
import { openClock } from "./clock.ts";
import type { DocumentKeys } from "./documentKeys.ts";
import type { RoleConfig } from "./role.ts";

/** @throws AwsError for installations that are kept, or that keep something elsewhere than in their folder */
export function requireResettable(config: RoleConfig): void {
  if (!config.ephemeral) {
    throw new AwsError("NotEphemeral", "Only an installation that was started with --ephemeral can be reset.", 409);
  }
  const elsewhere = [config.storeUrl, config.streamUrl].some((url) => !url.startsWith("sqlite:"));
  if (elsewhere || !config.blobUrl.startsWith("file:")) {
    throw new AwsError("NotResettable", "Only an installation on embedded stores can be reset.", 409);
  }
}

/** Everything must be closed. @param documentKeys of the process that had it open */
export async function removeState(config: RoleConfig, documentKeys: Pick<DocumentKeys, "ofOthers">): Promise<void> {
  const clock = await openClock(config);
  const old = await openStore(config.storeUrl, { clock });
  const kept = await documentKeys.ofOthers(old).finally(() => old.close());
  for (const url of [config.storeUrl, config.streamUrl]) {
    const path = url.slice("sqlite:".length);
    for (const suffix of ["", "-wal", "-shm", "-owner"]) await rm(`${path}${suffix}`, { force: true });
  }
  await rm(config.blobUrl.slice("file:".length), { recursive: true, force: true });
  if (kept.length === 0) return;
  const fresh = await openStore(config.storeUrl, { clock });
  await fresh.commit(kept).finally(() => fresh.close());
}
