import { developmentSeal } from "./development.ts";
import { passphraseSeal } from "./passphrase.ts";
import type { SealDefinition } from "./seal.ts";

/** Every seal, by kind. A new one (Shamir shares, TPM, PKCS#11, XKS) is a file beside these and a row here. */
export const seals: Readonly<Record<string, SealDefinition>> = {
  development: developmentSeal,
  passphrase: passphraseSeal,
};
