import type { MessageKey } from "../i18n/i18n.tsx";

/** What the kinds of seal are called. */
export const sealKinds: Readonly<Record<string, MessageKey>> = {
  development: "seal.kind.development",
  passphrase: "seal.kind.passphrase",
  shamir: "seal.kind.shamir",
  tpm: "seal.kind.tpm",
  pkcs11: "seal.kind.pkcs11",
  kms: "seal.kind.kms",
  xks: "seal.kind.xks",
};
