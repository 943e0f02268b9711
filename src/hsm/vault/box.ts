/**
 * Closed boxes: AES-256-GCM under a key, or to an X25519 public key (ephemeral key, HKDF-SHA-256, then the same).
 * `purpose` says what a box is for and whose it is; a box of one purpose does not open as another.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";

/** Wrong key, or not what was closed. */
export class BoxError extends Error {
  constructor() {
    super("the box does not open");
    this.name = "BoxError";
  }
}

const ivLength = 12;
const tagLength = 16;
const publicLength = 32;

export function close(key: KeyObject | Buffer, purpose: string, content: Uint8Array): Buffer {
  const iv = randomBytes(ivLength);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(purpose));
  const body = cipher.update(content);
  cipher.final();
  return Buffer.concat([iv, body, cipher.getAuthTag()]);
}

/** @throws BoxError */
export function open(key: KeyObject | Buffer, purpose: string, box: Uint8Array): Buffer {
  if (box.length < ivLength + tagLength) throw new BoxError();
  const decipher = createDecipheriv("aes-256-gcm", key, box.subarray(0, ivLength), { authTagLength: tagLength })
    .setAAD(Buffer.from(purpose))
    .setAuthTag(box.subarray(box.length - tagLength));
  const content = decipher.update(box.subarray(ivLength, box.length - tagLength));
  try {
    decipher.final();
  } catch {
    content.fill(0);
    throw new BoxError();
  }
  return content;
}

/** To whoever has the private key of `publicKey` (32 bytes). */
export function closeTo(publicKey: Uint8Array, purpose: string, content: Uint8Array): Buffer {
  const ephemeral = generateKeyPairSync("x25519");
  const own = rawPublicKey(ephemeral.publicKey);
  const key = shared(ephemeral.privateKey, x25519PublicKey(publicKey), own, publicKey);
  return Buffer.concat([own, close(key, purpose, content)]);
}

/** @throws BoxError */
export function openWith(privateKey: KeyObject, publicKey: Uint8Array, purpose: string, box: Uint8Array): Buffer {
  if (box.length < publicLength) throw new BoxError();
  const ephemeral = box.subarray(0, publicLength);
  const key = shared(privateKey, x25519PublicKey(ephemeral), ephemeral, publicKey);
  return open(key, purpose, box.subarray(publicLength));
}

function shared(privateKey: KeyObject, publicKey: KeyObject, ephemeral: Uint8Array, recipient: Uint8Array): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  return derive(secret, Buffer.concat([ephemeral, recipient]), "jikimi-hsm/box");
}

export function derive(secret: Uint8Array, salt: Uint8Array, info: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, salt, info, 32));
}

/** RFC 8410: everything of these encodings before the 32 bytes of the key. */
const privatePrefix = Buffer.from("302e020100300506032b656e04220420", "hex");
const publicPrefix = Buffer.from("302a300506032b656e032100", "hex");

export function x25519PrivateKey(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privatePrefix, raw]), format: "der", type: "pkcs8" });
}

function x25519PublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: "der", type: "spki" });
}

export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(publicPrefix.length);
}
