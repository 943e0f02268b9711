import { createHash } from "node:crypto";
import { type SealDefinition, SealInputError } from "./seal.ts";

/** Bytes of the key file. */
export const developmentKeyBytes = 32;

/**
 * The key lies in the data folder (mode 0600), so whoever can read the folder can read everything. For
 * development and demonstrations; the state says so.
 */
export const developmentSeal: SealDefinition = {
  kind: "development",
  development: true,
  secret: "given",
  newParameters: () => ({}),
  root(secret) {
    if (secret.length !== developmentKeyBytes) {
      throw new SealInputError(`the development key file must have ${developmentKeyBytes} bytes`);
    }
    return createHash("sha256").update("jikimi development root").update(secret).digest();
  },
};
