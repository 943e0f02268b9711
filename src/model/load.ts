/** Reads the committed models: an index of every service at once, the shapes of a service when it is first asked for. */
import { readFileSync } from "node:fs";
import { kindCodes, locationCodes, timestampCodes } from "./file.ts";
import type { FileHead, FileMember, FileModel, FileShape } from "./file.ts";
import type { Member, OperationModel, ServiceModel, Shape, ShapeKind } from "./types.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function reversed<K extends string>(codes: Readonly<Record<K, string>>): Readonly<Record<string, K>> {
  return Object.fromEntries(Object.entries(codes).map(([name, code]) => [code, name]));
}
const kinds = reversed(kindCodes);
const locations = reversed(locationCodes);
const timestampFormats = reversed(timestampCodes);

const folder = new URL("./data/", import.meta.url);
const models = new Map<string, ServiceModel>();
let index: readonly FileHead[] | undefined;

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8"));
}

/** One row for each service, in the order of their ids. */
export function modelHeads(): readonly FileHead[] {
  index ??= (read("index.json") as { services: FileHead[] }).services;
  return index;
}

/** Ids of every service that has a model, e.g. "kms", "elbv2". */
export function modelIds(): readonly string[] {
  return modelHeads().map((head) => head.id);
}

/** Throws a `RangeError` for an id that is not among `modelIds()`. */
export function loadModel(id: string): ServiceModel {
  const known = models.get(id);
  if (known !== undefined) return known;
  if (!modelHeads().some((head) => head.id === id)) throw new RangeError(`no model of a service "${id}"`);
  const model = link(read(`${id}.json`) as FileModel);
  models.set(id, model);
  return model;
}

function link(file: FileModel): ServiceModel {
  const shapes = file.shapes.map(shapeHead);
  file.shapes.forEach((row, i) => linkMembers(shapes[i]!, row, shapes));
  const operations = new Map<string, OperationModel>();
  for (const [name, row] of Object.entries(file.operations)) {
    const [method, uri, status] = row.http ?? ["POST", "/", 200];
    const operation: OperationModel = {
      name,
      input: shapes[row.i]!,
      output: shapes[row.o]!,
      http: { method, uri, status },
    };
    if (row.c) operation.httpChecksumRequired = true;
    if (row.u) operation.unsigned = true;
    if (row.h !== undefined) operation.hostPrefix = row.h;
    operations.set(name, operation);
  }
  const errors = new Map(Object.entries(file.errors).map(([name, i]) => [name, shapes[i]!]));
  const { operations: _operations, errors: _errors, shapes: _shapes, generated: _generated, ...head } = file;
  return { ...head, operations, errors };
}

function shapeHead(row: FileShape): Mutable<Shape> {
  const shape: Mutable<Shape> = { name: row.n, kind: kinds[row.k] as ShapeKind };
  if (row.min !== undefined) shape.min = row.min;
  if (row.max !== undefined) shape.max = row.max;
  if (row.p !== undefined) shape.pattern = row.p;
  if (row.enum !== undefined) shape.enum = row.enum;
  if (row.sp) shape.sparse = true;
  if (row.s) shape.sensitive = true;
  if (row.ev) shape.eventStream = true;
  if (row.x !== undefined) shape.xmlName = row.x;
  if (row.ns) shape.xmlNamespace = namespaceOf(row.ns);
  if (row.err) {
    const [fault, status, queryCode] = row.err;
    shape.error = { fault: fault as "client" | "server" };
    if (status !== 0) shape.error.status = status;
    if (queryCode !== "") shape.error.queryCode = queryCode;
  }
  return shape;
}

function linkMembers(shape: Mutable<Shape>, row: FileShape, shapes: readonly Shape[]): void {
  if (row.m) {
    shape.members = row.m.map((member) => memberOf(member, shapes));
    shape.byName = new Map(shape.members.map((member) => [member.name, member]));
  }
  if (row.e) shape.element = memberOf(row.e, shapes);
  if (row.K) shape.mapKey = memberOf(row.K, shapes);
}

function memberOf([name, target, traits]: FileMember, shapes: readonly Shape[]): Member {
  const member: Member = { name, shape: shapes[target]!, required: traits?.r === 1 };
  if (traits === undefined) return member;
  if (traits.l !== undefined) member.location = locations[traits.l]!;
  if (traits.w !== undefined) member.wireName = traits.w;
  if (traits.q !== undefined) member.ec2QueryName = traits.q;
  if (traits.xa) member.xmlAttribute = true;
  if (traits.ns) member.xmlNamespace = namespaceOf(traits.ns);
  if (traits.f) member.flattened = true;
  if (traits.t !== undefined) member.timestampFormat = timestampFormats[traits.t]!;
  if (traits.mt !== undefined) member.mediaType = traits.mt;
  if (traits.id) member.idempotencyToken = true;
  if (traits.s) member.sensitive = true;
  if (traits.st) member.streaming = true;
  if (traits.eh) member.event = { header: true };
  if (traits.ep) member.event = { payload: true };
  return member;
}

function namespaceOf([prefix, uri]: [string, string]): { prefix?: string; uri: string } {
  return prefix === "" ? { uri } : { prefix, uri };
}
