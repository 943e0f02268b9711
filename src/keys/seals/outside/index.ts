import type { OutsideKind } from "./kind.ts";
import { kmsKind } from "./kms.ts";
import { pkcs11Kind } from "./pkcs11.ts";
import { tpmKind } from "./tpm.ts";
import { xksKind } from "./xks.ts";

/** Every seal that is kept outside, by kind. */
export const outsideKinds: Readonly<Record<string, OutsideKind>> = {
  kms: kmsKind,
  tpm: tpmKind,
  pkcs11: pkcs11Kind,
  xks: xksKind,
};
