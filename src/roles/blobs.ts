/** The blob store of an installation. Credentials of an S3 come by the environment: URLs are logged and seen by everybody. */
import type { Clock } from "#kernel/clock.ts";
import type { BlobStore } from "#blob/contract.ts";
import { openBlobs } from "#blob/open.ts";
import type { RoleConfig } from "./role.ts";

export function openRoleBlobs(
  config: RoleConfig,
  clock: Clock,
  env: NodeJS.ProcessEnv = process.env,
): Promise<BlobStore> {
  const accessKeyId = env["JIKIMI_BLOB_ACCESS_KEY_ID"];
  const secretAccessKey = env["JIKIMI_BLOB_SECRET_ACCESS_KEY"];
  const credentials = accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {};
  return openBlobs(config.blobUrl, { clock, ...credentials });
}
