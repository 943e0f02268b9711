/**
 * Signed JSON Web Tokens. Sources: RFC 7515 (JWS compact serialization), RFC 7518 section 3.1 (algorithms), RFC 7519;
 * IAM User Guide, "Create an OpenID Connect identity provider": RS256, RS384, RS512, ES256, ES384 and ES512.
 *
 * INVARIANT: the algorithm must be of this table and fit the key; "none" and the HMAC algorithms are not in it.
 */
import { verify, type KeyObject, type webcrypto } from "node:crypto";
import { invalidToken } from "./errors.ts";

interface Algorithm {
  hash: string;
  kty: "RSA" | "EC";
  crv?: string;
}

const algorithms: Readonly<Record<string, Algorithm>> = {
  RS256: { hash: "sha256", kty: "RSA" },
  RS384: { hash: "sha384", kty: "RSA" },
  RS512: { hash: "sha512", kty: "RSA" },
  ES256: { hash: "sha256", kty: "EC", crv: "P-256" },
  ES384: { hash: "sha384", kty: "EC", crv: "P-384" },
  ES512: { hash: "sha512", kty: "EC", crv: "P-521" },
};

export interface Jwt {
  kid?: string;
  alg: string;
  claims: Record<string, unknown>;
  signed: Buffer;
  signature: Buffer;
}

const notJwt = () =>
  invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");

/** Reads a token; nothing in it is to be believed before `verifyJwt`. @throws InvalidIdentityToken */
export function readJwt(token: string): Jwt {
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) throw notJwt();
  const [header, claims, signature] = parts as [string, string, string];
  const { alg, kid, crit } = readObject(header);
  if (typeof alg !== "string" || !Object.hasOwn(algorithms, alg) || crit !== undefined) {
    throw invalidToken("The ID Token provided is signed with an unsupported algorithm.");
  }
  return {
    alg,
    ...(typeof kid === "string" ? { kid } : {}),
    claims: readObject(claims),
    signed: Buffer.from(`${header}.${claims}`, "ascii"),
    signature: Buffer.from(signature, "base64url"),
  };
}

function readObject(part: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    throw notJwt();
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notJwt();
  return value as Record<string, unknown>;
}

/** Whether a published key can have made signatures of this algorithm. */
export function fits(alg: string, key: webcrypto.JsonWebKey & { use?: string; alg?: string }): boolean {
  const { kty, crv } = algorithms[alg]!;
  if (key.kty !== kty || (crv !== undefined && key.crv !== crv)) return false;
  return (key.use === undefined || key.use === "sig") && (key.alg === undefined || key.alg === alg);
}

export function verifyJwt({ alg, signed, signature }: Jwt, key: KeyObject): boolean {
  return verify(algorithms[alg]!.hash, signed, { key, dsaEncoding: "ieee-p1363" }, signature);
}
