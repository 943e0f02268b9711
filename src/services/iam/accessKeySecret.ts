/** Secret access keys at rest: under the key holder, bound to account and key id. */
import type { KeyHolder } from "#keys/contract.ts";
import type { AccessKey, IamState } from "./state.ts";

const purpose = "iam-access-key";
const boundTo = (account: string, accessKeyId: string) => `${account}/${accessKeyId}`;

export async function protectSecret(
  keys: KeyHolder,
  account: string,
  accessKeyId: string,
  secret: string,
): Promise<string> {
  const bytes = await keys.protect(purpose, boundTo(account, accessKeyId), Buffer.from(secret));
  return Buffer.from(bytes).toString("base64");
}

export async function revealSecret(
  keys: KeyHolder,
  account: string,
  accessKeyId: string,
  protectedSecret: string,
): Promise<string> {
  const bytes = await keys.reveal(purpose, boundTo(account, accessKeyId), Buffer.from(protectedSecret, "base64"));
  return Buffer.from(bytes).toString();
}

export function putAccessKey(state: IamState, key: AccessKey): void {
  // The index lets the identity source find a key without knowing its account.
  state.put("accessKey", key.accessKeyId, key, { indexes: { id: key.accessKeyId } });
}
