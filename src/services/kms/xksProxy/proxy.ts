/**
 * This installation as an XKS proxy: another one, or AWS's own KMS, keeps the roots of its external key stores here.
 * Source: aws/aws-kms-xksproxy-api-spec, version 1.
 *
 * INVARIANT: nothing is done, and nothing of a key is said, before the signature has been verified.
 * INVARIANT: no plaintext reaches a log.
 */
import type { Runtime } from "#gateway/runtime.ts";
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import { type RequestMetadata, xksSigningService } from "#keys/stores/xksApi.ts";
import { integrityValue } from "#keys/stores/xksClient.ts";
import type { HttpRequest, HttpResponse } from "#wire/contract.ts";
import { SigningKeys } from "#wire/signingKeys.ts";
import { readSignature, verifySignature } from "#wire/sigv4.ts";
import { type KeyDocument, types } from "../state.ts";
import { ProxyError } from "./failure.ts";
import { holding, open, requirePresent, requireUsable, seal } from "./keys.ts";
import { type Addressed, type Json, readBody, readDecrypt, readEncrypt, readMetadata, readPath } from "./requests.ts";
import { type ExternalKeyDocument, type ProxyDocument, readProxy, secretPurpose } from "./state.ts";
import { type Use, useRecord } from "./useRecord.ts";

const addressed = { id: xksSigningService, signingName: xksSigningService, protocol: "restJson1" } as const;
/** Plaintext, additional data and metadata of the specification's largest request, in Base64, fit in half of it. */
const maxBody = 64 * 1024;
const vendor = "Jikimi";

type Parts = Pick<Runtime, "store" | "keys" | "clock" | "wallClock" | "config" | "log" | "random">;

export class XksProxy {
  readonly #parts: Parts;
  readonly #model: string;
  readonly #signingKeys = new SigningKeys(1_000);

  /** @param version of the product, for GetHealthStatus */
  constructor(parts: Parts, version: string) {
    this.#parts = parts;
    this.#model = `${vendor} ${version}`;
  }

  /** Every path below `proxyPrefix`. */
  async answer(request: HttpRequest): Promise<HttpResponse> {
    const startedAt = performance.now();
    const asked = readPath(request.path);
    if (asked && request.method !== "POST") return json(405, {}, { allow: "POST" });
    const seen: { metadata?: Partial<RequestMetadata> } = {};
    let outcome = "ok";
    try {
      if (!asked) throw new ProxyError("InvalidUriPathException", "No such path.");
      return json(200, await this.#do(asked, request, seen));
    } catch (error) {
      const known = error instanceof ProxyError ? error : new ProxyError("InternalException", "The proxy failed.");
      if (known !== error) this.#parts.log.error({ err: error }, "an XKS request failed");
      outcome = known.errorName;
      return json(known.status, { errorName: known.errorName, errorMessage: known.message });
    } finally {
      const ms = Math.round(performance.now() - startedAt);
      this.#parts.log.info({ ...asked, ...told(seen.metadata), outcome, ms }, "XKS proxy request");
    }
  }

  async #do(asked: Addressed, request: HttpRequest, seen: { metadata?: Partial<RequestMetadata> }): Promise<Json> {
    const { store, config } = this.#parts;
    const found = await readProxy(store, config, asked.proxy);
    if (!found) throw new ProxyError("InvalidUriPathException", "No such path.");
    const bytes = await bodyOf(request);
    const accessKeyId = await this.#authenticate(found.value, request, bytes);
    const body = readBody(bytes);
    seen.metadata = readMetadata(asked.operation, body);
    if (asked.operation === "health") return this.#health(found.value);
    const external = Object.hasOwn(found.value.keys, asked.externalKeyId!)
      ? found.value.keys[asked.externalKeyId!]
      : undefined;
    if (!external) throw new ProxyError("KeyNotFoundException", "The external key is not there.");
    const key = requirePresent(await this.#keyOf(external), this.#parts.clock.now());
    if (asked.operation === "metadata") {
      const keyStatus = key.state === "Enabled" ? "ENABLED" : "DISABLED";
      return { keySpec: "AES_256", keyUsage: external.usage, keyStatus };
    }
    const { operation, proxy, externalKeyId = "" } = asked;
    const use: Use = { operation, proxy, externalKeyId, accessKeyId, key, metadata: seen.metadata };
    try {
      const answer = await (operation === "encrypt"
        ? this.#encrypt(external, key, body)
        : this.#decrypt(external, key, body));
      // INVARIANT: no answer before its record is kept.
      await store.commit([useRecord(this.#parts, request, use)]);
      return answer;
    } catch (error) {
      if (error instanceof ProxyError) await store.commit([useRecord(this.#parts, request, use, error)]);
      throw error;
    }
  }

  /** The access key id. @throws ProxyError AuthenticationFailedException */
  async #authenticate(proxy: ProxyDocument, request: HttpRequest, body: Uint8Array): Promise<string> {
    try {
      if (request.query !== "") throw new AwsError("IncompleteSignatureException", "no query is signed here");
      const given = readSignature(request, { addressed, clock: this.#parts.wallClock });
      const credential = proxy.credentials.find(({ accessKeyId }) => accessKeyId === given.accessKeyId);
      if (!credential) throw new AwsError("UnrecognizedClientException", "no such access key id");
      const { accessKeyId, protectedSecret } = credential;
      const secret = await this.#parts.keys.reveal(secretPurpose, accessKeyId, Buffer.from(protectedSecret, "base64"));
      const secretAccessKey = Buffer.from(secret).toString("utf8");
      verifySignature(request, given, { accessKeyId, secretAccessKey }, this.#signingKeys, body);
      return accessKeyId;
    } catch (error) {
      if (!(error instanceof AwsError)) return holding(Promise.reject(error));
      throw new ProxyError(
        "AuthenticationFailedException",
        "The request is not signed with a credential of this proxy.",
      );
    }
  }

  /** Deep: a secret goes through the key holder and back. */
  async #health({ name }: ProxyDocument): Promise<Json> {
    const { keys, random } = this.#parts;
    const state = await keys.state();
    const model = `${this.#model} key holder, ${state.seal} seal`;
    const healthStatus = state.sealed ? "UNAVAILABLE" : "ACTIVE";
    if (!state.sealed) {
      const secret = random.bytes(32);
      const kept = await holding(keys.protect("xks-proxy-health", name, secret));
      const again = await holding(keys.reveal("xks-proxy-health", name, kept));
      if (!secret.equals(again)) throw new ProxyError("InternalException", "The key holder does not work.");
    }
    return {
      xksProxyFleetSize: 1,
      xksProxyVendor: vendor,
      xksProxyModel: this.#model,
      ekmVendor: vendor,
      ekmFleetDetails: [{ id: "key-holder", model, healthStatus }],
    };
  }

  async #encrypt(external: ExternalKeyDocument, key: KeyDocument, body: Json): Promise<Json> {
    const { keys } = this.#parts;
    const { plaintext, aad, integrity } = readEncrypt(body);
    const uses = integrity ? (["ENCRYPT", "DECRYPT"] as const) : (["ENCRYPT"] as const);
    requireUsable(key, external.usage, uses);
    const sealed = await seal(keys, key, plaintext, aad);
    // Appendix C: the value comes first, then the proof that what it covers opens again.
    const value = integrity ? integrityValue(aad, sealed) : undefined;
    if (integrity && !plaintext.equals(await open(keys, key, sealed, aad))) {
      throw new ProxyError("InternalException", "The ciphertext does not open again.");
    }
    return {
      ciphertext: base64(sealed.ciphertext),
      ciphertextMetadata: base64(sealed.metadata),
      initializationVector: base64(sealed.iv),
      authenticationTag: base64(sealed.tag),
      ...(value ? { ciphertextDataIntegrityValue: base64(value) } : {}),
    };
  }

  async #decrypt(external: ExternalKeyDocument, key: KeyDocument, body: Json): Promise<Json> {
    const { sealed, aad } = readDecrypt(body);
    requireUsable(key, external.usage, ["DECRYPT"]);
    return { plaintext: base64(await open(this.#parts.keys, key, sealed, aad)) };
  }

  async #keyOf({ keyArn }: ExternalKeyDocument): Promise<KeyDocument | undefined> {
    const { account, region, resource } = parseArn(keyArn)!;
    const id = resource.slice("key/".length);
    return (await this.#parts.store.get<KeyDocument>({ account, region, service: "kms", type: types.key, id }))?.value;
  }
}

async function bodyOf(request: HttpRequest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBody) throw new ProxyError("UnsupportedOperationException", "The request is too long.");
  }
  return Buffer.concat(chunks);
}

/** The request metadata that the specification wants logged, each cut to a sane length. */
function told(metadata: Partial<RequestMetadata> = {}): Record<string, string> {
  const names = ["kmsRequestId", "kmsOperation", "kmsKeyArn", "awsPrincipalArn", "kmsViaService"] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value: unknown = metadata[name];
      return typeof value === "string" ? [[name, value.slice(0, 2048)]] : [];
    }),
  );
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function json(status: number, body: Json, more: Record<string, string> = {}): HttpResponse {
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...more };
  return { status, headers, body: JSON.stringify(body) };
}
