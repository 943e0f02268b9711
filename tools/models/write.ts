/**
 * The compact form of a model: one table of shapes that refer to each other by index, one shape and one operation per
 * line so that a change of the AWS API reads as a diff. Keys are explained in `src/model/file.ts`.
 */
import type { FileHead, FileMember, FileModel, FileOperation, FileShape } from "#model/file.ts";
import { kindCodes, locationCodes, timestampCodes } from "#model/file.ts";
import type { Graph, GraphMember, GraphShape } from "./graph.ts";
import type { ServiceRow } from "./services.ts";

class Table {
  readonly rows: FileShape[] = [];
  readonly #index = new Map<GraphShape, number>();
  readonly #byText = new Map<string, number>();

  add(shape: GraphShape): number {
    const known = this.#index.get(shape);
    if (known !== undefined) return known;
    if (shape.members === undefined && shape.element === undefined) return this.#addSimple(shape);
    const index = this.rows.length;
    this.#index.set(shape, index);
    const row = this.#head(shape);
    this.rows.push(row);
    if (shape.members) row.m = shape.members.map((member) => this.#member(member));
    if (shape.mapKey) row.K = this.#member(shape.mapKey);
    if (shape.element) row.e = this.#member(shape.element);
    return index;
  }

  #addSimple(shape: GraphShape): number {
    const row = this.#head(shape);
    const text = JSON.stringify(row);
    const known = this.#byText.get(text);
    const index = known ?? this.rows.push(row) - 1;
    this.#byText.set(text, index);
    this.#index.set(shape, index);
    return index;
  }

  #head(shape: GraphShape): FileShape {
    const row: FileShape = { n: shape.name, k: kindCodes[shape.kind] };
    if (shape.min !== undefined) row.min = shape.min;
    if (shape.max !== undefined) row.max = shape.max;
    if (shape.pattern !== undefined) row.p = shape.pattern;
    if (shape.enum !== undefined) row.enum = shape.enum;
    if (shape.sparse) row.sp = 1;
    if (shape.sensitive) row.s = 1;
    if (shape.eventStream) row.ev = 1;
    if (shape.xmlName) row.x = shape.xmlName;
    if (shape.xmlNamespace) row.ns = namespaceOf(shape.xmlNamespace);
    if (shape.error) row.err = [shape.error.fault, shape.error.status ?? 0, shape.error.queryCode ?? ""];
    return row;
  }

  #member(member: GraphMember): FileMember {
    const traits: FileMember[2] = {};
    if (member.required) traits.r = 1;
    if (member.location) traits.l = locationCodes[member.location];
    if (member.wireName !== undefined && member.wireName !== member.name) traits.w = member.wireName;
    if (member.ec2QueryName) traits.q = member.ec2QueryName;
    if (member.xmlAttribute) traits.xa = 1;
    if (member.xmlNamespace) traits.ns = namespaceOf(member.xmlNamespace);
    if (member.flattened) traits.f = 1;
    const format = member.timestampFormat ?? member.shape.timestampFormat;
    if (format) traits.t = timestampCodes[format];
    const mediaType = member.mediaType ?? member.shape.mediaType;
    if (mediaType) traits.mt = mediaType;
    if (member.idempotencyToken) traits.id = 1;
    if (member.sensitive) traits.s = 1;
    if (member.streaming || member.shape.streaming) traits.st = 1;
    if (member.event?.header) traits.eh = 1;
    if (member.event?.payload) traits.ep = 1;
    const shape = this.add(member.shape);
    return Object.keys(traits).length === 0 ? [member.name, shape] : [member.name, shape, traits];
  }
}

function namespaceOf(namespace: { prefix?: string; uri: string }): [string, string] {
  return [namespace.prefix ?? "", namespace.uri];
}

const byName = (a: [string, unknown], b: [string, unknown]): number => (a[0] < b[0] ? -1 : 1);

export function toFile(service: ServiceRow, graph: Graph, generated: string): FileModel {
  const table = new Table();
  const operations: Record<string, FileOperation> = {};
  for (const [name, operation] of [...graph.operations].toSorted(byName)) {
    const { method, uri, status } = operation.http;
    const row: FileOperation = { i: table.add(operation.input), o: table.add(operation.output) };
    if (method !== "POST" || uri !== "/" || status !== 200) row.http = [method, uri, status];
    if (operation.httpChecksumRequired) row.c = 1;
    if (operation.unsigned) row.u = 1;
    if (operation.hostPrefix) row.h = operation.hostPrefix;
    operations[name] = row;
  }
  const errors: Record<string, number> = {};
  for (const [name, shape] of [...graph.errors].toSorted(byName)) errors[name] = table.add(shape);
  const file: FileModel = {
    generated,
    id: service.id,
    iamPrefix: service.iamPrefix,
    signingName: graph.signingName,
    endpointPrefix: graph.endpointPrefix,
    eventSource: service.eventSource,
    apiVersion: graph.apiVersion,
    protocols: service.older ? [...graph.protocols, service.older.protocol] : graph.protocols,
    operations,
    errors,
    shapes: table.rows,
  };
  if (graph.targetPrefix) file.targetPrefix = graph.targetPrefix;
  const xmlNamespace = graph.xmlNamespace ?? service.older?.xmlNamespace;
  if (xmlNamespace) file.xmlNamespace = xmlNamespace;
  if (graph.awsQueryCompatible) file.awsQueryCompatible = true;
  return file;
}

export function printFile(file: FileModel): string {
  const { operations, errors, shapes, ...head } = file;
  const lines = Object.entries(head).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const operationLines = Object.entries(operations).map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`);
  lines.push(`"operations":{\n${operationLines.join(",\n")}\n}`);
  lines.push(`"errors":${JSON.stringify(errors)}`);
  lines.push(`"shapes":[\n${shapes.map((row) => JSON.stringify(row)).join(",\n")}\n]`);
  return `{${lines.join(",\n")}}\n`;
}

/** What routing needs of every service before any model is loaded. */
export function printIndex(generated: string, heads: readonly FileHead[]): string {
  const rows = heads.map((head) => JSON.stringify(head));
  return `{"generated":${JSON.stringify(generated)},\n"services":[\n${rows.join(",\n")}\n]}\n`;
}
