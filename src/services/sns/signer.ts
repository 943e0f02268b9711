/**
 * Signing of notifications: an RSA key pair of the installation per Region, replaced every 300 days, its private half
 * under the key holder. The certificate is issued by the role that serves it, under the installation's own authority.
 * Source: SNS Developer Guide, "Verifying the signatures of Amazon SNS messages" (SHA1withRSA, SHA256withRSA; the
 * members of the canonical string and their order).
 */
import { createPrivateKey, generateKeyPair, sign, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type DocumentKey } from "#store/contract.ts";
import { installationAccount, serviceId, types } from "./state.ts";

export interface SignerDocument {
  id: string;
  region: string;
  createdAt: number;
  /** SubjectPublicKeyInfo, DER, base64. */
  publicKey: string;
  /** PKCS #8 DER under the key holder, base64; purpose `sns-signer`, bound to the id. */
  privateKey: string;
  /** PEM; once it has been asked for. */
  certificate?: string;
}

const purpose = "sns-signer";
const replaceMs = 300 * 86_400_000;
const lookAgainMs = 60_000;

export function signerKey(region: string, id: string): DocumentKey {
  return { account: installationAccount, region, service: serviceId, type: types.signer, id };
}

/** Path of the certificate; verifiers want it to look like this. */
export function certificatePath(id: string): string {
  return `/SimpleNotificationService-${id}.pem`;
}

export interface Signer {
  id: string;
  sign(text: string, version: "1" | "2"): string;
}

export class Signers {
  readonly #known = new Map<string, { signer: Signer; until: number }>();

  async of(ctx: JobContext, region: string): Promise<Signer> {
    const now = ctx.clock.now();
    const known = this.#known.get(region);
    if (known && known.until > now) return known.signer;
    const document = (await newest(ctx, region, now)) ?? (await make(ctx, region, now));
    const der = await ctx.keys.reveal(purpose, document.id, Buffer.from(document.privateKey, "base64"));
    const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
    const signer: Signer = { id: document.id, sign: (text, version) => signText(key, text, version) };
    this.#known.set(region, { signer, until: now + lookAgainMs });
    return signer;
  }
}

function signText(key: KeyObject, text: string, version: "1" | "2"): string {
  return sign(version === "2" ? "sha256" : "sha1", Buffer.from(text), key).toString("base64");
}

async function newest(ctx: JobContext, region: string, now: number): Promise<SignerDocument | undefined> {
  const { items } = await ctx.store.list<SignerDocument>({
    account: installationAccount,
    region,
    service: serviceId,
    type: types.signer,
    limit: 1000,
  });
  return items
    .map(({ value }) => value)
    .filter(({ createdAt }) => now - createdAt < replaceMs)
    .toSorted((a, b) => b.createdAt - a.createdAt)[0];
}

async function make(ctx: JobContext, region: string, now: number): Promise<SignerDocument> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  });
  const id = ctx.random.bytes(16).toString("hex");
  const kept = await ctx.keys.protect(purpose, id, privateKey);
  const value: SignerDocument = {
    id,
    region,
    createdAt: now,
    publicKey: publicKey.toString("base64"),
    privateKey: Buffer.from(kept).toString("base64"),
  };
  try {
    await ctx.store.commit([{ op: "put", key: signerKey(region, id), value, ifVersion: 0 }]);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  return value;
}
