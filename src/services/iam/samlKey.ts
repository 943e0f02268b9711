/** Private keys that decrypt the assertions of a SAML provider; at rest under the key holder's protection. */
import type { KeyHolder } from "#keys/contract.ts";
import type { SamlProvider } from "./documents.ts";

const purpose = "iam-saml-key";
const boundTo = (arn: string, id: string) => `${arn}/${id}`;

/** Base64, for `SamlProvider.keys`. */
export async function protectSamlKey(keys: KeyHolder, arn: string, id: string, pem: string): Promise<string> {
  return Buffer.from(await keys.protect(purpose, boundTo(arn, id), Buffer.from(pem))).toString("base64");
}

/** PEM. */
export async function revealSamlKey(
  keys: KeyHolder,
  arn: string,
  { id, secret }: SamlProvider["keys"][number],
): Promise<string> {
  return Buffer.from(await keys.reveal(purpose, boundTo(arn, id), Buffer.from(secret, "base64"))).toString();
}
