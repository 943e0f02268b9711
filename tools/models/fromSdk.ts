/**
 * Front end A: the schemas that current `@aws-sdk/client-*` packages export (format: `@smithy/types`, static-schemas.d.ts).
 * It knows the newest surface, the wire traits and `required`, but no constraints.
 */
import type { ShapeKind, TimestampFormat } from "#model/types.ts";
import { emptyStructure, type Graph, type GraphMember, type GraphOperation, type GraphShape } from "./graph.ts";

type Raw = unknown;
type Traits = Record<string, unknown>;

/** Bits of a numeric trait value. Source: `@smithy/core/schema`, translateTraits. */
const traitBits = [
  "httpLabel",
  "idempotent",
  "idempotencyToken",
  "sensitive",
  "httpPayload",
  "httpResponseCode",
  "httpQueryParams",
] as const;

interface Simple {
  kind: ShapeKind;
  timestampFormat?: TimestampFormat;
  streaming?: boolean;
}
const simpleKinds: Readonly<Record<number, Simple>> = {
  0: { kind: "string" },
  1: { kind: "double" },
  2: { kind: "boolean" },
  4: { kind: "timestamp" },
  5: { kind: "timestamp", timestampFormat: "date-time" },
  6: { kind: "timestamp", timestampFormat: "http-date" },
  7: { kind: "timestamp", timestampFormat: "epoch-seconds" },
  15: { kind: "document" },
  17: { kind: "bigInteger" },
  19: { kind: "bigDecimal" },
  21: { kind: "blob" },
  42: { kind: "blob", streaming: true },
};

function traitsOf(raw: Raw): Traits {
  if (typeof raw === "number") {
    const traits: Traits = {};
    traitBits.forEach((name, bit) => {
      if ((raw >> bit) & 1) traits[name] = 1;
    });
    return traits;
  }
  return (raw ?? {}) as Traits;
}

function namespaceOf(raw: unknown): { prefix?: string; uri: string } {
  if (Array.isArray(raw)) return { prefix: raw[0] as string, uri: raw[1] as string };
  return { uri: raw as string };
}

class SchemaReader {
  readonly named = new Map<string, GraphShape>();
  readonly #bySchema = new Map<Raw, GraphShape>();

  /** A reference: a thunk, a number, `[reference, traits]` or a schema itself. Returns the shape and the member's traits. */
  reference(raw: Raw): [GraphShape, Traits] {
    const ref = typeof raw === "function" ? (raw as () => Raw)() : raw;
    if (Array.isArray(ref) && ref.length === 2) {
      const [shape, inner] = this.reference(ref[0]);
      return [shape, { ...inner, ...traitsOf(ref[1]) }];
    }
    return [this.shape(ref), {}];
  }

  shape(raw: Raw): GraphShape {
    if (raw === "unit") return emptyStructure("Unit");
    if (typeof raw === "number") return this.#anonymous(raw);
    const known = this.#bySchema.get(raw);
    if (known !== undefined) return known;
    if (!Array.isArray(raw)) throw new TypeError(`not a schema: ${String(raw)}`);
    const [code, , name, traitSet] = raw as [number, string, string, Raw];
    const shape: GraphShape = { name, kind: "structure" };
    this.#bySchema.set(raw, shape);
    this.#shapeTraits(shape, traitsOf(traitSet));
    if (code === 3 || code === 4 || code === -3) this.#structure(shape, raw);
    else if (code === 1) {
      shape.kind = "list";
      shape.element = this.member("member", raw[4]);
    } else if (code === 2) {
      shape.kind = "map";
      shape.mapKey = this.member("key", raw[4]);
      shape.element = this.member("value", raw[5]);
    } else if (code === 0) Object.assign(shape, simpleKinds[raw[4] as number] ?? fail(raw[4]));
    else fail(code);
    if (shape.members !== undefined) this.named.set(name, shape);
    return shape;
  }

  #structure(shape: GraphShape, raw: Raw[]): void {
    const [code, names, refs, required] = [raw[0], raw[4] ?? [], raw[5] ?? [], raw[6] ?? 0] as [
      number,
      string[],
      Raw[],
      number,
    ];
    shape.kind = code === 4 ? "union" : "structure";
    shape.members = names.map((name, i) => {
      const member = this.member(name, refs[i]);
      if (i < required) member.required = true;
      return member;
    });
    if (shape.kind === "union" && shape.streaming) {
      shape.eventStream = true;
      delete shape.streaming;
    }
  }

  #anonymous(code: number): GraphShape {
    if (code & 64) return { name: "", kind: "list", element: this.member("member", code & ~64) };
    if (code & 128) {
      return { name: "", kind: "map", mapKey: this.member("key", 0), element: this.member("value", code & ~128) };
    }
    return { name: "", ...(simpleKinds[code] ?? fail(code)) };
  }

  #shapeTraits(shape: GraphShape, traits: Traits): void {
    if (traits["sparse"]) shape.sparse = true;
    if (traits["sensitive"]) shape.sensitive = true;
    if (traits["streaming"]) shape.streaming = true;
    if (traits["xmlName"]) shape.xmlName = traits["xmlName"] as string;
    if (traits["xmlNamespace"]) shape.xmlNamespace = namespaceOf(traits["xmlNamespace"]);
    if (traits["mediaType"]) shape.mediaType = traits["mediaType"] as string;
    if (traits["error"]) {
      shape.error = { fault: traits["error"] as "client" | "server" };
      if (traits["httpError"]) shape.error.status = traits["httpError"] as number;
      const query = traits["awsQueryError"] as [string, number] | undefined;
      if (query) {
        shape.error.queryCode = query[0];
        shape.error.status ??= query[1];
      }
    }
  }

  member(name: string, raw: Raw): GraphMember {
    const [shape, traits] = this.reference(raw);
    const member: GraphMember = { name, shape };
    if (traits["httpLabel"]) member.location = "label";
    if (traits["httpQuery"]) locate(member, "query", traits["httpQuery"]);
    if (traits["httpQueryParams"]) member.location = "queryParams";
    if (traits["httpHeader"]) locate(member, "header", (traits["httpHeader"] as string).toLowerCase());
    if (traits["httpPrefixHeaders"] !== undefined) locate(member, "prefixHeaders", traits["httpPrefixHeaders"]);
    if (traits["httpPayload"]) member.location = "payload";
    if (traits["httpResponseCode"]) member.location = "statusCode";
    const wireName = traits["jsonName"] ?? traits["xmlName"];
    if (wireName && member.wireName === undefined) member.wireName = wireName as string;
    if (traits["ec2QueryName"]) member.ec2QueryName = traits["ec2QueryName"] as string;
    if (traits["xmlAttribute"]) member.xmlAttribute = true;
    if (traits["xmlFlattened"]) member.flattened = true;
    if (traits["xmlNamespace"]) member.xmlNamespace = namespaceOf(traits["xmlNamespace"]);
    if (traits["mediaType"]) member.mediaType = traits["mediaType"] as string;
    if (traits["idempotencyToken"]) member.idempotencyToken = true;
    if (traits["sensitive"]) member.sensitive = true;
    if (traits["eventHeader"]) member.event = { header: true };
    if (traits["eventPayload"]) member.event = { payload: true };
    return member;
  }
}

function locate(member: GraphMember, location: NonNullable<GraphMember["location"]>, name: unknown): void {
  member.location = location;
  member.wireName = name as string;
}

function fail(code: unknown): never {
  throw new TypeError(`unknown schema code ${String(code)}: the schema format of the SDK has changed`);
}

function operationOf(raw: Raw[], reader: SchemaReader): GraphOperation {
  const [, , name, traitSet, input, output] = raw as [number, string, string, Raw, Raw, Raw];
  const traits = traitsOf(traitSet);
  const [method, uri, status] = (traits["http"] as [string, string, number] | undefined) ?? ["POST", "/", 200];
  const operation: GraphOperation = {
    name,
    input: reader.reference(input)[0],
    output: reader.reference(output)[0],
    http: { method, uri, status },
  };
  const checksum = traits["httpChecksum"] as Record<string, unknown> | undefined;
  if (traits["httpChecksumRequired"] || checksum?.["requestChecksumRequired"]) operation.httpChecksumRequired = true;
  const endpoint = traits["endpoint"] as [string] | undefined;
  if (endpoint) operation.hostPrefix = endpoint[0];
  return operation;
}

/** Returns undefined when the installed package predates the schema format. */
export async function readSdk(packageName: string): Promise<Graph | undefined> {
  const sdk = (await import(packageName)) as Record<string, unknown>;
  const schemas = Object.entries(sdk).filter(([key, value]) => key.endsWith("$") && Array.isArray(value));
  if (schemas.length === 0) return undefined;
  const clientName = Object.keys(sdk).find((key) => /^[A-Z].*Client$/.test(key)) ?? fail(packageName);
  const Client = sdk[clientName] as new (config: object) => { config: { protocol: { getShapeId(): string } } & Traits };
  const client = new Client({ region: "us-east-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } });
  const settings = client.config["protocolSettings"] as Record<string, unknown>;
  const reader = new SchemaReader();
  const graph: Graph = {
    protocols: [client.config.protocol.getShapeId().replace("aws.protocols#", "")],
    signingName: "",
    endpointPrefix: "",
    apiVersion: settings["version"] as string,
    operations: new Map(),
    errors: new Map(),
    named: reader.named,
    enums: new Map(),
  };
  if (/Json1_/.test(graph.protocols[0]!)) graph.targetPrefix = settings["serviceTarget"] as string;
  if (settings["xmlNamespace"]) graph.xmlNamespace = settings["xmlNamespace"] as string;
  if (settings["awsQueryCompatible"]) graph.awsQueryCompatible = true;
  for (const [, raw] of schemas as [string, Raw[]][]) {
    if (raw[0] === 9) graph.operations.set(raw[2] as string, operationOf(raw, reader));
    else reader.shape(raw);
  }
  for (const [name, shape] of reader.named) if (shape.error) graph.errors.set(name, shape);
  for (const [name, value] of Object.entries(sdk)) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
    const values = Object.values(value);
    if (values.length > 0 && values.every((item) => typeof item === "string")) graph.enums.set(name, values);
  }
  return graph;
}
