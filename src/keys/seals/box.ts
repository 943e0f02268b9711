/**
 * Secrets on their way between the holder and whoever gives or keeps them (the command line, a helper): encrypted to a
 * key pair that lives in the memory of the one process that is to read them. What carries them in between, the api role
 * and its sockets, sees ciphertext.
 *
 *     box = public key of the sender₄₄ (DER) ‖ blob   ephemeral X25519 (RFC 7748), HKDF-SHA-256, `sealBlob`
 */
import {
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { openBlob, sealBlob } from "../blob.ts";

const publicBytes = 44;
const label = "jikimi box";

/** The one who reads boxes. */
export class BoxReader {
  readonly #privateKey: KeyObject;
  /** DER, SubjectPublicKeyInfo: what senders need. */
  readonly publicKey: Buffer;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    this.#privateKey = privateKey;
    this.publicKey = publicKey.export({ type: "spki", format: "der" });
  }

  /** `undefined` when it was not made for this reader and this purpose, or was changed. */
  open(box: Uint8Array, purpose: string): Buffer | undefined {
    const sender = box.subarray(0, publicBytes);
    const key = peerKey(sender);
    if (!key) return undefined;
    return openBlob(
      shared(this.#privateKey, key, sender, this.publicKey),
      label,
      box.subarray(publicBytes),
      aadOf(purpose),
    );
  }
}

/** @throws TypeError when `reader` is not a public key of a `BoxReader` */
export function boxFor(reader: Uint8Array, purpose: string, secret: Uint8Array): Buffer {
  const peer = peerKey(reader);
  if (!peer) throw new TypeError("not the public key of a box reader");
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const sender = publicKey.export({ type: "spki", format: "der" });
  return Buffer.concat([sender, sealBlob(shared(privateKey, peer, sender, reader), label, secret, aadOf(purpose))]);
}

function shared(own: KeyObject, peer: KeyObject, sender: Uint8Array, reader: Uint8Array): KeyObject {
  const secret = diffieHellman({ privateKey: own, publicKey: peer });
  const key = Buffer.from(hkdfSync("sha256", secret, Buffer.concat([sender, reader]), label, 32));
  secret.fill(0);
  const keyObject = createSecretKey(key);
  key.fill(0);
  return keyObject;
}

function peerKey(der: Uint8Array): KeyObject | undefined {
  if (der.length !== publicBytes) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(der), type: "spki", format: "der" });
    return key.asymmetricKeyType === "x25519" ? key : undefined;
  } catch {
    return undefined;
  }
}

const aadOf = (purpose: string): Buffer => Buffer.from(purpose, "utf8");
