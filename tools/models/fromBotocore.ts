/**
 * Front end B: botocore's `service-2.json`. It knows constraints, number widths, which operations are unsigned, and
 * the services without a current npm client. Source: botocore/data in the installed Python package.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { ShapeKind, TimestampFormat } from "#model/types.ts";
import { emptyStructure, type Graph, type GraphMember, type GraphOperation, type GraphShape } from "./graph.ts";

interface RawMember {
  shape: string;
  location?: string;
  locationName?: string;
  queryName?: string;
  xmlAttribute?: boolean;
  flattened?: boolean;
  streaming?: boolean;
  idempotencyToken?: boolean;
  eventheader?: boolean;
  eventpayload?: boolean;
  xmlNamespace?: { prefix?: string; uri: string };
  timestampFormat?: string;
  sensitive?: boolean;
  jsonvalue?: boolean;
}
interface RawShape extends Omit<RawMember, "shape"> {
  type: string;
  members?: Record<string, RawMember>;
  required?: string[];
  payload?: string;
  member?: RawMember;
  key?: RawMember;
  value?: RawMember;
  min?: number;
  max?: number;
  pattern?: string;
  enum?: string[];
  union?: boolean;
  document?: boolean;
  eventstream?: boolean;
  exception?: boolean;
  fault?: boolean;
  error?: { code?: string; httpStatusCode?: number; senderFault?: boolean };
}
interface RawOperation {
  name: string;
  http?: { method: string; requestUri: string; responseCode?: number };
  input?: RawMember;
  output?: RawMember;
  authtype?: string;
  auth?: string[];
  endpoint?: { hostPrefix: string };
  httpChecksumRequired?: boolean;
  httpChecksum?: { requestChecksumRequired?: boolean };
}
interface RawModel {
  metadata: Record<string, string> & { protocols?: string[] };
  operations: Record<string, RawOperation>;
  shapes: Record<string, RawShape>;
}

const kinds: Readonly<Record<string, ShapeKind>> = {
  structure: "structure",
  list: "list",
  map: "map",
  string: "string",
  character: "string",
  boolean: "boolean",
  integer: "integer",
  long: "long",
  float: "float",
  double: "double",
  timestamp: "timestamp",
  blob: "blob",
};
const timestampFormats: Readonly<Record<string, TimestampFormat>> = {
  iso8601: "date-time",
  rfc822: "http-date",
  unixTimestamp: "epoch-seconds",
};
const protocolNames: Readonly<Record<string, string>> = {
  "rest-json": "restJson1",
  "rest-xml": "restXml",
  query: "awsQuery",
  ec2: "ec2Query",
  "smithy-rpc-v2-cbor": "rpcV2Cbor",
};

/** The folder of botocore's data and its version, or undefined when botocore is not installed. */
export function findBotocore(): { data: string; version: string } | undefined {
  const script = "import botocore;print(botocore.__path__[0]);print(botocore.__version__)";
  const python = spawnSync("python3", ["-c", script], { encoding: "utf8" });
  if (python.status !== 0) return undefined;
  const [path, version] = python.stdout.trim().split("\n");
  const data = join(path!, "data");
  return existsSync(data) ? { data, version: version! } : undefined;
}

function readModel(data: string, id: string): RawModel {
  const folder = join(data, id);
  const version = readdirSync(folder).toSorted().at(-1)!;
  const plain = join(folder, version, "service-2.json");
  const text = existsSync(plain) ? readFileSync(plain) : gunzipSync(readFileSync(`${plain}.gz`));
  return JSON.parse(text.toString("utf8")) as RawModel;
}

class ShapeReader {
  readonly named = new Map<string, GraphShape>();
  readonly #raw: RawModel;
  readonly #json: boolean;

  constructor(raw: RawModel, json: boolean) {
    this.#raw = raw;
    this.#json = json;
  }

  shape(name: string): GraphShape {
    const known = this.named.get(name);
    if (known) return known;
    const raw = this.#raw.shapes[name]!;
    const kind = raw.document ? "document" : raw.union || raw.eventstream ? "union" : kinds[raw.type];
    if (kind === undefined) throw new TypeError(`unknown botocore type ${raw.type} of ${name}`);
    const shape: GraphShape = { name, kind };
    this.named.set(name, shape);
    for (const key of ["min", "max", "pattern", "enum"] as const) {
      if (raw[key] !== undefined) Object.assign(shape, { [key]: raw[key] });
    }
    if (raw.sensitive) shape.sensitive = true;
    if (raw.streaming) shape.streaming = true;
    if (raw.eventstream) shape.eventStream = true;
    if (raw.timestampFormat) shape.timestampFormat = timestampFormats[raw.timestampFormat]!;
    if (raw.locationName && raw.members) shape.xmlName = raw.locationName;
    if (raw.xmlNamespace) shape.xmlNamespace = raw.xmlNamespace;
    if (kind === "structure" || kind === "union") this.#members(shape, raw);
    if (raw.member) shape.element = this.member("member", raw.member);
    if (raw.key) shape.mapKey = this.member("key", raw.key);
    if (raw.value) shape.element = this.member("value", raw.value);
    if (raw.exception) shape.error = errorOf(raw);
    return shape;
  }

  #members(shape: GraphShape, raw: RawShape): void {
    shape.members = Object.entries(raw.members ?? {}).map(([name, ref]) => {
      const member = this.member(name, ref);
      if (raw.required?.includes(name)) member.required = true;
      if (raw.payload === name) member.location = "payload";
      return member;
    });
  }

  member(name: string, ref: RawMember): GraphMember {
    const member: GraphMember = { name, shape: this.shape(ref.shape) };
    const target = this.#raw.shapes[ref.shape]!;
    const wireName = ref.locationName;
    if (ref.location === "uri") member.location = "label";
    else if (ref.location === "querystring") {
      member.location = target.type === "map" ? "queryParams" : "query";
      if (target.type !== "map") member.wireName = wireName ?? name;
    } else if (ref.location === "header" || ref.location === "headers") {
      member.location = ref.location === "header" ? "header" : "prefixHeaders";
      member.wireName = ref.location === "header" ? (wireName ?? name).toLowerCase() : (wireName ?? "");
    } else if (ref.location === "statusCode") member.location = "statusCode";
    else if (wireName !== undefined && wireName !== name) member.wireName = wireName;
    if (!this.#json) {
      if (ref.flattened || target.flattened) member.flattened = true;
      if (ref.xmlAttribute) member.xmlAttribute = true;
      if (ref.xmlNamespace) member.xmlNamespace = ref.xmlNamespace;
      if (ref.queryName) member.ec2QueryName = ref.queryName;
    }
    if (ref.timestampFormat) member.timestampFormat = timestampFormats[ref.timestampFormat]!;
    if (ref.idempotencyToken) member.idempotencyToken = true;
    if (ref.sensitive) member.sensitive = true;
    if (ref.streaming) member.streaming = true;
    if (ref.eventheader) member.event = { header: true };
    if (ref.eventpayload) member.event = { payload: true };
    if (ref.jsonvalue) member.mediaType = "application/json";
    return member;
  }
}

function errorOf(raw: RawShape): NonNullable<GraphShape["error"]> {
  const status = raw.error?.httpStatusCode;
  const server = raw.fault === true || (status !== undefined && status >= 500);
  const error: NonNullable<GraphShape["error"]> = { fault: server ? "server" : "client" };
  if (status !== undefined) error.status = status;
  if (raw.error?.code !== undefined) error.queryCode = raw.error.code;
  return error;
}

function operationOf(raw: RawOperation, reader: ShapeReader): GraphOperation {
  const operation: GraphOperation = {
    name: raw.name,
    input: raw.input ? reader.shape(raw.input.shape) : emptyStructure("Unit"),
    output: raw.output ? reader.shape(raw.output.shape) : emptyStructure("Unit"),
    http: {
      method: raw.http?.method ?? "POST",
      uri: raw.http?.requestUri ?? "/",
      status: raw.http?.responseCode ?? 200,
    },
  };
  if (raw.httpChecksumRequired || raw.httpChecksum?.requestChecksumRequired) operation.httpChecksumRequired = true;
  if (raw.authtype === "none" || raw.auth?.[0] === "smithy.api#noAuth") operation.unsigned = true;
  if (raw.endpoint) operation.hostPrefix = raw.endpoint.hostPrefix;
  return operation;
}

export function readBotocore(data: string, id: string): Graph {
  const raw = readModel(data, id);
  const { metadata } = raw;
  const names = metadata.protocols ?? [metadata["protocol"]!];
  const protocols = names.map((name) =>
    name === "json" ? `awsJson${(metadata["jsonVersion"] ?? "1.1").replace(".", "_")}` : protocolNames[name]!,
  );
  const reader = new ShapeReader(raw, /[jJ]son|Cbor/.test(protocols[0]!));
  const graph: Graph = {
    protocols,
    signingName: metadata["signingName"] ?? metadata["endpointPrefix"]!,
    endpointPrefix: metadata["endpointPrefix"]!,
    apiVersion: metadata["apiVersion"]!,
    operations: new Map(),
    errors: new Map(),
    named: reader.named,
    enums: new Map(),
  };
  if (metadata["targetPrefix"] && protocols.some((name) => name.startsWith("awsJson"))) {
    graph.targetPrefix = metadata["targetPrefix"];
  }
  const namespace = metadata["xmlNamespace"] as unknown;
  if (namespace) graph.xmlNamespace = typeof namespace === "string" ? namespace : (namespace as { uri: string }).uri;
  for (const [name, operation] of Object.entries(raw.operations)) {
    graph.operations.set(name, operationOf({ ...operation, name: operation.name ?? name }, reader));
  }
  for (const [name, shape] of Object.entries(raw.shapes)) {
    const read = reader.shape(name);
    if (shape.exception) graph.errors.set(name, read);
    if (shape.enum) graph.enums.set(name, shape.enum);
  }
  return graph;
}
