/** Types are tested too: a wrong operation or member does not compile. Checked by tsc, never run. */
import { defineService, type Input, type Output } from "#gateway/service.ts";

type Kms = typeof import("@aws-sdk/client-kms");
type S3 = typeof import("@aws-sdk/client-s3");

async function* body() {
  yield new Uint8Array();
}

export const input: Input<Kms, "Encrypt"> = { KeyId: "x", Plaintext: new Uint8Array() };
export const output: Output<Kms, "Encrypt"> = { CiphertextBlob: new Uint8Array() };
export const optional: Input<Kms, "ListKeys"> = { Limit: 3 };
export const streamed: Output<S3, "GetObject"> = { Body: body(), ContentLength: 3 };

// @ts-expect-error a member the output does not have
export const wrongMember: Output<Kms, "Encrypt"> = { Ciphertext: 3 };

const encrypt = (given: Input<Kms, "Encrypt">) => ({ KeyId: given.KeyId });
export const right = defineService<Kms>()({
  id: "kms",
  operations: { Encrypt: encrypt },
  access: { Encrypt: () => "none" },
});
export const wrongOperation = defineService<Kms>()({
  id: "kms",
  // @ts-expect-error an operation that KMS does not have
  operations: { Encrypted: encrypt },
  access: { Encrypt: () => "none" },
});
