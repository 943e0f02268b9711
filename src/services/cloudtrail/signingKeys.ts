/**
 * Keys that sign digest files: one pair per Region, a new one every year; public keys stay listed while digests
 * they signed may be checked. Source: CloudTrail User Guide, "CloudTrail log file integrity validation":
 * SHA-256 with RSA, the fingerprint names the key.
 */
import { createHash, createPrivateKey, generateKeyPair, sign } from "node:crypto";
import { promisify } from "node:util";
import type { JobContext } from "#gateway/context.ts";
import { Conflict } from "#store/contract.ts";
import { signingScope, type SigningKey } from "./state.ts";

const lifetimeMs = 365 * 24 * 3600 * 1000;
const purpose = "cloudtrail-digest";

/** The key to sign with now; made when there is none. */
export async function currentSigningKey(ctx: JobContext, region: string): Promise<SigningKey> {
  const now = ctx.clock.now();
  const { items } = await ctx.store.list<SigningKey>({ ...signingScope(region), type: "signingKey", limit: 1000 });
  const usable = items.map(({ value }) => value).filter(({ from, until }) => from <= now && now < until);
  return usable.toSorted((a, b) => b.from - a.from)[0] ?? (await makeSigningKey(ctx, region, now));
}

async function makeSigningKey(ctx: JobContext, region: string, now: number): Promise<SigningKey> {
  const pair = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const publicKey = pair.publicKey.export({ type: "pkcs1", format: "der" });
  const fingerprint = createHash("md5").update(publicKey).digest("hex");
  const secret = pair.privateKey.export({ type: "pkcs8", format: "der" });
  const sealed = await ctx.keys.protect(purpose, fingerprint, secret);
  secret.fill(0);
  const key: SigningKey = {
    fingerprint,
    publicKey: publicKey.toString("base64"),
    privateKey: Buffer.from(sealed).toString("base64"),
    from: now,
    until: now + lifetimeMs,
  };
  try {
    await ctx.store.commit([
      { op: "put", key: { ...signingScope(region), type: "signingKey", id: fingerprint }, value: key, ifVersion: 0 },
    ]);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  return key;
}

/** Hex. PKCS #1 v1.5, so that the same digest has the same signature when it is delivered again after a crash. */
export async function signDigest(ctx: JobContext, key: SigningKey, text: string): Promise<string> {
  const der = Buffer.from(await ctx.keys.reveal(purpose, key.fingerprint, Buffer.from(key.privateKey, "base64")));
  const privateKey = createPrivateKey({ key: der, type: "pkcs8", format: "der" });
  der.fill(0);
  return sign("sha256", Buffer.from(text), privateKey).toString("hex");
}
