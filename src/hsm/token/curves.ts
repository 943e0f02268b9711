/** Elliptic curves by the parameters that applications pass. Source: RFC 5480, 2.1.1.1; SEC 2. */
import { CKR, Failure } from "./constants.ts";

export type Curve = "P-256" | "P-384" | "P-521" | "secp256k1";

interface CurveRow {
  curve: Curve;
  /** DER of the object identifier, as in CKA_EC_PARAMS. */
  parameters: Buffer;
  /** Of a coordinate, and of the group order. */
  bytes: number;
  bits: number;
  /** Name for ECDH in OpenSSL. */
  openssl: string;
}

export const curves: readonly CurveRow[] = [
  { curve: "P-256", parameters: hex("06082a8648ce3d030107"), bytes: 32, bits: 256, openssl: "prime256v1" },
  { curve: "P-384", parameters: hex("06052b81040022"), bytes: 48, bits: 384, openssl: "secp384r1" },
  { curve: "P-521", parameters: hex("06052b81040023"), bytes: 66, bits: 521, openssl: "secp521r1" },
  { curve: "secp256k1", parameters: hex("06052b8104000a"), bytes: 32, bits: 256, openssl: "secp256k1" },
];

export function curveOf(parameters: Buffer): CurveRow {
  const row = curves.find((each) => each.parameters.equals(parameters));
  if (!row) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "a curve that is not offered");
  return row;
}

export function curveRow(curve: Curve): CurveRow {
  return curves.find((each) => each.curve === curve)!;
}

/** DER OCTET STRING of an uncompressed point, as in CKA_EC_POINT. */
export function wrapPoint(point: Buffer): Buffer {
  const length = point.length < 0x80 ? Buffer.of(point.length) : Buffer.of(0x81, point.length);
  return Buffer.concat([Buffer.of(0x04), length, point]);
}

/** Takes the bare point too: some applications pass it so. */
export function unwrapPoint(value: Buffer, { bytes }: Pick<CurveRow, "bytes">): Buffer {
  const length = 1 + 2 * bytes;
  const point = value.length === length ? value : value.subarray(value.length - length);
  if (point.length !== length || point[0] !== 0x04 || (value.length !== length && !wrapPoint(point).equals(value))) {
    throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "not an uncompressed point of this curve");
  }
  return point;
}

/** From DER `SEQUENCE { INTEGER r, INTEGER s }` to r‖s. The input is our own library's. */
export function rawSignature(der: Buffer, bytes: number): Buffer {
  let at = der[1] === 0x81 ? 3 : 2;
  const take = (): Buffer => {
    const length = der[at + 1]!;
    const value = der.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    const bare = value[0] === 0 ? value.subarray(1) : value;
    return Buffer.concat([Buffer.alloc(bytes - bare.length), bare]);
  };
  return Buffer.concat([take(), take()]);
}

export function derSignature(raw: Buffer, bytes: number): Buffer | undefined {
  if (raw.length !== 2 * bytes) return undefined;
  const integer = (value: Buffer): Buffer => {
    const first = value.findIndex((byte) => byte !== 0);
    const bare = first < 0 ? Buffer.of(0) : value.subarray(first);
    const padded = bare[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bare]) : bare;
    return Buffer.concat([Buffer.of(0x02, padded.length), padded]);
  };
  const body = Buffer.concat([integer(raw.subarray(0, bytes)), integer(raw.subarray(bytes))]);
  return Buffer.concat([
    Buffer.of(0x30),
    body.length < 0x80 ? Buffer.of(body.length) : Buffer.of(0x81, body.length),
    body,
  ]);
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
