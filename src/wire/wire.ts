/** The wire layer as the gateway sees it: every AWS protocol, driven by the models. */
import type { AwsError } from "#kernel/errors.ts";
import { loadModel, modelHeads } from "#model/load.ts";
import type { OperationModel, ServiceModel } from "#model/types.ts";
import { Codecs } from "./codecs.ts";
import type { Bytes, ByteStream, Claim, HttpRequest, HttpResponse, Protocol, Route, Wire } from "./contract.ts";
import { readClaim } from "./claim.ts";
import { errorRules, type ErrorRules } from "./errorRules.ts";
import { encodeError } from "./errors.ts";
import { WireFailure } from "./failure.ts";
import { BindingFailure, compileRequest, type RequestDecoder } from "./request.ts";
import { compileResponse, type ResponseEncoder } from "./response.ts";
import { guessProtocol, Router } from "./route.ts";
import { indexServices } from "./serviceIndex.ts";
import { raise, Report, Validators } from "./validate.ts";

export interface WireOptions {
  /** Region of requests that carry none, e.g. "us-east-1". */
  defaultRegion: string;
  /** Host names of this installation, e.g. ["localhost"]; `{bucket}.localhost` then addresses a bucket. */
  baseHosts?: readonly string[];
}

interface Compiled {
  decode: RequestDecoder;
  encode: ResponseEncoder;
  check: ReturnType<Validators["of"]>;
  rules: ErrorRules;
}

export function createWire(options: WireOptions): Wire {
  return new ModelWire(options);
}

class ModelWire implements Wire {
  readonly #router: Router;
  readonly #index = indexServices(modelHeads());
  readonly #codecs = new Codecs();
  readonly #validators = { all: new Validators("all"), required: new Validators("required") };
  readonly #compiled = new Map<Protocol, Map<OperationModel, Compiled>>();

  constructor(options: WireOptions) {
    this.#router = new Router({
      heads: modelHeads(),
      load: loadModel,
      defaultRegion: options.defaultRegion,
      baseHosts: options.baseHosts ?? ["localhost"],
    });
  }

  routesByBody(request: HttpRequest, claim: Claim): boolean {
    return this.#router.routesByBody(request, claim);
  }

  route(request: HttpRequest, claim: Claim, form?: Bytes): Route {
    return this.#router.route(request, claim, form);
  }

  decode(route: Route, request: HttpRequest, body: Bytes | ByteStream): Record<string, unknown> {
    const { decode, rules } = this.#operation(route);
    try {
      return decode(route, request, body);
    } catch (error) {
      if (!(error instanceof WireFailure)) throw error;
      throw worded(error, rules, route);
    }
  }

  validate(route: Route, input: Record<string, unknown>): void {
    const { check, rules } = this.#operation(route);
    if (check === undefined) return;
    const report = new Report();
    check(input, "", report);
    raise(report, rules);
  }

  encode(route: Route, output: Record<string, unknown>, requestId: string): HttpResponse {
    return this.#operation(route).encode(output, requestId);
  }

  encodeError(route: Route | undefined, request: HttpRequest, error: AwsError, requestId: string): HttpResponse {
    if (route !== undefined) {
      return encodeError(this.#codecs, route.service, route.protocol, request, error, requestId);
    }
    const claimed = readClaim(request).signingService;
    const protocol = guessProtocol(request, this.#index, claimed);
    return encodeError(this.#codecs, this.#guessService(claimed, protocol), protocol, request, error, requestId);
  }

  /** Only what the envelope depends on; undefined is S3's form. */
  #guessService(claimed: string | undefined, protocol: Protocol): ServiceModel | undefined {
    const head = claimed === undefined ? undefined : this.#index.bySigningName.get(claimed)?.[0];
    return head !== undefined && head.protocols[0] === protocol ? loadModel(head.id) : undefined;
  }

  #operation(route: Route): Compiled {
    let byOperation = this.#compiled.get(route.protocol);
    if (byOperation === undefined) this.#compiled.set(route.protocol, (byOperation = new Map()));
    let compiled = byOperation.get(route.operation);
    if (compiled === undefined) {
      const { service, operation, protocol } = route;
      const rules = errorRules(service, protocol);
      compiled = {
        decode: compileRequest(operation, protocol, this.#codecs),
        encode: compileResponse(service, operation, protocol, this.#codecs),
        check: this.#validators[rules.constraints].of(operation.input),
        rules,
      };
      byOperation.set(operation, compiled);
    }
    return compiled;
  }
}

/** Readers speak of serialization; each service has its own word for it. */
function worded(failure: WireFailure, rules: ErrorRules, route: Route): WireFailure {
  const generic = failure.code === "SerializationException" || failure.code === "MalformedXML";
  if (!generic) return failure;
  const s3Binding = failure instanceof BindingFailure && route.service.signingName === "s3";
  return new WireFailure(failure.message, s3Binding ? "InvalidArgument" : rules.malformed, failure.status);
}
