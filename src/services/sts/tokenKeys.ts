/**
 * The key pairs that sign an account's tokens, one per algorithm, replaced every 90 days; private halves under the key
 * holder. A public half is published until the last token it signed has run out.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, sign, type webcrypto } from "node:crypto";
import { promisify } from "node:util";
import type { CallContext } from "#gateway/context.ts";
import { globalRegion, type Scope, type Store } from "#store/contract.ts";

export type Algorithm = "RS256" | "ES384";
export const algorithms: readonly Algorithm[] = ["RS256", "ES384"];

const service = "sts";
const type = "tokenKey";
const purpose = "sts-token-key";
const dayMs = 86_400_000;
const periodMs = 90 * dayMs;
/** No token lasts longer. */
const longestTokenMs = 3_600_000;

/** By algorithm and period, so that there is one of each however many are made at once. */
interface TokenKey {
  algorithm: Algorithm;
  keyId: string;
  /** Epoch milliseconds: it signs nothing from then on. */
  until: number;
  publicJwk: webcrypto.JsonWebKey;
  /** PKCS #8 DER under the key holder, base64, bound to the key id. */
  privateKey: string;
}

const scopeOf = (account: string): Scope => ({ account, region: globalRegion, service });

export interface TokenSigner {
  keyId: string;
  /** Of the signing input of a JWS. */
  sign(input: string): string;
}

/** The key of today, made where there is none. `now`: by the clock that verifiers share. */
export async function tokenSigner(ctx: CallContext, algorithm: Algorithm, now: number): Promise<TokenSigner> {
  const at = scopeOf(ctx.account);
  const period = Math.floor(now / periodMs);
  const id = `${algorithm}/${String(period).padStart(6, "0")}`;
  const found = (await ctx.state.get<TokenKey>(type, id, at))?.value;
  const tokenKey = found ?? (await make(ctx, algorithm, (period + 1) * periodMs));
  if (!found) ctx.state.put<TokenKey>(type, id, tokenKey, { at });
  const { keyId, privateKey } = tokenKey;
  const der = await ctx.keys.reveal(purpose, keyId, Buffer.from(privateKey, "base64"));
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const hash = algorithm === "RS256" ? "sha256" : "sha384";
  return {
    keyId,
    sign: (input) => sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url"),
  };
}

/** Once per call, however often its handler runs. */
function make(ctx: CallContext, algorithm: Algorithm, until: number): Promise<TokenKey> {
  return ctx.once(`token key ${algorithm}`, async () => {
    const keyId = ctx.random.uuid();
    const { publicKey, privateKey } =
      algorithm === "RS256"
        ? await promisify(generateKeyPair)("rsa", { modulusLength: 2048, ...encodings })
        : await promisify(generateKeyPair)("ec", { namedCurve: "P-384", ...encodings });
    const kept = await ctx.keys.protect(purpose, keyId, privateKey);
    const publicJwk = createPublicKey({ key: publicKey, format: "der", type: "spki" }).export({ format: "jwk" });
    return { algorithm, keyId, until, publicJwk, privateKey: Buffer.from(kept).toString("base64") };
  });
}

const encodings = {
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "der" },
} as const;

/** As a JSON Web Key Set. Source: RFC 7517. */
export async function publishedKeys(store: Store, account: string, now: number): Promise<object[]> {
  const { items } = await store.list<TokenKey>({ ...scopeOf(account), type, limit: 1000 });
  return items
    .filter(({ value }) => now < value.until + longestTokenMs)
    .map(({ value }) => ({ ...value.publicJwk, kid: value.keyId, use: "sig", alg: value.algorithm }));
}
