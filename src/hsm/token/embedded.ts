/** The embedded backend: keys in the memory of this process, OpenSSL through `node:crypto`. Software, and named so. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPair,
  privateDecrypt,
  privateEncrypt,
  randomBytes,
  sign,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import { signDigest } from "#keys/ecdsaDigest.ts";
import { signPss, type RsaHash } from "#keys/rsaDigest.ts";
import type { Mechanism } from "../rpc/mechanisms.ts";
import type { KeyBackend, KeyReference, PairSpec } from "./backend.ts";
import { cmac } from "./cmac.ts";
import { CKM, CKR, Failure } from "./constants.ts";
import { curveRow, rawSignature, type Curve } from "./curves.ts";
import { mechanismRow } from "./mechanisms.ts";
import { hashOf, parameterOf } from "./parameters.ts";

const newPair = promisify(generateKeyPair);

export class EmbeddedBackend implements KeyBackend {
  readonly kind = "embedded";
  /** Parsed keys: OpenSSL takes longer to read a key than to use it. Keyed by the reference that the token holds. */
  readonly #objects = new WeakMap<Buffer, KeyObject>();

  offers(): boolean {
    return true;
  }

  async generateSecret(type: "AES" | "GENERIC", bytes: number): Promise<KeyReference> {
    return { class: "secret", type, reference: randomBytes(bytes) };
  }

  async generatePair(spec: PairSpec): Promise<{ key: KeyReference; spki: Buffer }> {
    const pair =
      spec.type === "RSA"
        ? await newPair("rsa", {
            modulusLength: spec.bits,
            publicExponent: spec.exponent.readUIntBE(0, spec.exponent.length),
          })
        : await newPair("ec", { namedCurve: curveRow(spec.curve).openssl });
    const reference = pair.privateKey.export({ format: "der", type: "pkcs8" });
    const spki = pair.publicKey.export({ format: "der", type: "spki" });
    return { key: { class: "private", type: spec.type, reference }, spki };
  }

  async importSecret(type: "AES" | "GENERIC", value: Buffer): Promise<KeyReference> {
    return { class: "secret", type, reference: Buffer.from(value) };
  }

  async importPrivate(type: "RSA" | "EC", pkcs8: Buffer): Promise<KeyReference> {
    return { class: "private", type, reference: Buffer.from(pkcs8) };
  }

  async encrypt(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    const secret = this.#object(key);
    if (mechanism.type === CKM.AES_GCM) {
      const { iv, aad, tagBits } = parameterOf(mechanism, "gcm");
      const cipher = createCipheriv(gcmOf(secret), secret, iv, { authTagLength: tagBits / 8 }).setAAD(aad);
      const body = cipher.update(data);
      cipher.final();
      return Buffer.concat([body, cipher.getAuthTag()]);
    }
    const cipher = createCipheriv(cipherOf(mechanism, secret), secret, ivOf(mechanism));
    cipher.setAutoPadding(mechanism.type === CKM.AES_CBC_PAD);
    return attempt(CKR.DATA_LEN_RANGE, () => Buffer.concat([cipher.update(data), cipher.final()]));
  }

  async decrypt(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    const object = this.#object(key);
    if (key.class === "private") return decryptRsa(object, mechanism, data);
    if (mechanism.type === CKM.AES_GCM) {
      const { iv, aad, tagBits } = parameterOf(mechanism, "gcm");
      const at = data.length - tagBits / 8;
      if (at < 0) throw new Failure(CKR.ENCRYPTED_DATA_LEN_RANGE);
      const decipher = createDecipheriv(gcmOf(object), object, iv, { authTagLength: tagBits / 8 })
        .setAAD(aad)
        .setAuthTag(data.subarray(at));
      return attempt(CKR.ENCRYPTED_DATA_INVALID, () =>
        Buffer.concat([decipher.update(data.subarray(0, at)), decipher.final()]),
      );
    }
    const decipher = createDecipheriv(cipherOf(mechanism, object), object, ivOf(mechanism));
    decipher.setAutoPadding(mechanism.type === CKM.AES_CBC_PAD);
    if (data.length % 16 !== 0 && !isKeyWrap(mechanism)) throw new Failure(CKR.ENCRYPTED_DATA_LEN_RANGE);
    return attempt(CKR.ENCRYPTED_DATA_INVALID, () => Buffer.concat([decipher.update(data), decipher.final()]));
  }

  async sign(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    const object = this.#object(key);
    const hash = mechanismRow(mechanism.type)?.hash;
    if (mechanism.type === CKM.AES_CMAC) return cmac(object, data);
    if (key.class === "secret") return createHmac(hash!, object).update(data).digest();
    return key.type === "RSA" ? signRsa(object, mechanism, hash, data) : signEc(object, hash, data);
  }

  async agree(key: KeyReference, point: Buffer): Promise<Buffer> {
    const privateKey = this.#object(key);
    return attempt(CKR.MECHANISM_PARAM_INVALID, () => {
      const { namedCurve } = privateKey.asymmetricKeyDetails!;
      const publicKey = createPublicKey({
        key: point,
        format: "raw-public",
        asymmetricKeyType: "ec",
        namedCurve: namedCurve!,
      });
      return diffieHellman({ privateKey, publicKey });
    });
  }

  async export(key: KeyReference): Promise<Buffer> {
    return Buffer.from(key.reference);
  }

  async destroy(key: KeyReference): Promise<void> {
    key.reference.fill(0);
  }

  #object(key: KeyReference): KeyObject {
    let object = this.#objects.get(key.reference);
    if (!object) {
      object =
        key.class === "secret"
          ? createSecretKey(key.reference)
          : createPrivateKey({ key: key.reference, format: "der", type: "pkcs8" });
      this.#objects.set(key.reference, object);
    }
    return object;
  }
}

function signRsa(key: KeyObject, mechanism: Mechanism, hash: string | undefined, data: Buffer): Buffer {
  if (mechanism.type === CKM.RSA_PKCS) {
    return attempt(CKR.DATA_LEN_RANGE, () => privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data));
  }
  if (mechanism.type === CKM.RSA_PKCS_PSS) {
    const { hash: named, bytes } = hashOf(parameterOf(mechanism, "pss"));
    if (data.length !== bytes) throw new Failure(CKR.DATA_LEN_RANGE);
    return signPss(key, named as RsaHash, data);
  }
  if (mechanism.parameter?.kind !== "pss") return sign(hash, data, key);
  const { saltLength } = mechanism.parameter;
  return sign(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
}

const curveNames: Readonly<Record<string, Curve>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
  secp256k1: "secp256k1",
};

function signEc(key: KeyObject, hash: string | undefined, data: Buffer): Buffer {
  if (hash !== undefined) return sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
  if (data.length === 0 || data.length > 64) throw new Failure(CKR.DATA_LEN_RANGE);
  const curve = curveNames[key.asymmetricKeyDetails!.namedCurve!]!;
  return rawSignature(signDigest(curve, key, data), curveRow(curve).bytes);
}

function decryptRsa(key: KeyObject, mechanism: Mechanism, data: Buffer): Buffer {
  if (data.length !== key.asymmetricKeyDetails!.modulusLength! / 8) throw new Failure(CKR.ENCRYPTED_DATA_LEN_RANGE);
  return attempt(CKR.ENCRYPTED_DATA_INVALID, () => {
    if (mechanism.type === CKM.RSA_PKCS) return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data);
    const parameter = parameterOf(mechanism, "oaep");
    const { hash } = hashOf(parameter);
    const oaepLabel = parameter.label;
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash, oaepLabel }, data);
  });
}

function bitsOf(key: KeyObject): number {
  return key.symmetricKeySize! * 8;
}

function gcmOf(key: KeyObject): "aes-256-gcm" {
  // The three lengths have one interface.
  return `aes-${bitsOf(key)}-gcm` as "aes-256-gcm";
}

function isKeyWrap({ type }: Mechanism): boolean {
  return type === CKM.AES_KEY_WRAP || type === CKM.AES_KEY_WRAP_PAD || type === CKM.AES_KEY_WRAP_KWP;
}

function cipherOf(mechanism: Mechanism, key: KeyObject): string {
  if (mechanism.type === CKM.AES_ECB) return `aes-${bitsOf(key)}-ecb`;
  if (mechanism.type === CKM.AES_KEY_WRAP) return `aes${bitsOf(key)}-wrap`;
  return isKeyWrap(mechanism) ? `aes${bitsOf(key)}-wrap-pad` : `aes-${bitsOf(key)}-cbc`;
}

/** Initial values of RFC 3394, 2.2.3.1 and RFC 5649, 3. */
function ivOf(mechanism: Mechanism): Buffer | null {
  if (mechanism.type === CKM.AES_ECB) return null;
  if (mechanism.type === CKM.AES_KEY_WRAP) return Buffer.alloc(8, 0xa6);
  return isKeyWrap(mechanism) ? Buffer.from("a65959a6", "hex") : parameterOf(mechanism, "iv").iv;
}

/** What OpenSSL refuses is the data's fault: keys and parameters were checked before. */
function attempt<T>(code: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(code, (error as Error).message);
  }
}
