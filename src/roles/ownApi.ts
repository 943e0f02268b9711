/**
 * Calls of our own, beside the AWS APIs: `/_jikimi/*` with the rights of whoever signs the request (SigV4, service name
 * `jikimi`). They go through the gateway like every call: the signature is verified, `jikimi:<Operation>` on `*` must be
 * allowed by the caller's policies, and the call is on the account's record under the event source `jikimi.internal`.
 */
import { AwsError } from "#kernel/errors.ts";
import { Authenticator, SignatureRefused } from "#gateway/authenticate.ts";
import type { CallContext } from "#gateway/context.ts";
import { execute, recordRefusal } from "#gateway/execute.ts";
import { accountOf } from "#gateway/principal.ts";
import type { Call, Runtime } from "#gateway/runtime.ts";
import type { Service } from "#gateway/service.ts";
import type { OperationModel, ServiceModel, Shape } from "#model/types.ts";
import { readClaim } from "#wire/claim.ts";
import type { HttpRequest, Route } from "#wire/contract.ts";
import { WholeBody } from "#wire/incomingBody.ts";
import type { Routes } from "./routes.ts";

export interface OwnOperation {
  /** In the word order of AWS's operations; the IAM action is `jikimi:` and this. */
  name: string;
  /** Only for callers in the account of whoever operates the installation. */
  providerOnly: boolean;
  answer(query: Readonly<Record<string, string>>, ctx: CallContext): Promise<Record<string, unknown>>;
}

/** Route → operation; every one of them reads, so all are GET. */
export type OwnOperations = Readonly<Record<`GET /_jikimi/${string}`, OwnOperation>>;

const id = "jikimi";
const longestCallMs = 30_000;

/** Parameters of the query, by name; the record shows them. */
const queryShape: Shape = {
  name: "Query",
  kind: "map",
  mapKey: { name: "key", required: true, shape: { name: "String", kind: "string" } },
  element: { name: "value", required: true, shape: { name: "String", kind: "string" } },
};
const answerShape: Shape = { name: "Answer", kind: "structure", members: [], byName: new Map() };

export function ownRoutes(runtime: Runtime, operations: OwnOperations): Routes {
  const rows = Object.entries(operations);
  const model = modelOf(rows.map(([route, { name }]) => [name, route.slice("GET ".length)]));
  const service = serviceOf(
    rows.map(([, operation]) => operation),
    runtime.config.managementAccount,
  );
  const own: Runtime = { ...runtime, services: new Map([[id, service]]) };
  const authenticator = new Authenticator(own);
  return Object.fromEntries(
    rows.map(([route, { name }]) => [
      route,
      (query: URLSearchParams, _body: unknown, request: HttpRequest) =>
        call(own, authenticator, { service: model, operation: name }, query, request),
    ]),
  );
}

async function call(
  runtime: Runtime,
  authenticator: Authenticator,
  what: Pick<Call, "service" | "operation">,
  query: URLSearchParams,
  request: HttpRequest,
): Promise<Record<string, unknown>> {
  const claim = readClaim(request);
  const region = claim.region ?? runtime.config.defaultRegion;
  const requestId = runtime.random.uuid();
  const route: Route = {
    service: what.service,
    operation: what.service.operations.get(what.operation)!,
    protocol: "awsJson1_1",
    region,
    labels: {},
  };
  // The body has been read, and a GET has none.
  const received = { ...request, body: new WholeBody(Buffer.alloc(0)) };
  const callOf = (principal: Call["principal"]): Omit<Call, "input"> => ({
    ...what,
    principal,
    account: accountOf(principal) ?? runtime.config.managementAccount,
    region,
    requestId,
    source: {
      ip: request.remoteAddress,
      userAgent: request.headers["user-agent"] ?? "",
      host: request.headers["host"] ?? "",
      scheme: request.tls ? "https" : "http",
      headers: request.headers,
      ...(request.tls ? { tls: request.tls } : {}),
      calledVia: [],
    },
    signal: AbortSignal.timeout(longestCallMs),
  });
  try {
    const { principal } = await authenticator.authenticate(received, claim, route);
    return await execute(runtime, { ...callOf(principal), input: Object.fromEntries(query) });
  } catch (error) {
    if (!(error instanceof SignatureRefused)) throw error;
    throw await recordRefusal(runtime, callOf(error.principal), error.refusal);
  }
}

function modelOf(operations: readonly (readonly [name: string, path: string])[]): ServiceModel {
  return {
    id,
    iamPrefix: id,
    signingName: id,
    endpointPrefix: id,
    eventSource: "jikimi.internal",
    apiVersion: "2026-11-24",
    protocols: ["awsJson1_1"],
    operations: new Map(
      operations.map(([name, uri]): [string, OperationModel] => [
        name,
        { name, input: queryShape, output: answerShape, http: { method: "GET", uri, status: 200 } },
      ]),
    ),
    errors: new Map(),
  };
}

function serviceOf(operations: readonly OwnOperation[], provider: string): Service {
  const byName = <T>(of: (operation: OwnOperation) => T) => new Map(operations.map((each) => [each.name, of(each)]));
  return {
    id,
    operations: byName(
      ({ answer }) =>
        (input, ctx) =>
          answer(input as Record<string, string>, ctx),
    ),
    access: byName(({ name, providerOnly }) => (_input, ctx) => {
      if (providerOnly && ctx.account !== provider) throw notTheProvider(name);
      return { action: `${id}:${name}`, resource: "*" };
    }),
    // What each action is, AWS's tables of actions do not say.
    audit: byName(() => () => ({ readOnly: true })),
    jobs: [],
    reactors: [],
  };
}

/** INVARIANT: what is the provider's is told to callers of the provider's account only, whatever their policies say. */
function notTheProvider(name: string): AwsError {
  return new AwsError(
    "AccessDeniedException",
    `${id}:${name} is for callers in the account that operates this installation.`,
    403,
  );
}
