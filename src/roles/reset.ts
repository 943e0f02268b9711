/** Empties an ephemeral installation. What clients hold goes on working: the account and the administrator's key stay. */
import { rm } from "node:fs/promises";
import { AwsError } from "#kernel/errors.ts";
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

/** Everything must be closed. */
export async function removeState(config: RoleConfig): Promise<void> {
  for (const url of [config.storeUrl, config.streamUrl]) {
    const path = url.slice("sqlite:".length);
    for (const suffix of ["", "-wal", "-shm", "-owner"]) await rm(`${path}${suffix}`, { force: true });
  }
  await rm(config.blobUrl.slice("file:".length), { recursive: true, force: true });
}
