/**
 * KMS's side of the XKS proxy API: what is asked, and whether the answer is one of the specification's.
 * INVARIANT: an answer that is not to the letter is `malformed`, never half believed.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import {
  type ExternalCiphertext,
  type ExternalKeyMetadata,
  ivLengths,
  maxMetadataBytes,
  type RequestMetadata,
  tagBytes,
  type XksErrorName,
  xksErrors,
} from "./xksApi.ts";
import { XksFailure } from "./xksFailure.ts";
import { type XksAnswer, type XksProxyAddress, type XksSettings, XksTransport } from "./xksTransport.ts";

const algorithm = "AES_GCM";
const healthStates = ["ACTIVE", "DEGRADED", "UNAVAILABLE"];

type Json = Record<string, unknown>;

/** Every call rejects with `XksFailure`. */
export class XksClient {
  readonly #transport: XksTransport;

  constructor(settings: XksSettings) {
    this.#transport = new XksTransport(settings);
  }

  /** GetHealthStatus: resolves when the proxy and at least one key manager behind it can work. */
  async health(
    proxy: XksProxyAddress,
    requestMetadata: Pick<RequestMetadata, "kmsOperation" | "kmsRequestId">,
  ): Promise<void> {
    const answer = await this.#call(proxy, "/health", { requestMetadata });
    const fleet = answer["ekmFleetDetails"];
    const size = answer["xksProxyFleetSize"];
    const named = ["xksProxyVendor", "xksProxyModel", "ekmVendor"].every((name) => typeof answer[name] === "string");
    if (!named || !Number.isInteger(size) || (size as number) < 1 || !isFleet(fleet)) throw malformed("health");
    if (fleet.every(({ healthStatus }) => healthStatus === "UNAVAILABLE")) {
      throw new XksFailure("noKeyManager", "every key manager is UNAVAILABLE");
    }
  }

  /** GetKeyMetadata. */
  async keyMetadata(
    proxy: XksProxyAddress,
    externalKeyId: string,
    requestMetadata: RequestMetadata,
  ): Promise<ExternalKeyMetadata> {
    const { keySpec, keyUsage, keyStatus } = await this.#call(proxy, `/keys/${externalKeyId}/metadata`, {
      requestMetadata,
    });
    const usages = Array.isArray(keyUsage) && keyUsage.length <= 10 && keyUsage.every((use) => typeof use === "string");
    if (typeof keySpec !== "string" || typeof keyStatus !== "string" || !usages) throw malformed("metadata");
    return { keySpec, keyUsage: keyUsage as string[], keyStatus };
  }

  /** Encrypt, with the integrity value of the answer checked. */
  async encrypt(
    proxy: XksProxyAddress,
    externalKeyId: string,
    { plaintext, aad, requestMetadata }: { plaintext: Uint8Array; aad: Uint8Array; requestMetadata: RequestMetadata },
  ): Promise<ExternalCiphertext> {
    const answer = await this.#call(proxy, `/keys/${externalKeyId}/encrypt`, {
      requestMetadata,
      plaintext: base64(plaintext),
      encryptionAlgorithm: algorithm,
      additionalAuthenticatedData: base64(aad),
      ciphertextDataIntegrityValueAlgorithm: "SHA_256",
    });
    const ciphertext = bytesOf(answer, "ciphertext");
    const metadata = answer["ciphertextMetadata"] === undefined ? none : bytesOf(answer, "ciphertextMetadata");
    const iv = bytesOf(answer, "initializationVector");
    const tag = bytesOf(answer, "authenticationTag");
    if (ciphertext.length !== plaintext.length || metadata.length > maxMetadataBytes) throw malformed("ciphertext");
    if (!ivLengths.includes(iv.length) || tag.length !== tagBytes) throw malformed("initialization vector or tag");
    const expected = integrityValue(aad, { ciphertext, metadata, iv, tag });
    const given = bytesOf(answer, "ciphertextDataIntegrityValue");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw malformed("integrity value");
    return { ciphertext, metadata, iv, tag };
  }

  /** Decrypt. */
  async decrypt(
    proxy: XksProxyAddress,
    externalKeyId: string,
    { sealed, aad, requestMetadata }: { sealed: ExternalCiphertext; aad: Uint8Array; requestMetadata: RequestMetadata },
  ): Promise<Buffer> {
    const answer = await this.#call(proxy, `/keys/${externalKeyId}/decrypt`, {
      requestMetadata,
      ciphertext: base64(sealed.ciphertext),
      ...(sealed.metadata.length > 0 ? { ciphertextMetadata: base64(sealed.metadata) } : {}),
      encryptionAlgorithm: algorithm,
      additionalAuthenticatedData: base64(aad),
      authenticationTag: base64(sealed.tag),
      initializationVector: base64(sealed.iv),
    });
    const plaintext = bytesOf(answer, "plaintext");
    if (plaintext.length !== sealed.ciphertext.length) throw malformed("plaintext");
    return plaintext;
  }

  async #call(proxy: XksProxyAddress, operation: string, body: Json): Promise<Json> {
    const answer = await this.#transport.post(proxy, operation, Buffer.from(JSON.stringify(body)));
    const json = jsonOf(answer);
    if (answer.status === 200 && json) return json;
    const name = json?.["errorName"];
    if (typeof name === "string" && Object.hasOwn(xksErrors, name)) {
      throw new XksFailure(name as XksErrorName, printable(json!["errorMessage"]));
    }
    throw malformed(`status ${answer.status}`);
  }
}

/** Appendix C: SHA-256 over the parts in this order. */
export function integrityValue(aad: Uint8Array, { metadata, iv, ciphertext, tag }: ExternalCiphertext): Buffer {
  const digest = createHash("sha256");
  for (const part of [aad, metadata, iv, ciphertext, tag]) digest.update(part);
  return digest.digest();
}

const none = Buffer.alloc(0);
const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard Base64 with padding, nothing else; `undefined` otherwise. */
export function readBase64(text: unknown): Buffer | undefined {
  return typeof text === "string" && base64Form.test(text) ? Buffer.from(text, "base64") : undefined;
}

function bytesOf(answer: Json, name: string): Buffer {
  const bytes = readBase64(answer[name]);
  if (!bytes) throw malformed(name);
  return bytes;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function isFleet(fleet: unknown): fleet is { healthStatus: string }[] {
  if (!Array.isArray(fleet) || fleet.length < 1 || fleet.length > 10) return false;
  return fleet.every((each: unknown) => {
    const { id, model, healthStatus } = (each ?? {}) as Json;
    return typeof id === "string" && typeof model === "string" && healthStates.includes(healthStatus as string);
  });
}

function jsonOf({ body }: XksAnswer): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed) ? (parsed as Json) : undefined;
  } catch {
    return undefined;
  }
}

const malformed = (what: string): XksFailure => new XksFailure("malformed", what);

/** A proxy's own words, for the log. */
function printable(message: unknown): string {
  return typeof message === "string" ? message.replace(/[^\x20-\x7e]/g, "?").slice(0, 512) : "";
}
