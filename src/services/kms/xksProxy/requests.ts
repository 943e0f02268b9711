/** What a proxy is asked, read and checked. Source: XKS proxy API specification, "API operations". */
import {
  type ExternalCiphertext,
  ivLengths,
  maxMetadataBytes,
  type RequestMetadata,
  tagBytes,
} from "#keys/stores/xksApi.ts";
import { readBase64 } from "#keys/stores/xksClient.ts";
import { ProxyError } from "./failure.ts";

export type ProxyOperation = "health" | "metadata" | "encrypt" | "decrypt";

/** The proxy must process 4300 bytes, and additional data of 8192. */
const maxPlaintext = 4300;
const maxAad = 8192;

export interface Addressed {
  proxy: string;
  operation: ProxyOperation;
  /** Absent for `health`. */
  externalKeyId?: string;
}

const pathForm =
  /^\/_jikimi\/xks\/([a-zA-Z0-9_-]{1,64})\/kms\/xks\/v1\/(?:(health)|keys\/([a-zA-Z0-9._-]{1,128})\/(metadata|encrypt|decrypt))$/;

/** `undefined` for a path that no proxy has. */
export function readPath(path: string): Addressed | undefined {
  const [, proxy, health, externalKeyId, operation] = pathForm.exec(path) ?? [];
  if (proxy === undefined) return undefined;
  if (health !== undefined) return { proxy, operation: "health" };
  return { proxy, operation: operation as ProxyOperation, externalKeyId: externalKeyId! };
}

const requiredMetadata: Readonly<Record<ProxyOperation, readonly (keyof RequestMetadata)[]>> = {
  health: ["kmsRequestId", "kmsOperation"],
  metadata: ["awsPrincipalArn", "kmsOperation", "kmsRequestId"],
  encrypt: ["awsPrincipalArn", "kmsKeyArn", "kmsOperation", "kmsRequestId"],
  decrypt: ["awsPrincipalArn", "kmsKeyArn", "kmsOperation", "kmsRequestId"],
};

export type Json = Readonly<Record<string, unknown>>;

/** @throws ProxyError */
export function readBody(body: Uint8Array): Json {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)) return parsed as Json;
  } catch {
    // Falls through to the refusal.
  }
  throw invalid("The body must be a JSON object.");
}

/** "There is no expectation for the XKS Proxy to validate any information included": only that it is there. */
export function readMetadata(operation: ProxyOperation, body: Json): Partial<RequestMetadata> {
  const metadata = body["requestMetadata"];
  if (metadata === null || typeof metadata !== "object") throw invalid("requestMetadata is required.");
  const missing = requiredMetadata[operation].find((name) => typeof (metadata as Json)[name] !== "string");
  if (missing !== undefined) throw invalid(`requestMetadata.${missing} is required.`);
  return metadata as Partial<RequestMetadata>;
}

export interface EncryptRequest {
  plaintext: Buffer;
  aad: Buffer;
  integrity: boolean;
}

export function readEncrypt(body: Json): EncryptRequest {
  requireAlgorithm(body);
  const integrity = body["ciphertextDataIntegrityValueAlgorithm"];
  if (integrity !== undefined && integrity !== "SHA_256") {
    throw invalid("ciphertextDataIntegrityValueAlgorithm must be SHA_256.");
  }
  return { plaintext: bytes(body, "plaintext", maxPlaintext), aad: readAad(body), integrity: integrity !== undefined };
}

export function readDecrypt(body: Json): { sealed: ExternalCiphertext; aad: Buffer } {
  requireAlgorithm(body);
  const sealed = {
    ciphertext: bytes(body, "ciphertext", maxPlaintext),
    metadata: optional(body, "ciphertextMetadata", maxMetadataBytes),
    iv: bytes(body, "initializationVector", Math.max(...ivLengths)),
    tag: bytes(body, "authenticationTag", tagBytes),
  };
  if (!ivLengths.includes(sealed.iv.length)) throw invalid("initializationVector must have 12 or 16 bytes.");
  if (sealed.tag.length !== tagBytes) throw invalid("authenticationTag must have 16 bytes.");
  return { sealed, aad: readAad(body) };
}

const readAad = (body: Json): Buffer => optional(body, "additionalAuthenticatedData", maxAad);

function requireAlgorithm(body: Json): void {
  if (body["encryptionAlgorithm"] !== "AES_GCM") throw invalid("encryptionAlgorithm must be AES_GCM.");
}

function bytes(body: Json, name: string, most: number): Buffer {
  const value = readBase64(body[name]);
  if (!value || value.length === 0) throw invalid(`${name} is required, in Base64.`);
  // "Beyond the minimum size required by this API specification."
  if (value.length > most)
    throw new ProxyError("UnsupportedOperationException", `${name} is longer than ${most} bytes.`);
  return value;
}

function optional(body: Json, name: string, most: number): Buffer {
  return body[name] === undefined || body[name] === "" ? Buffer.alloc(0) : bytes(body, name, most);
}

const invalid = (message: string): ProxyError => new ProxyError("ValidationException", message);
