/**
 * Who makes a request: the signature is verified, always. Gives the principal and the body, held against
 * everything the client claimed of it.
 *
 * INVARIANT: no path returns a principal other than anonymous without a verified signature.
 */
import { AwsError } from "#kernel/errors.ts";
import { optInRegions } from "#kernel/regions.ts";
import { Sealed } from "#keys/contract.ts";
import {
  authError,
  authFamily,
  expiredToken,
  missingToken,
  unknownAccessKey,
  type Addressed,
} from "#wire/authErrors.ts";
import type { Bytes, ByteStream, Claim, HttpRequest, Route } from "#wire/contract.ts";
import { IncomingBody, WholeBody } from "#wire/incomingBody.ts";
import { openPayload, type Payload } from "#wire/payload.ts";
import type { PayloadMode, VerifiedSignature } from "#wire/signature.ts";
import { SigningKeys } from "#wire/signingKeys.ts";
import { readSignature, verifySignature } from "#wire/sigv4.ts";
import { readSigV2, verifySigV2 } from "#wire/sigv2.ts";
import type { Credential } from "./identity.ts";
import type { Principal } from "./principal.ts";
import type { Runtime, SignatureFacts } from "./runtime.ts";

/**
 * Largest request that is held in memory. Everything bigger is a streaming member of its operation.
 * Source: the largest documented limit of a non-streaming API is Lambda's 6 MB; the rest is room for encodings.
 */
const maxBufferedBody = 10 * 1024 * 1024;

type Presented = { accessKeyId: string; sessionToken?: string | undefined };

export interface Authenticated {
  principal: Principal;
  body: Bytes | ByteStream;
  signature?: SignatureFacts;
  payload?: Payload;
}

/** The key is known and the request was refused all the same: its account's trail says so. */
export class SignatureRefused extends Error {
  readonly refusal: AwsError;
  readonly principal: Principal;

  constructor(refusal: AwsError, principal: Principal) {
    super(refusal.message, { cause: refusal });
    this.refusal = refusal;
    this.principal = principal;
  }
}

export class Authenticator {
  readonly #runtime: Runtime;
  readonly #signingKeys = new SigningKeys();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  authenticate(request: HttpRequest, claim: Claim, route: Route): Promise<Authenticated> {
    const addressed: Addressed = {
      id: route.service.id,
      signingName: route.service.signingName,
      protocol: route.protocol,
    };
    if (claim.kind === "anonymous") return this.#anonymous(request, route, addressed);
    if (claim.kind === "sigv2") return this.#sigV2(request, route, addressed);
    return this.#sigV4(request, route, addressed);
  }

  async #anonymous(request: HttpRequest, route: Route, addressed: Addressed): Promise<Authenticated> {
    if (!mayBeAnonymous(route)) throw missingToken(addressed);
    return {
      principal: { kind: "anonymous" },
      ...(await this.#body(request, route, addressed, { kind: "unsigned" })),
    };
  }

  async #sigV4(request: HttpRequest, route: Route, addressed: Addressed): Promise<Authenticated> {
    const { wallClock: clock } = this.#runtime;
    const presented = readSignature(request, { addressed, clock });
    const { principal, credential } = await this.#credential(presented, addressed, route.region);
    // S3 bodies stream; every other service hashes the body, so it is read first.
    const bytes = authFamily(addressed) === "s3" ? undefined : await collect(request.body, bodyOf(route));
    const verified = attributed(principal, () =>
      verifySignature(request, presented, credential, this.#signingKeys, bytes),
    );
    const signature: SignatureFacts = {
      version: "AWS4-HMAC-SHA256",
      authType: verified.authType,
      ageMs: verified.signatureAge,
    };
    if (bytes !== undefined) return { principal, body: bytes, signature };
    return { principal, signature, ...(await this.#body(request, route, addressed, verified.payload, verified)) };
  }

  async #sigV2(request: HttpRequest, route: Route, addressed: Addressed): Promise<Authenticated> {
    if (addressed.id !== "s3") throw authError(addressed, "incomplete");
    const bucket = route.labels["Bucket"];
    const options = {
      addressed,
      clock: this.#runtime.wallClock,
      operationUri: route.operation.http.uri,
      ...(route.virtualHost && bucket !== undefined ? { virtualHostBucket: bucket } : {}),
    };
    const presented = readSigV2(request, options);
    const { principal, credential } = await this.#credential(presented, addressed, route.region);
    attributed(principal, () => verifySigV2(request, presented, credential, options));
    return {
      principal,
      signature: { version: "AWS", authType: "REST-QUERY-STRING" },
      ...(await this.#body(request, route, addressed, { kind: "unsigned" })),
    };
  }

  /** @throws AwsError ServiceUnavailable, which every SDK tries again, where the secret of the key cannot be read */
  async #credential({ accessKeyId, sessionToken }: Presented, addressed: Addressed, region: string) {
    let credential: Credential | undefined;
    try {
      credential = await this.#runtime.identity.credential(accessKeyId);
    } catch (error) {
      // Whose call it is cannot be known: neither refused as a wrong signature nor believed.
      throw error instanceof Sealed ? sealedSignatures(error) : error;
    }
    if (!credential || credential.status === "Inactive") throw unknownAccessKey(addressed, accessKeyId);
    const { principal } = credential;
    if (credential.status === "Expired") {
      throw new SignatureRefused(expiredToken(addressed, sessionToken), principal);
    }
    if ("account" in principal && (await this.#runtime.identity.accountStatus(principal.account)) === "SUSPENDED") {
      throw new SignatureRefused(unknownAccessKey(addressed, accessKeyId), principal);
    }
    if (optInRegions.has(region) && !(await this.#isOpen(principal, region))) {
      throw new SignatureRefused(unknownAccessKey(addressed, accessKeyId), principal);
    }
    return { principal, credential };
  }

  async #isOpen(principal: Principal, region: string): Promise<boolean> {
    return "account" in principal && (await this.#runtime.identity.regionEnabled(principal.account, region));
  }

  async #body(
    request: HttpRequest,
    route: Route,
    addressed: Addressed,
    mode: PayloadMode,
    signature?: VerifiedSignature,
  ): Promise<Pick<Authenticated, "body" | "payload">> {
    if (authFamily(addressed) !== "s3") return { body: await collect(request.body, bodyOf(route)) };
    const streaming = hasStreamingInput(route);
    const payload = openPayload(request, { addressed, mode, ...(signature ? { signature } : {}) });
    return { body: streaming ? payload.stream : await collect(payload.stream, bodyOf(route)), payload };
  }
}

function sealedSignatures(cause: Sealed): AwsError {
  const why =
    "Jikimi is sealed: no signature can be verified until it is opened with `jikimi unseal`. Please retry then.";
  return new AwsError("ServiceUnavailable", why, 503, { cause });
}

function hasStreamingInput(route: Route): boolean {
  return route.operation.input.members?.some((member) => member.streaming && member.shape.kind === "blob") ?? false;
}

/** Services whose resource policies may let everybody in; nothing is allowed that no policy allows. */
const openServices: ReadonlySet<string> = new Set(["s3", "sns", "sqs"]);

/** Operations that clients call without a signature: S3 for everyone, and those that exchange a token for credentials. */
function mayBeAnonymous(route: Route): boolean {
  return route.operation.unsigned === true || openServices.has(route.service.id);
}

function attributed<T>(principal: Principal, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof AwsError ? new SignatureRefused(error, principal) : error;
  }
}

function bodyOf(route: Route): string {
  return `The request body of ${route.operation.name}`;
}

/** At once where the body is here. Throws RequestEntityTooLarge; `what` names it in the text. */
export function collect(body: ByteStream, what: string): Bytes | Promise<Bytes> {
  if (body instanceof WholeBody || body instanceof IncomingBody) {
    return body.collect(maxBufferedBody, () => tooLarge(what));
  }
  return collectPieces(body, what);
}

async function collectPieces(body: ByteStream, what: string): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBufferedBody) throw tooLarge(what);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

function tooLarge(what: string): AwsError {
  return new AwsError("RequestEntityTooLarge", `${what} must be smaller than ${maxBufferedBody} bytes.`, 413);
}
