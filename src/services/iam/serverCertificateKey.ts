/** Server certificates with their private keys, for listeners that terminate TLS with them. */
import { parseArn } from "#kernel/arn.ts";
import type { Random } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import { keyOf } from "./entities.ts";
import { transact } from "./state.ts";

const purpose = "iam-server-certificate";

export interface ServerCertificateFiles {
  /** PEM. */
  certificate: string;
  chain?: string;
  privateKey: string;
}

/** Protects a key for its certificate's unique id. */
export async function protectCertificateKey(keys: KeyHolder, id: string, pem: string): Promise<string> {
  return Buffer.from(await keys.protect(purpose, id, Buffer.from(pem))).toString("base64");
}

/** By ARN, after the caller's authorization; `undefined` when there is no such certificate. */
export async function serverCertificateFiles(
  parts: { store: Store; keys: KeyHolder; random: Random },
  arn: string,
): Promise<ServerCertificateFiles | undefined> {
  const parsed = parseArn(arn);
  const name = parsed?.resource.split("/").at(-1);
  if (!parsed || !name) return undefined;
  const found = await transact(parts.store, parts.random, parsed.account, (state) =>
    state.get("serverCertificate", keyOf(name)),
  );
  if (found?.arn !== arn) return undefined;
  const key = await parts.keys.reveal(purpose, found.id, Buffer.from(found.secret, "base64"));
  return {
    certificate: found.body,
    ...(found.chain === undefined ? {} : { chain: found.chain }),
    privateKey: Buffer.from(key).toString(),
  };
}
