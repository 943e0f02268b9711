/** Parameters of mechanisms, checked before a backend sees them. */
import type { Mechanism, MechanismParameter } from "../rpc/mechanisms.ts";
import { CKG, CKM, CKR, Failure } from "./constants.ts";
import type { Hash } from "./mechanisms.ts";

type Of<Kind extends MechanismParameter["kind"]> = Extract<MechanismParameter, { kind: Kind }>;

/** @throws Failure */
export function parameterOf<Kind extends MechanismParameter["kind"]>(mechanism: Mechanism, kind: Kind): Of<Kind> {
  const { parameter } = mechanism;
  if (parameter?.kind !== kind) throw new Failure(CKR.MECHANISM_PARAM_INVALID);
  return parameter as Of<Kind>;
}

const hashes: ReadonlyMap<number, { hash: Hash; mgf: number; bytes: number }> = new Map([
  [CKM.SHA_1, { hash: "sha1", mgf: CKG.MGF1_SHA1, bytes: 20 }],
  [CKM.SHA256, { hash: "sha256", mgf: CKG.MGF1_SHA256, bytes: 32 }],
  [CKM.SHA384, { hash: "sha384", mgf: CKG.MGF1_SHA384, bytes: 48 }],
  [CKM.SHA512, { hash: "sha512", mgf: CKG.MGF1_SHA512, bytes: 64 }],
] as const);

/** OpenSSL and we use one hash for both. @throws Failure */
export function hashOf(parameter: { hash: number; mgf: number }): { hash: Hash; bytes: number } {
  const row = hashes.get(parameter.hash);
  if (row?.mgf !== parameter.mgf) throw new Failure(CKR.MECHANISM_PARAM_INVALID, "hash and mask do not go together");
  return row;
}

/** Whether a mechanism has parameters that can be used, for an operation to begin. @throws Failure */
export function checkParameters(mechanism: Mechanism, hash: Hash | undefined): void {
  switch (mechanism.type) {
    case CKM.AES_CBC:
    case CKM.AES_CBC_PAD:
      return void parameterOf(mechanism, "iv");
    case CKM.AES_GCM: {
      const { iv, aad, tagBits } = parameterOf(mechanism, "gcm");
      // NIST SP 800-38D, 5.2.1: other tags than these are not offered; an IV of 12 bytes is used as it is.
      if (iv.length < 12 || iv.length > 256 || aad.length > longestAad || ![96, 104, 112, 120, 128].includes(tagBits)) {
        throw new Failure(CKR.MECHANISM_PARAM_INVALID);
      }
      return;
    }
    case CKM.RSA_PKCS_OAEP:
      return void hashOf(parameterOf(mechanism, "oaep"));
    case CKM.RSA_PKCS_PSS:
    case CKM.SHA256_RSA_PKCS_PSS:
    case CKM.SHA384_RSA_PKCS_PSS:
    case CKM.SHA512_RSA_PKCS_PSS: {
      const parameter = parameterOf(mechanism, "pss");
      const { hash: named, bytes } = hashOf(parameter);
      // A salt as long as the digest, as everybody makes it; SHA-1 signs nothing here.
      const fits = parameter.saltLength === bytes && named !== "sha1" && (hash === undefined || hash === named);
      if (!fits) throw new Failure(CKR.MECHANISM_PARAM_INVALID);
      return;
    }
    case CKM.AES_KEY_WRAP:
    case CKM.AES_KEY_WRAP_PAD:
    case CKM.AES_KEY_WRAP_KWP: {
      const { parameter } = mechanism;
      // Another initial value than the standard's is not offered.
      if (parameter && (parameter.kind !== "bytes" || parameter.bytes.length > 0))
        throw new Failure(CKR.MECHANISM_PARAM_INVALID);
      return;
    }
    default:
  }
}

const longestAad = 64 * 1024;
