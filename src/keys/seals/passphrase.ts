import { argon2Sync, randomBytes } from "node:crypto";
import { type SealDefinition, SealInputError } from "./seal.ts";

/** Shorter ones are refused when the keyring is made; no rule about character classes (NIST SP 800-63B, 3.1.1.2). */
export const minimumPassphraseBytes = 12;

/**
 * Argon2id (RFC 9106). 256 MiB and three passes take about two thirds of a second on one core; the parameters are
 * kept with the keyring so that they can be raised for new ones.
 */
export const passphraseSeal: SealDefinition = {
  kind: "passphrase",
  development: false,
  secret: "given",
  newParameters: () => ({
    algorithm: "argon2id",
    memoryKiB: 256 * 1024,
    passes: 3,
    parallelism: 1,
    salt: randomBytes(16).toString("base64"),
  }),
  root(secret, parameters) {
    const { algorithm, memoryKiB, passes, parallelism, salt } = parameters;
    if (secret.length < minimumPassphraseBytes) {
      throw new SealInputError(`the passphrase must have at least ${minimumPassphraseBytes} bytes`);
    }
    if (
      algorithm !== "argon2id" ||
      !bounded(memoryKiB, 8 * 1024, 4 * 1024 * 1024) ||
      !bounded(passes, 1, 64) ||
      !bounded(parallelism, 1, 64) ||
      typeof salt !== "string"
    ) {
      throw new SealInputError("the keyring holds unusable argon2id parameters");
    }
    return argon2Sync("argon2id", {
      message: secret,
      nonce: Buffer.from(salt, "base64"),
      parallelism,
      tagLength: 32,
      memory: memoryKiB,
      passes,
    });
  },
};

function bounded(value: unknown, low: number, high: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= low && value <= high;
}
