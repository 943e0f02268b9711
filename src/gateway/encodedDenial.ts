/**
 * The encoded authorization failure message that EC2 appends to its refusals: what the caller may not see, readable by
 * whoever may call sts:DecodeAuthorizationMessage in the caller's account.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import { DecryptError, InvalidInput, type KeyHolder } from "#keys/contract.ts";
import type { Decision } from "#policy/decision.ts";
import { failureMessage } from "#policy/failureMessage.ts";

const purpose = "authorization-message";
/** Longest message once it is unpacked; a request context is bounded by the request. */
const mostBytes = 1024 * 1024;

/** Bound to the account whose principal was refused. */
export async function encodeDenial(keys: KeyHolder, account: string, decision: Decision): Promise<string> {
  const packed = deflateRawSync(JSON.stringify(failureMessage(decision)));
  return Buffer.from(await keys.protect(purpose, account, packed)).toString("base64url");
}

/** The message's JSON. @throws InvalidAuthorizationMessageException */
export async function decodeDenial(keys: KeyHolder, account: string, encoded: string): Promise<string> {
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) throw invalid();
  try {
    const packed = await keys.reveal(purpose, account, Buffer.from(encoded, "base64url"));
    return inflateRawSync(packed, { maxOutputLength: mostBytes }).toString("utf8");
  } catch (error) {
    throw error instanceof DecryptError || error instanceof InvalidInput ? invalid() : error;
  }
}

const invalid = () =>
  new AwsError(
    "InvalidAuthorizationMessageException",
    "The message passed to DecodeAuthorizationMessage was invalid.",
    400,
  );
