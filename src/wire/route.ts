/**
 * From a request to the addressed operation, by what the request says and not by a table of services: X-Amz-Target, then
 * Smithy RPC v2, then a form for services with a query protocol, then the REST path; S3 for what carries no signature.
 */
import { AwsError } from "#kernel/errors.ts";
import type { FileHead } from "#model/file.ts";
import type { OperationModel, ServiceModel } from "#model/types.ts";
import type { Bytes, Claim, HttpRequest, Protocol, Route } from "./contract.ts";
import { formText } from "./requestBody.ts";
import { parseForm } from "./queryRead.ts";
import { RestMatcher, splitPath, type RestMatch, type RestRequest } from "./restMatch.ts";
import { parseQuery } from "./restRead.ts";
import { addressBucket, isS3ControlHost } from "./s3Address.ts";
import { indexServices, speaksQuery, speaksRest, type ServiceIndex } from "./serviceIndex.ts";

export interface RouterOptions {
  heads: readonly FileHead[];
  load(id: string): ServiceModel;
  defaultRegion: string;
  /** Host names under which `{bucket}.{name}` addresses a bucket. */
  baseHosts: readonly string[];
}

function unknownService(name: string): AwsError {
  return new AwsError("UnknownServiceException", `There is no service "${name.slice(0, 64)}" here.`, 404);
}

function unknownOperation(protocol: Protocol, name: string, version: string): AwsError {
  const shown = name.slice(0, 128);
  if (protocol === "awsQuery") {
    return new AwsError("InvalidAction", `Could not find operation ${shown} for version ${version}`, 400);
  }
  if (protocol === "ec2Query") {
    return new AwsError("InvalidAction", `The action ${shown} is not valid for this web service.`, 400);
  }
  return new AwsError("UnknownOperationException", "", protocol.startsWith("awsJson") ? 400 : 404);
}

const rpcPath = /^\/service\/([A-Za-z0-9_.]+)\/operation\/([A-Za-z0-9_]+)$/;

export class Router {
  readonly #options: RouterOptions;
  readonly #index: ServiceIndex;
  readonly #matchers = new Map<string, RestMatcher>();

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#index = indexServices(options.heads);
  }

  routesByBody(request: HttpRequest, claim: Claim): boolean {
    if (request.method !== "POST" || request.headers["x-amz-target"] !== undefined) return false;
    if (hasAction(request) || !isForm(request)) return false;
    return this.#queryCandidates(request, claim).length > 0;
  }

  route(request: HttpRequest, claim: Claim, form?: Bytes): Route {
    const target = request.headers["x-amz-target"];
    if (target !== undefined) return this.#byTarget(request, claim, target);
    if (request.headers["smithy-protocol"] === "rpc-v2-cbor") return this.#byRpc(request, claim);
    if (hasAction(request) || (form !== undefined && isForm(request))) {
      const candidates = this.#queryCandidates(request, claim);
      if (candidates.length > 0) return this.#byForm(request, claim, form, candidates);
    }
    return this.#byRest(request, claim);
  }

  #made(service: ServiceModel, operation: OperationModel, protocol: Protocol, claim: Claim): Route {
    return { service, operation, protocol, region: claim.region ?? this.#options.defaultRegion, labels: {} };
  }

  #operation(head: FileHead, name: string, protocol: Protocol): [ServiceModel, OperationModel] {
    const service = this.#options.load(head.id);
    const operation = service.operations.get(name);
    if (operation === undefined) throw unknownOperation(protocol, name, head.apiVersion);
    return [service, operation];
  }

  #byTarget(request: HttpRequest, claim: Claim, target: string): Route {
    const dot = target.lastIndexOf(".");
    const prefix = target.slice(0, Math.max(dot, 0));
    const head = this.#index.byTarget.get(prefix.slice(prefix.lastIndexOf(".") + 1));
    const protocol = request.headers["content-type"]?.includes("json-1.0") ? "awsJson1_0" : "awsJson1_1";
    if (head === undefined) throw unknownOperation(protocol, target, "");
    const [service, operation] = this.#operation(head, target.slice(dot + 1), protocol);
    return this.#made(service, operation, protocol, claim);
  }

  #byRpc(request: HttpRequest, claim: Claim): Route {
    const [, target, name] = rpcPath.exec(request.path) ?? [];
    const head = this.#index.byTarget.get(target?.slice(target.lastIndexOf(".") + 1) ?? "");
    if (head === undefined || name === undefined) throw unknownOperation("rpcV2Cbor", request.path, "");
    const [service, operation] = this.#operation(head, name, "rpcV2Cbor");
    return this.#made(service, operation, "rpcV2Cbor", claim);
  }

  /** Services with a query protocol that the request may be for; none when it is signed for a REST service. */
  #queryCandidates(request: HttpRequest, claim: Claim): readonly FileHead[] {
    if (claim.signingService !== undefined) {
      return (this.#index.bySigningName.get(claim.signingService) ?? []).filter(speaksQuery);
    }
    const byHost = this.#byHost(request);
    if (byHost !== undefined) return byHost.filter(speaksQuery);
    return request.path === "/" || request.path === "" ? [...this.#index.byQueryVersion.values()].flat() : [];
  }

  #byForm(request: HttpRequest, claim: Claim, body: Bytes | undefined, candidates: readonly FileHead[]): Route {
    const form = parseForm(request.query);
    if (body !== undefined) {
      for (const [name, value] of parseForm(formText(request, body))) form.set(name, value);
    }
    const action = form.get("Action");
    const version = form.get("Version");
    const head = candidates.find((candidate) => candidate.apiVersion === version) ?? candidates[0]!;
    const protocol: Protocol = head.protocols.includes("ec2Query") ? "ec2Query" : "awsQuery";
    if (action === undefined) {
      throw new AwsError("MissingAction", "The request must contain the parameter Action", 400);
    }
    if (version !== undefined && version !== head.apiVersion) throw unknownOperation(protocol, action, version);
    const [service, operation] = this.#operation(head, action, protocol);
    if (claim.signingService === undefined && operation.unsigned !== true && version === undefined) {
      throw unknownOperation(protocol, action, "unknown");
    }
    return this.#made(service, operation, protocol, claim);
  }

  /** An unsigned request still says by its host whom it wants. */
  #byHost(request: HttpRequest): readonly FileHead[] | undefined {
    const host = request.headers["host"] ?? "";
    if (isS3ControlHost(host)) return this.#index.byEndpointPrefix.get("s3-control");
    const labels = host.split(".");
    return (
      this.#index.byEndpointPrefix.get(labels[0] ?? "") ??
      this.#index.byEndpointPrefix.get(labels.slice(0, 2).join("."))
    );
  }

  #byRest(request: HttpRequest, claim: Claim): Route {
    const signed = claim.signingService;
    const named = signed === undefined ? this.#byHost(request) : (this.#index.bySigningName.get(signed) ?? []);
    const heads = (named ?? this.#index.bySigningName.get("s3") ?? []).filter(speaksRest);
    if (heads.length === 0) {
      if (named !== undefined && named.length > 0)
        throw unknownOperation(protocolOf(named[0]!), request.path, named[0]!.apiVersion);
      throw unknownService(signed ?? request.headers["host"] ?? "");
    }
    if (heads.some((head) => head.id === "s3" || head.id === "s3control")) return this.#byS3(request, claim);
    // botocore's Route 53 ends some paths with a slash that the model has not.
    const rest: RestRequest = { ...restRequest(request), segments: splitPath(request.path.replace(/\/$/, "")) };
    let best: RestMatch | undefined;
    let bestHead = heads[0]!;
    for (const head of heads) {
      const match = this.#matcher(head.id).match(rest);
      if (match !== undefined && (best === undefined || match.score > best.score)) [best, bestHead] = [match, head];
    }
    if (best === undefined) throw unknownOperation(protocolOf(bestHead), request.path, bestHead.apiVersion);
    const service = this.#options.load(bestHead.id);
    return { ...this.#made(service, best.operation, protocolOf(bestHead), claim), labels: best.labels };
  }

  #byS3(request: HttpRequest, claim: Claim): Route {
    const host = request.headers["host"] ?? "";
    const control =
      /^\/v\d{8}\//.test(request.path) &&
      (isS3ControlHost(host) || "x-amz-account-id" in request.headers || claim.signingService === "s3-outposts");
    const rest = restRequest(request);
    if (control) {
      const service = this.#options.load("s3control");
      const match = this.#matcher("s3control").match({ ...rest, segments: splitPath(request.path) });
      if (match === undefined) throw methodNotAllowed();
      return { ...this.#made(service, match.operation, "restXml", claim), labels: match.labels };
    }
    const service = this.#options.load("s3");
    const region = claim.region ?? this.#options.defaultRegion;
    // Object Lambda's answers carry their route in the host and a header; there is no bucket in the path.
    if (request.path === "/WriteGetObjectResponse" && "x-amz-request-route" in request.headers) {
      const operation = service.operations.get("WriteGetObjectResponse")!;
      return { service, protocol: "restXml", region, operation, labels: {} };
    }
    const address = addressBucket(host, request.path, this.#options.baseHosts);
    const outside: Record<string, string> = address.bucket === undefined ? {} : { Bucket: address.bucket };
    const made = { service, protocol: "restXml" as const, region, virtualHost: address.virtualHost };
    // A browser's POST: the form, read later, holds the key. Its fields are those of PutObject.
    if (isBrowserPost(request, claim, address.path)) {
      return { ...made, operation: service.operations.get("PutObject")!, labels: outside };
    }
    const match = this.#matcher("s3").match({ ...rest, segments: keySegments(address.path) }, outside);
    if (match === undefined) throw methodNotAllowed();
    // Both are GET on /; the directory buckets are asked for under a signing name of their own.
    const directory = claim.signingService === "s3express" && match.operation.name === "ListBuckets";
    const operation = directory ? service.operations.get("ListDirectoryBuckets")! : match.operation;
    return { ...made, operation, labels: match.labels };
  }

  #matcher(id: string): RestMatcher {
    let matcher = this.#matchers.get(id);
    if (matcher === undefined) {
      matcher = new RestMatcher(this.#options.load(id), id === "s3");
      this.#matchers.set(id, matcher);
    }
    return matcher;
  }
}

function isBrowserPost(request: HttpRequest, claim: Claim, path: string): boolean {
  if (request.method !== "POST" || path.length > 1) return false;
  return claim.kind === "postPolicy" || request.headers["content-type"]?.startsWith("multipart/form-data") === true;
}

/** The key is everything after the first slash, slashes and empty segments included. */
function keySegments(path: string): string[] {
  return path === "/" || path === "" ? [] : path.slice(1).split("/");
}

function restRequest(request: HttpRequest): Omit<RestRequest, "segments"> {
  return { method: request.method, query: parseQuery(request.query), headers: request.headers };
}

function methodNotAllowed(): AwsError {
  return new AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405);
}

export function protocolOf(head: FileHead): Protocol {
  return head.protocols[0] as Protocol;
}

function isForm(request: HttpRequest): boolean {
  return request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
}

function hasAction(request: HttpRequest): boolean {
  return /(?:^|&)Action=/.test(request.query);
}

/** For the error envelope when no route was found. */
export function guessProtocol(request: HttpRequest, index: ServiceIndex, claimed: string | undefined): Protocol {
  if (request.headers["x-amz-target"] !== undefined) {
    return request.headers["content-type"]?.includes("json-1.0") ? "awsJson1_0" : "awsJson1_1";
  }
  if (request.headers["smithy-protocol"] === "rpc-v2-cbor") return "rpcV2Cbor";
  const head = claimed === undefined ? undefined : index.bySigningName.get(claimed)?.[0];
  if (head !== undefined) return protocolOf(head);
  return isForm(request) || hasAction(request) ? "awsQuery" : "restXml";
}
