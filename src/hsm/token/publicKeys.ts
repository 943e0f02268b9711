/** Public and private keys between attributes and the encodings that libraries read. */
import { createECDH, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { AttributeSet } from "./attributeSet.ts";
import type { PairSpec } from "./backend.ts";
import { CKA, CKK, CKR, Failure } from "./constants.ts";
import { curveOf, curveRow, curves, unwrapPoint, wrapPoint, type Curve } from "./curves.ts";

/** What a public key (SubjectPublicKeyInfo) is in attributes of its object, or of the private key's. */
export function publicAttributes(spki: Buffer, of: "public" | "private"): [number, Buffer | number][] {
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  const jwk = key.export({ format: "jwk" });
  if (key.asymmetricKeyType === "rsa") {
    const modulus = Buffer.from(jwk.n!, "base64url");
    return [
      [CKA.KEY_TYPE, CKK.RSA],
      [CKA.MODULUS, modulus],
      [CKA.PUBLIC_EXPONENT, Buffer.from(jwk.e!, "base64url")],
      ...(of === "public" ? [[CKA.MODULUS_BITS, key.asymmetricKeyDetails!.modulusLength!] as [number, number]] : []),
      [CKA.PUBLIC_KEY_INFO, spki],
    ];
  }
  const { parameters } = curveRow(curveNamed(key));
  const point = key.export({ format: "raw-public", type: "uncompressed" });
  return [
    [CKA.KEY_TYPE, CKK.EC],
    [CKA.EC_PARAMS, parameters],
    ...(of === "public" ? [[CKA.EC_POINT, wrapPoint(point)] as [number, Buffer]] : []),
    [CKA.PUBLIC_KEY_INFO, spki],
  ];
}

export function curveNamed(key: KeyObject): Curve {
  const name = key.asymmetricKeyDetails?.namedCurve;
  const row = curves.find(({ openssl }) => openssl === name);
  if (!row) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "a curve that is not offered");
  return row.curve;
}

/** SubjectPublicKeyInfo of a key that a module made, by what it tells of it: modulus and exponent, or the point. */
export function spkiOf(spec: PairSpec, [first, second]: readonly Buffer[]): Buffer {
  if (spec.type === "RSA") {
    const jwk = { kty: "RSA", n: base64url(first!), e: base64url(second!) };
    return parse(() => createPublicKey({ key: jwk, format: "jwk" })).export({ format: "der", type: "spki" });
  }
  const row = curveRow(spec.curve);
  const key = unwrapPoint(first!, row);
  const read = parse(() =>
    createPublicKey({ key, format: "raw-public", asymmetricKeyType: "ec", namedCurve: row.openssl }),
  );
  return read.export({ format: "der", type: "spki" });
}

/** The key that a public key object describes. @throws Failure */
export function publicKeyOf(attributes: AttributeSet): KeyObject {
  if (attributes.number(CKA.KEY_TYPE) === CKK.RSA) {
    const jwk = {
      kty: "RSA",
      n: base64url(attributes.require(CKA.MODULUS)),
      e: base64url(attributes.require(CKA.PUBLIC_EXPONENT)),
    };
    const key = parse(() => createPublicKey({ key: jwk, format: "jwk" }));
    checkModulus(key.asymmetricKeyDetails!.modulusLength!);
    return key;
  }
  if (attributes.number(CKA.KEY_TYPE) !== CKK.EC) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "key type");
  const row = curveOf(attributes.require(CKA.EC_PARAMS));
  const key = unwrapPoint(attributes.require(CKA.EC_POINT), row);
  return parse(() => createPublicKey({ key, format: "raw-public", asymmetricKeyType: "ec", namedCurve: row.openssl }));
}

/** PKCS #8 of a private key that an application gives by its parts. @throws Failure */
export function privateKeyOf(attributes: AttributeSet): { type: "RSA" | "EC"; pkcs8: Buffer; spki: Buffer } {
  const key = attributes.number(CKA.KEY_TYPE) === CKK.RSA ? rsaKey(attributes) : ecKey(attributes);
  return describe(key);
}

/** The same of a PKCS #8 that was unwrapped. @throws Failure */
export function describePrivate(pkcs8: Buffer): { type: "RSA" | "EC"; pkcs8: Buffer; spki: Buffer } {
  return describe(parse(() => createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })));
}

function describe(key: KeyObject): { type: "RSA" | "EC"; pkcs8: Buffer; spki: Buffer } {
  if (key.asymmetricKeyType === "rsa") checkModulus(key.asymmetricKeyDetails!.modulusLength!);
  else if (key.asymmetricKeyType === "ec") curveNamed(key);
  else throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "key type");
  return {
    type: key.asymmetricKeyType === "rsa" ? "RSA" : "EC",
    pkcs8: key.export({ format: "der", type: "pkcs8" }),
    spki: createPublicKey(key).export({ format: "der", type: "spki" }),
  };
}

function rsaKey(attributes: AttributeSet): KeyObject {
  const part = (type: number): string => base64url(attributes.require(type));
  const jwk = {
    kty: "RSA",
    n: part(CKA.MODULUS),
    e: part(CKA.PUBLIC_EXPONENT),
    d: part(CKA.PRIVATE_EXPONENT),
    p: part(CKA.PRIME_1),
    q: part(CKA.PRIME_2),
    dp: part(CKA.EXPONENT_1),
    dq: part(CKA.EXPONENT_2),
    qi: part(CKA.COEFFICIENT),
  };
  return parse(() => createPrivateKey({ key: jwk, format: "jwk" }));
}

function ecKey(attributes: AttributeSet): KeyObject {
  if (attributes.number(CKA.KEY_TYPE) !== CKK.EC) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "key type");
  const { curve, bytes, openssl } = curveOf(attributes.require(CKA.EC_PARAMS));
  const value = attributes.require(CKA.VALUE);
  if (value.length > bytes) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID);
  return parse(() => {
    const ecdh = createECDH(openssl);
    const d = Buffer.concat([Buffer.alloc(bytes - value.length), value]);
    ecdh.setPrivateKey(d);
    const point = ecdh.getPublicKey();
    const jwk = {
      kty: "EC",
      crv: curve,
      x: base64url(point.subarray(1, 1 + bytes)),
      y: base64url(point.subarray(1 + bytes)),
      d: base64url(d),
    };
    return createPrivateKey({ key: jwk, format: "jwk" });
  });
}

const modulusSizes = new Set([2048, 3072, 4096]);

function checkModulus(bits: number): void {
  if (!modulusSizes.has(bits)) throw new Failure(CKR.KEY_SIZE_RANGE);
}

function base64url(value: Buffer): string {
  return value.toString("base64url");
}

function parse<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, (error as Error).message);
  }
}
