/**
 * The server under attack: the HTTP front, signatures and protocols, with operations that do nothing. Runs as a child
 * process, so that its memory is its own; reports its port and, when asked, its resident set.
 */
import { systemClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { silentLogger } from "#kernel/log.ts";
import { authFamily, missingToken, unknownAccessKey, type Addressed } from "#wire/authErrors.ts";
import { readClaim } from "#wire/claim.ts";
import type { Bytes, ByteStream, HttpRequest, HttpResponse, Route } from "#wire/contract.ts";
import { collectBody } from "#wire/incomingBody.ts";
import { readPostForm } from "#wire/multipart.ts";
import { openPayload } from "#wire/payload.ts";
import { readPostSignature, verifyPostPolicy } from "#wire/postPolicy.ts";
import { createServer } from "#wire/server.ts";
import { readSigV2, verifySigV2 } from "#wire/sigv2.ts";
import { readSignature, verifySignature } from "#wire/sigv4.ts";
import { SigningKeys } from "#wire/signingKeys.ts";
import { createWire } from "#wire/wire.ts";
import { fuzzCredential } from "./requests.ts";

const bodyLimit = 4 << 20;
const wire = createWire({ defaultRegion: "us-east-1" });
const keys = new SigningKeys(100);

async function answer(request: HttpRequest): Promise<HttpResponse> {
  let route: Route | undefined;
  try {
    const claim = readClaim(request);
    if (claim.kind === "anonymous" && /^multipart\/form-data/i.test(request.headers["content-type"] ?? "")) {
      return await form(request);
    }
    const early = wire.routesByBody(request, claim) ? await collectBody(request.body, bodyLimit) : undefined;
    route = wire.route(request, claim, early);
    const body = await authenticated(request, route, early);
    const input = wire.decode(route, request, body);
    wire.validate(route, input);
    if (!(body instanceof Uint8Array)) await collectBody(body, bodyLimit);
    return wire.encode(route, {}, "fuzz");
  } catch (error) {
    if (error instanceof AwsError) return wire.encodeError(route, request, error, "fuzz");
    process.send?.({ internal: error instanceof Error ? error.stack : String(error) });
    return { status: 500, headers: {}, body: undefined };
  }
}

async function form(request: HttpRequest): Promise<HttpResponse> {
  const parsed = await readPostForm(request);
  const addressed: Addressed = { id: "s3", signingName: "s3", protocol: "restXml" };
  const presented = readPostSignature(parsed, { addressed, clock: systemClock });
  if (presented === undefined) throw missingToken(addressed);
  const upload = verifyPostPolicy(parsed, presented, fuzzCredential, { bucket: "bucket", clock: systemClock, keys });
  await collectBody(upload.stream, bodyLimit);
  return { status: 204, headers: {}, body: undefined };
}

async function authenticated(
  request: HttpRequest,
  route: Route,
  early: Buffer | undefined,
): Promise<Bytes | ByteStream> {
  const addressed: Addressed = {
    id: route.service.id,
    signingName: route.service.signingName,
    protocol: route.protocol,
  };
  const claim = readClaim(request);
  if (claim.kind === "anonymous") throw missingToken(addressed);
  if (claim.kind === "sigv2") {
    const options = { addressed, clock: systemClock };
    verifySigV2(request, readSigV2(request, options), fuzzCredential, options);
    return openPayload(request, { addressed, mode: { kind: "unsigned" } }).stream;
  }
  const presented = readSignature(request, { addressed, clock: systemClock });
  if (presented.accessKeyId !== fuzzCredential.accessKeyId) throw unknownAccessKey(addressed, presented.accessKeyId);
  if (authFamily(addressed) !== "s3") {
    const body = early ?? (await collectBody(request.body, bodyLimit));
    verifySignature(request, presented, fuzzCredential, keys, body);
    return body;
  }
  const signature = verifySignature(request, presented, fuzzCredential, keys);
  const payload = openPayload(request, { addressed, mode: signature.payload, signature });
  payload.also("MD5");
  const { stream } = payload;
  const streams = route.operation.input.members?.some((member) => member.streaming === true) === true;
  return streams ? stream : await collectBody(stream, bodyLimit);
}

const server = createServer({
  handler: answer,
  logger: silentLogger,
  // Short, so that slow clients are seen to be given up; long enough for a machine that has other things to do.
  limits: { headersTimeout: 2_000, openingTimeout: 3_000, bodyRateWindow: 1_000, drainTimeout: 100 },
});
const { port } = await server.listen({ port: 0 });
process.on("message", (message) => {
  if (message !== "memory") return;
  // What is merely not collected yet is no leak.
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send?.({ memory: { rss, live: heapUsed + external } });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port });
