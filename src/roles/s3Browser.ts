/**
 * What browsers ask of S3 beside its operations: CORS preflights, CORS headers on answers, and uploads by form.
 * Everything else passes by.
 */
import { AwsError } from "#kernel/errors.ts";
import { execute, publicError, recordRefusal } from "#gateway/execute.ts";
import { accountOf, type Principal } from "#gateway/principal.ts";
import type { Call, Runtime } from "#gateway/runtime.ts";
import { expiredToken, unknownAccessKey, type Addressed } from "#wire/authErrors.ts";
import { abandon } from "#wire/abandon.ts";
import type { HttpRequest, HttpResponse, Wire } from "#wire/contract.ts";
import { readPostForm, type PostForm } from "#wire/multipart.ts";
import { anonymousPost, readPostSignature, verifyPostPolicy, type PresentedPost } from "#wire/postPolicy.ts";
import { addressBucket } from "#wire/s3Address.ts";
import { SigningKeys } from "#wire/signingKeys.ts";
import { sandboxed } from "./ownPages.ts";
import { crossOriginHeaders, preflight } from "../services/s3/crossOrigin.ts";
import { postAnswer, putObjectInput } from "../services/s3/postObject.ts";

const addressed: Addressed = { id: "s3", signingName: "s3", protocol: "restXml" };

export class S3Browser {
  readonly #runtime: Runtime;
  readonly #wire: Wire;
  readonly #signingKeys = new SigningKeys();

  constructor(runtime: Runtime, wire: Wire) {
    this.#runtime = runtime;
    this.#wire = wire;
  }

  /** `serve` answers what is an operation of an API. */
  answer(request: HttpRequest, signal: AbortSignal, serve: () => Promise<HttpResponse>): Promise<HttpResponse> {
    const { method, headers } = request;
    const isPlain = method !== "OPTIONS" && headers["origin"] === undefined && !isForm(request);
    // What nearly every client sends.
    if (isPlain && headers["authorization"] !== undefined) return serve();
    return this.#withPage(request, signal, serve, isPlain);
  }

  async #withPage(
    request: HttpRequest,
    signal: AbortSignal,
    serve: () => Promise<HttpResponse>,
    isPlain: boolean,
  ): Promise<HttpResponse> {
    const response = isPlain ? await serve() : await this.#answer(request, signal, serve);
    const isOurOrigin = request.headers["authorization"] === undefined && !this.#address(request).virtualHost;
    return isOurOrigin ? { ...response, headers: { ...response.headers, ...sandboxed } } : response;
  }

  async #answer(request: HttpRequest, signal: AbortSignal, serve: () => Promise<HttpResponse>): Promise<HttpResponse> {
    const requestId = this.#runtime.random.uuid();
    try {
      if (request.method === "OPTIONS") return await this.#preflight(request);
      const response = isForm(request) ? await this.#upload(request, requestId, signal) : await serve();
      return await this.#withCors(request, response);
    } catch (error) {
      return await this.#withCors(request, this.#wire.encodeError(undefined, request, publicError(error), requestId));
    }
  }

  /** Nothing where the path cannot be read: such a request names no bucket, and is refused by whoever serves it. */
  #address({ headers, path }: HttpRequest): Partial<ReturnType<typeof addressBucket>> {
    try {
      return addressBucket(headers["host"] ?? "", path, this.#runtime.config.hostSuffixes);
    } catch (error) {
      if (error instanceof AwsError) return {};
      throw error;
    }
  }

  async #preflight(request: HttpRequest): Promise<HttpResponse> {
    const headers = await preflight(this.#runtime.store, this.#address(request).bucket ?? "", request.headers);
    return { status: 200, headers: { ...headers, "content-length": "0" }, body: undefined };
  }

  async #withCors(request: HttpRequest, response: HttpResponse): Promise<HttpResponse> {
    if (request.headers["origin"] === undefined) return response;
    const { bucket } = this.#address(request);
    if (bucket === undefined) return response;
    try {
      const headers = await crossOriginHeaders(this.#runtime.store, bucket, request.method, request.headers);
      return { ...response, headers: { ...response.headers, ...headers } };
    } catch (error) {
      await abandon(response.body);
      throw error;
    }
  }

  async #upload(request: HttpRequest, requestId: string, signal: AbortSignal): Promise<HttpResponse> {
    const { bucket = "" } = this.#address(request);
    const form = await readPostForm(request);
    const { clock, wallClock, config } = this.#runtime;
    const presented = readPostSignature(form, { addressed, clock: wallClock ?? clock });
    const call = this.#call(request, requestId, signal, presented);
    const { principal, upload } = presented
      ? await this.#proved(form, presented, bucket, call)
      : { principal: anonymous, upload: anonymousPost(form) };
    const output = await execute(this.#runtime, {
      ...call(principal),
      input: putObjectInput(bucket, upload) as unknown as Record<string, unknown>,
    });
    return postAnswer(config.endpoint, bucket, upload, output);
  }

  async #proved(
    form: PostForm,
    presented: PresentedPost,
    bucket: string,
    call: (principal: Principal) => Omit<Call, "input">,
  ) {
    const { identity, clock, wallClock } = this.#runtime;
    const credential = await identity.credential(presented.accessKeyId);
    if (!credential || credential.status === "Inactive") throw unknownAccessKey(addressed, presented.accessKeyId);
    const { principal } = credential;
    try {
      if (credential.status === "Expired") throw expiredToken(addressed, presented.sessionToken);
      if ("account" in principal && (await identity.accountStatus(principal.account)) === "SUSPENDED") {
        throw unknownAccessKey(addressed, presented.accessKeyId);
      }
      const options = { bucket, clock: wallClock ?? clock, keys: this.#signingKeys };
      return { principal, upload: verifyPostPolicy(form, presented, credential, options) };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      throw await recordRefusal(this.#runtime, call(principal), error);
    }
  }

  #call(request: HttpRequest, requestId: string, signal: AbortSignal, presented: PresentedPost | undefined) {
    const region = presented?.scope?.region ?? this.#runtime.config.defaultRegion;
    return (principal: Principal): Omit<Call, "input"> => ({
      service: this.#runtime.model("s3"),
      operation: "PutObject",
      protocol: "restXml",
      principal,
      account: accountOf(principal) ?? "000000000000",
      region,
      requestId,
      source: {
        ip: request.remoteAddress,
        userAgent: request.headers["user-agent"] ?? "",
        host: request.headers["host"] ?? "",
        scheme: request.tls ? "https" : "http",
        headers: formHeaders(request),
        ...(request.tls ? { tls: request.tls } : {}),
        ...(presented
          ? { signature: { version: presented.scope ? "AWS4-HMAC-SHA256" : "AWS", authType: "POST" } as const }
          : {}),
        calledVia: [],
      },
      signal,
    });
  }
}

const anonymous: Principal = { kind: "anonymous" };

/** The headers describe the form; the object is described by its fields. */
function formHeaders(request: HttpRequest): Record<string, string> {
  const { "content-length": _length, "content-encoding": _encoding, expires: _expires, ...rest } = request.headers;
  return rest;
}

/** A form posted to a bucket: nothing after the bucket, no operation in the query. */
function isForm(request: HttpRequest): boolean {
  return (
    request.method === "POST" &&
    request.query === "" &&
    /^multipart\/form-data\s*(;|$)/i.test(request.headers["content-type"] ?? "")
  );
}
