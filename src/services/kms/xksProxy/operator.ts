/** What the operator does with proxies: makes and removes them, their credentials and their external keys. */
import type { Runtime } from "#gateway/runtime.ts";
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import { Conflict, type Document } from "#store/contract.ts";
import { isVisible } from "../identify.ts";
import { type KeyDocument, types } from "../state.ts";
import { isSuitable } from "./keys.ts";
import {
  type ExternalKeyUse,
  type ProxyCredential,
  type ProxyDocument,
  proxyKey,
  readProxies,
  readProxy,
  secretPurpose,
  uriPathOf,
} from "./state.ts";

type Parts = Pick<Runtime, "store" | "keys" | "clock" | "config" | "random">;

/** "XKS Proxy Configuration File" of the specification: what the other side's CreateCustomKeyStore needs. */
export interface ProxyConfiguration {
  XksProxyUriPath: string;
  XksProxyAuthenticationCredential: { AccessKeyId: string; RawSecretAccessKey: string };
}

export interface ProxyView {
  name: string;
  uriPath: string;
  accessKeyIds: string[];
  keys: { externalKeyId: string; keyArn: string; usage: ExternalKeyUse[] }[];
}

/** For a change without a moment in which either credential is refused. */
const maxCredentials = 2;
const maxKeys = 1_000;
const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export async function listProxies({ store, config }: Parts): Promise<ProxyView[]> {
  return (await readProxies(store, config)).map(viewOf);
}

/** The secret is in this answer only. @throws AwsError InvalidRequest, AlreadyExists */
export async function createProxy(parts: Parts, name: string): Promise<ProxyConfiguration> {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    throw new AwsError("InvalidRequest", "The name of a proxy has 1 to 64 letters, digits, dashes and underscores.");
  }
  const { credential, secret } = await newCredential(parts);
  const value: ProxyDocument = { name, credentials: [credential], keys: {} };
  await commit(parts, name, value, 0);
  return configurationOf(name, credential, secret);
}

export async function deleteProxy(parts: Parts, name: string): Promise<void> {
  const { version } = await required(parts, name);
  const key = proxyKey(parts.config, name);
  await parts.store.commit([{ op: "delete", key, ifVersion: version }]);
}

/** A second credential, until the first is removed. */
export async function addCredential(parts: Parts, name: string): Promise<ProxyConfiguration> {
  const { value, version } = await required(parts, name);
  if (value.credentials.length >= maxCredentials) {
    throw new AwsError("LimitExceeded", `A proxy has at most ${maxCredentials} credentials; remove one first.`, 409);
  }
  const { credential, secret } = await newCredential(parts);
  await commit(parts, name, { ...value, credentials: [...value.credentials, credential] }, version);
  return configurationOf(name, credential, secret);
}

export async function removeCredential(parts: Parts, name: string, accessKeyId: string): Promise<ProxyView> {
  const { value, version } = await required(parts, name);
  const credentials = value.credentials.filter((each) => each.accessKeyId !== accessKeyId);
  if (credentials.length === value.credentials.length) throw notFound(`The proxy has no credential ${accessKeyId}.`);
  return viewOf(await commit(parts, name, { ...value, credentials }, version));
}

/**
 * Makes a KMS key of this installation an external key; the same id again changes it.
 * @param usage what the other side may do with it
 */
export async function putExternalKey(
  parts: Parts,
  name: string,
  { externalKeyId, keyArn, usage }: { externalKeyId: string; keyArn: string; usage: readonly ExternalKeyUse[] },
): Promise<ProxyView> {
  if (!/^[a-zA-Z0-9._-]{1,128}$/.test(externalKeyId)) {
    throw new AwsError(
      "InvalidRequest",
      "An external key id has 1 to 128 letters, digits, dashes, dots and underscores.",
    );
  }
  const { value, version } = await required(parts, name);
  const arn = parseArn(keyArn);
  const id = arn?.service === "kms" && arn.resource.startsWith("key/") ? arn.resource.slice(4) : "";
  const key = arn && id !== "" ? await readKmsKey(parts, arn, id) : undefined;
  if (!key || key.arn !== keyArn || !isVisible(key, parts.clock.now()))
    throw notFound(`There is no KMS key ${keyArn}.`);
  if (!isSuitable(key)) {
    throw new AwsError(
      "InvalidRequest",
      "An external key is a customer managed symmetric key, in no custom key store.",
    );
  }
  if (!Object.hasOwn(value.keys, externalKeyId) && Object.keys(value.keys).length >= maxKeys) {
    throw new AwsError("LimitExceeded", `A proxy has at most ${maxKeys} external keys.`, 409);
  }
  const keys = { ...value.keys, [externalKeyId]: { keyArn, usage: [...usage] } };
  return viewOf(await commit(parts, name, { ...value, keys }, version));
}

export async function removeExternalKey(parts: Parts, name: string, externalKeyId: string): Promise<ProxyView> {
  const { value, version } = await required(parts, name);
  if (!Object.hasOwn(value.keys, externalKeyId)) throw notFound(`The proxy has no external key ${externalKeyId}.`);
  const { [externalKeyId]: _, ...keys } = value.keys;
  return viewOf(await commit(parts, name, { ...value, keys }, version));
}

async function readKmsKey(
  { store }: Parts,
  { account, region }: { account: string; region: string },
  id: string,
): Promise<KeyDocument | undefined> {
  return (await store.get<KeyDocument>({ account, region, service: "kms", type: types.key, id }))?.value;
}

async function required({ store, config }: Parts, name: string): Promise<Document<ProxyDocument>> {
  const document = await readProxy(store, config, name);
  if (!document) throw notFound(`There is no XKS proxy ${name}.`);
  return document;
}

async function commit(
  { store, config }: Parts,
  name: string,
  value: ProxyDocument,
  ifVersion: number,
): Promise<ProxyDocument> {
  try {
    await store.commit([{ op: "put", key: proxyKey(config, name), value, ifVersion }]);
    return value;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    const message =
      ifVersion === 0 ? `There is an XKS proxy ${name} already.` : "Somebody else changed the proxy; try again.";
    throw new AwsError("Conflict", message, 409);
  }
}

/** Appendix A: 20 to 30 characters of Base32, and 256 bits in Base64. */
async function newCredential({ keys, random, clock }: Parts): Promise<{ credential: ProxyCredential; secret: string }> {
  const accessKeyId = `XKS${[...random.bytes(21)].map((byte) => base32[byte & 31]).join("")}`;
  const secret = random.bytes(32).toString("base64");
  const kept = await keys.protect(secretPurpose, accessKeyId, Buffer.from(secret, "utf8"));
  const protectedSecret = Buffer.from(kept).toString("base64");
  return { credential: { accessKeyId, protectedSecret, createdAt: clock.now() }, secret };
}

function configurationOf(name: string, { accessKeyId }: ProxyCredential, secret: string): ProxyConfiguration {
  return {
    XksProxyUriPath: uriPathOf(name),
    XksProxyAuthenticationCredential: { AccessKeyId: accessKeyId, RawSecretAccessKey: secret },
  };
}

/** INVARIANT: no secret in it. */
function viewOf({ name, credentials, keys }: ProxyDocument): ProxyView {
  return {
    name,
    uriPath: uriPathOf(name),
    accessKeyIds: credentials.map(({ accessKeyId }) => accessKeyId),
    keys: Object.entries(keys).map(([externalKeyId, key]) => ({ externalKeyId, ...key })),
  };
}

const notFound = (message: string): AwsError => new AwsError("NotFound", message, 404);
