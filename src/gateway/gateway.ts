/**
 * The HTTP pipeline: wire → who → may → do → record. One instance serves one port.
 */
import { abandonOutput } from "#wire/abandon.ts";
import { readClaim } from "#wire/claim.ts";
import type { Bytes, Claim, HttpRequest, HttpResponse, Route, Wire } from "#wire/contract.ts";
import type { AwsError } from "#kernel/errors.ts";
import { Authenticator, collect, SignatureRefused } from "./authenticate.ts";
import { Denied } from "./authorize.ts";
import { execute, publicError, recordRefusal } from "./execute.ts";
import { accountOf, type Principal } from "./principal.ts";
import type { Call, CallOutcome, CallSource, Runtime } from "./runtime.ts";

/** Account under which calls without credentials are scoped and recorded; resources name their owner. */
const anonymousAccount = "000000000000";

export class Gateway {
  readonly #runtime: Runtime;
  readonly #wire: Wire;
  readonly #authenticator: Authenticator;

  constructor(runtime: Runtime, wire: Wire) {
    this.#runtime = runtime;
    this.#wire = wire;
    this.#authenticator = new Authenticator(runtime);
  }

  async handle(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const started = performance.now();
    const requestId = this.#runtime.random.uuid();
    let route: Route | undefined;
    let outcome: CallOutcome = "ok";
    try {
      const claim = readClaim(request);
      // Query calls without a signature (AssumeRoleWithWebIdentity …) name their operation in the body only.
      const form = this.#wire.routesByBody(request, claim) ? await collect(request.body, "The request") : undefined;
      const received = form === undefined ? request : { ...request, body: once(form) };
      route = this.#wire.route(received, claim, form);
      const output = await this.#serve(received, claim, route, requestId, signal);
      try {
        return this.#wire.encode(route, output, requestId);
      } catch (error) {
        await abandonOutput(output);
        throw error;
      }
    } catch (error) {
      const shown = publicError(error);
      outcome = outcomeOf(shown);
      if (shown !== error && shown.status >= 500) this.#runtime.log.error({ err: error, requestId }, "request failed");
      return this.#wire.encodeError(route, request, shown, requestId);
    } finally {
      const seconds = (performance.now() - started) / 1000;
      this.#runtime.metrics.served(
        route?.service.id ?? "unknown",
        route?.operation.name ?? "unknown",
        outcome,
        seconds,
      );
    }
  }

  async #serve(
    request: HttpRequest,
    claim: Claim,
    route: Route,
    requestId: string,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const call = (principal: Principal): Omit<Call, "input"> => ({
      service: route.service,
      operation: route.operation.name,
      protocol: route.protocol,
      principal,
      account: accountOf(principal) ?? anonymousAccount,
      region: route.region,
      requestId,
      source: sourceOf(request),
      signal,
    });
    try {
      const { principal, body, signature, payload } = await this.#authenticator.authenticate(request, claim, route);
      const input = this.#wire.decode(route, request, body);
      this.#wire.validate(route, input);
      const known = call(principal);
      if (signature) known.source.signature = signature;
      if (payload) known.payload = payload;
      return await execute(this.#runtime, { ...known, input });
    } catch (error) {
      if (!(error instanceof SignatureRefused)) throw error;
      throw await recordRefusal(this.#runtime, call(error.principal), error.refusal);
    }
  }
}

/** JSON services answer a refused authorization with 400, so the status alone does not tell. */
function outcomeOf(error: AwsError): CallOutcome {
  if (error.status >= 500) return "server error";
  return error instanceof Denied || error.status === 403 ? "denied" : "client error";
}

async function* once(bytes: Bytes): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function sourceOf(request: HttpRequest): CallSource {
  return {
    ip: request.remoteAddress,
    userAgent: request.headers["user-agent"] ?? "",
    host: request.headers["host"] ?? "",
    scheme: request.tls ? "https" : "http",
    headers: request.headers,
    ...(request.tls ? { tls: request.tls } : {}),
    calledVia: [],
  };
}
