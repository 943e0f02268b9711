/**
 * The secret under which what is kept of HSMs is closed, besides under users' passwords. On the disk it is protected by
 * the key holder. INVARIANT: one that cannot be opened is never replaced: the journals under it would be lost with it.
 */
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { systemRandom } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { createDurably, isErrno, makeFolder } from "#keys/files.ts";

const bytes = 32;
const purpose = "hsm-secret";

export async function hsmSecret(path: string, keys: Pick<KeyHolder, "protect" | "reveal">): Promise<Buffer> {
  await makeFolder(dirname(path));
  const kept = await readFile(path).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (kept) return Buffer.from(await keys.reveal(purpose, "", kept));
  const secret = systemRandom.bytes(bytes);
  await createDurably(path, await keys.protect(purpose, "", secret));
  return secret;
}
