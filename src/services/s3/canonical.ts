/**
 * Canonical user ids: 64 hexadecimal digits that stand for an account where access control lists are spoken.
 * AWS calls them "an obfuscated form of the AWS account ID"; ours are that and nothing more, so they need no
 * table and an id can be read back.
 * Source: AWS Account Management Reference Guide, "View AWS account identifiers".
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey } from "node:crypto";

/** Obfuscation, not secrecy: anyone may know this key. */
const key = createSecretKey(createHash("sha256").update("canonical user id").digest());
const zeroIv = Buffer.alloc(16);

export function canonicalId(account: string): string {
  const cipher = createCipheriv("aes-256-cbc", key, zeroIv);
  return cipher.update(account.padEnd(16, " ") + account.slice(0, 12), "latin1", "hex") + cipher.final("hex");
}

/** The account behind a canonical user id; `undefined` when there is none. */
export function accountOfCanonicalId(id: string): string | undefined {
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
  const decipher = createDecipheriv("aes-256-cbc", key, zeroIv);
  try {
    const text = decipher.update(id, "hex", "latin1") + decipher.final("latin1");
    const account = text.slice(0, 12);
    return /^\d{12}$/.test(account) && canonicalId(account) === id ? account : undefined;
  } catch {
    return undefined;
  }
}
