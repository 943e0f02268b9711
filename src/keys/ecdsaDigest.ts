/**
 * ECDSA over a digest that the caller made (FIPS 186-5, section 6.4): `node:crypto` hashes what it signs and has no
 * way around it. The multiplications on the curve are OpenSSL's, through ECDH and through its own verification;
 * only arithmetic modulo the group order is done here. `docs/rationale.md`, "Keys", says why and what was measured.
 */
import { createECDH, createHash, createPublicKey, randomBytes, verify, type KeyObject } from "node:crypto";
import type { EcRow } from "./materials.ts";

type Curve = EcRow["curve"];

interface CurveRow {
  /** Name for ECDH. */
  name: string;
  bytes: number;
  /** Field prime, group order. */
  p: bigint;
  n: bigint;
}

/** SEC 2, version 2.0, sections 2.4.1, 2.4.2, 2.5.1 and 2.6.1. */
const curves: Readonly<Record<Curve, CurveRow>> = {
  "P-256": {
    name: "prime256v1",
    bytes: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  secp256k1: {
    name: "secp256k1",
    bytes: 32,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  },
  "P-384": {
    name: "secp384r1",
    bytes: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  "P-521": {
    name: "secp521r1",
    bytes: 66,
    p: (1n << 521n) - 1n,
    n: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
};

/**
 * A DER signature. The nonce is fresh and uniform, its multiple of the base point is OpenSSL's, and the inversion and
 * the product with the secret are blinded by a second random number, so that neither runs on the secret values.
 */
export function signDigest(curve: Curve, key: KeyObject, digest: Uint8Array): Buffer {
  const row = curves[curve];
  const { n } = row;
  const secret = key.export({ format: "raw-private" });
  const d = toInteger(secret);
  secret.fill(0);
  const z = truncated(digest, n);
  for (;;) {
    const nonce = randomScalar(row);
    const point = multiplyBase(row, nonce);
    const k = toInteger(nonce);
    nonce.fill(0);
    const r = toInteger(point.subarray(1, 1 + row.bytes)) % n;
    const blind = toInteger(randomScalar(row));
    const s = (inverse((k * blind) % n, n) * ((blind * z + ((blind * r) % n) * d) % n)) % n;
    if (r !== 0n && s !== 0n) return derSignature(r, s);
  }
}

/**
 * Whether a DER signature over `digest` is valid. OpenSSL verifies only messages, so the question is put to it about
 * another message and another key: for a message with digest z′, (r, s) is valid under Q′ = Q + (z − z′)/r · G
 * exactly when it is valid for z under Q, because u₁G + u₂Q is the same point. All values here are public.
 */
export function verifyDigest(curve: Curve, key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const row = curves[curve];
  const { n } = row;
  const r = firstInteger(signature);
  if (r === undefined || r <= 0n || r >= n) return false;
  const z = truncated(digest, n);
  const own = key.export({ format: "raw-public", type: "uncompressed" });
  for (let counter = 0; ; counter++) {
    const message = Buffer.of(counter);
    const other = truncated(createHash("sha256").update(message).digest(), n);
    const t = modulo((z - other) * inverse(r, n), n);
    // A sum that is not an ordinary addition of two different points is avoided: another message moves it.
    const moved = t === 0n ? undefined : add(row, own, multiplyBase(row, fromInteger(t, row.bytes)));
    if (!moved) continue;
    const publicKey = createPublicKey({
      key: moved,
      format: "raw-public",
      asymmetricKeyType: "ec",
      namedCurve: curve,
    });
    return verify("sha256", message, { key: publicKey, dsaEncoding: "der" }, signature);
  }
}

/** A uniform number from 1 to n − 1, by rejection. */
function randomScalar({ bytes, n }: CurveRow): Buffer {
  const spare = bytes * 8 - n.toString(2).length;
  for (;;) {
    const candidate = randomBytes(bytes);
    candidate[0]! &= 0xff >> spare;
    const value = toInteger(candidate);
    if (value > 0n && value < n) return candidate;
  }
}

/** Uncompressed point. */
function multiplyBase(row: CurveRow, scalar: Buffer): Buffer {
  const ecdh = createECDH(row.name);
  ecdh.setPrivateKey(scalar);
  return ecdh.getPublicKey();
}

/** The sum of two points with different x; `undefined` when their x is the same. Public values only. */
function add({ p, bytes }: CurveRow, a: Buffer, b: Buffer): Buffer | undefined {
  const [x1, y1] = coordinates(a, bytes);
  const [x2, y2] = coordinates(b, bytes);
  if (x1 === x2) return undefined;
  const slope = modulo((y2 - y1) * inverse(modulo(x2 - x1, p), p), p);
  const x = modulo(slope * slope - x1 - x2, p);
  const y = modulo(slope * (x1 - x) - y1, p);
  return Buffer.concat([Buffer.of(4), fromInteger(x, bytes), fromInteger(y, bytes)]);
}

function coordinates(point: Buffer, bytes: number): [bigint, bigint] {
  return [toInteger(point.subarray(1, 1 + bytes)), toInteger(point.subarray(1 + bytes))];
}

/** The leftmost bits of a digest, as many as the order has. */
function truncated(digest: Uint8Array, n: bigint): bigint {
  const excess = digest.length * 8 - n.toString(2).length;
  const value = toInteger(digest);
  return excess > 0 ? value >> BigInt(excess) : value;
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** By the extended Euclidean algorithm, whose time depends on the value: secret values come blinded. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, value];
  let [x, y] = [0n, 1n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return modulo(x, modulus);
}

/** Word by word: no string is made of a secret. */
function toInteger(bytes: Uint8Array): bigint {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = buffer.length % 8;
  let value = 0n;
  for (let at = 0; at < head; at++) value = (value << 8n) | BigInt(buffer[at]!);
  for (let at = head; at < buffer.length; at += 8) value = (value << 64n) | buffer.readBigUInt64BE(at);
  return value;
}

function fromInteger(value: bigint, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(bytes * 2, "0"), "hex");
}

function derSignature(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([derInteger(r), derInteger(s)]);
  return Buffer.concat([Buffer.of(0x30), derLength(body.length), body]);
}

function derInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const body = bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return Buffer.concat([Buffer.of(0x02), derLength(body.length), body]);
}

/** Signatures are shorter than 256 bytes. */
function derLength(length: number): Buffer {
  return length < 0x80 ? Buffer.of(length) : Buffer.of(0x81, length);
}

/**
 * The first INTEGER of `SEQUENCE { INTEGER r, INTEGER s }`. OpenSSL parses the whole afterwards and refuses whatever
 * is not DER; here it is enough not to read past the end.
 */
function firstInteger(signature: Uint8Array): bigint | undefined {
  const start = signature[1] === 0x81 ? 3 : 2;
  const length = signature[start + 1];
  if (signature[0] !== 0x30 || signature[start] !== 0x02 || length === undefined || length === 0 || length > 0x7f) {
    return undefined;
  }
  const end = start + 2 + length;
  return end > signature.length ? undefined : toInteger(signature.subarray(start + 2, end));
}
