import { developmentSeal } from "./development.ts";
import { kmsSeal, pkcs11Seal, tpmSeal, xksSeal } from "./outsideSeals.ts";
import { passphraseSeal } from "./passphrase.ts";
import type { SealDefinition } from "./seal.ts";
import { shamirSeal } from "./shamir.ts";

/** Every seal, by kind. A new one is a file beside these and a row here. */
export const seals: Readonly<Record<string, SealDefinition>> = {
  development: developmentSeal,
  passphrase: passphraseSeal,
  shamir: shamirSeal,
  kms: kmsSeal,
  tpm: tpmSeal,
  xks: xksSeal,
  pkcs11: pkcs11Seal,
};
