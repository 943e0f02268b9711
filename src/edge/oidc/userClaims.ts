/**
 * What targets are told of the user: `x-amzn-oidc-data`, signed so that a target can tell it from what anybody sends.
 * Source: Elastic Load Balancing User Guide, "User claims encoding and signature verification".
 */
import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, type KeyObject } from "node:crypto";

/** The host name under which any listener gives the public key: `GET /<key id>`; the Region stands in the name. */
export const publicKeyHost = "public-keys.auth.elb.";

const lifetimeSeconds = 120;

/** Order of P-256. Source: FIPS 186-5, SEC 2. */
const order = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

export class ClaimsSigner {
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
  readonly #key: KeyObject;

  /** @param secret 32 bytes: the same secret gives the same key, so that it is kept over restarts. */
  constructor(secret: Uint8Array) {
    this.#key = privateKey(secret);
    this.publicKey = createPublicKey(this.#key).export({ type: "spki", format: "pem" }) as string;
    const hash = createHash("sha256").update(this.publicKey).digest("hex");
    this.keyId = [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join(
      "-",
    );
  }

  /** A JWT, ES256; padded base64url as the real one's. */
  sign(
    claims: Record<string, unknown>,
    facts: { signer: string; issuer: string; client: string },
    nowMs: number,
  ): string {
    const exp = Math.floor(nowMs / 1000) + lifetimeSeconds;
    const { signer, issuer, client } = facts;
    const header = { typ: "JWT", kid: this.keyId, alg: "ES256", iss: issuer, client, signer, exp };
    const text = `${encode(header)}.${encode({ ...claims, exp, iss: issuer })}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.#key, dsaEncoding: "ieee-p1363" });
    return `${text}.${padded(signature)}`;
  }
}

/** A scalar with 64 bits more than the order needs, so that its remainder is uniform. FIPS 186-5 appendix A.2.1. */
function privateKey(secret: Uint8Array): KeyObject {
  const wide = BigInt(`0x${Buffer.from(hkdfSync("sha256", secret, "", "jikimi-edge claims", 40)).toString("hex")}`);
  const scalar = (wide % (order - 1n)) + 1n;
  const octets = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
  // SEC 1 ECPrivateKey without its public key, which OpenSSL works out.
  const der = Buffer.concat([
    Buffer.from("30310201010420", "hex"),
    octets,
    Buffer.from("a00a06082a8648ce3d030107", "hex"),
  ]);
  return createPrivateKey({ key: der, format: "der", type: "sec1" });
}

function encode(value: unknown): string {
  return padded(Buffer.from(JSON.stringify(value)));
}

function padded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}
