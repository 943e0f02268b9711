/** The holder's half of seals that are kept outside (`outside/`): their secret is the root itself. */
import { type SealConfig, type SealDefinition, SealInputError } from "./seal.ts";

const rootBytes = 32;

function outsideSeal(kind: SealConfig["kind"]): SealDefinition {
  return {
    kind,
    development: false,
    secret: "made",
    outside: true,
    newParameters({ kind: _, ...parameters }) {
      return parameters;
    },
    root(secret) {
      if (secret.length !== rootBytes) throw new SealInputError(`the ${kind} seal gave something else than a root`);
      return Buffer.from(secret);
    },
  };
}

export const kmsSeal = outsideSeal("kms");
export const tpmSeal = outsideSeal("tpm");
export const pkcs11Seal = outsideSeal("pkcs11");
export const xksSeal = outsideSeal("xks");
