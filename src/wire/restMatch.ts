/**
 * Finds the operation of a REST request among those of one service. Every URI of the model becomes a row; the rows that fit
 * are scored (literal segment 100, label 20, greedy label 10, query literal 10, each present required query or header member 3),
 * and the best one wins. That alone tells PutObject from CopyObject and UploadPart, GetObject from ListParts.
 */
import type { Member, OperationModel, ServiceModel } from "#model/types.ts";
import { WireFailure } from "./failure.ts";

interface Segment {
  literal?: string;
  label?: string;
  greedy?: boolean;
}

interface UriRow {
  operation: OperationModel;
  segments: readonly Segment[];
  literals: readonly [name: string, value: string | undefined][];
  queryMembers: readonly string[];
  headerMembers: readonly string[];
  /** Labels of the host, S3's bucket. */
  outside: readonly string[];
}

export interface RestMatch {
  operation: OperationModel;
  labels: Record<string, string>;
  score: number;
}

export interface RestRequest {
  method: string;
  /** Still percent-encoded, without the leading slash. */
  segments: readonly string[];
  query: ReadonlyMap<string, readonly string[]>;
  headers: Readonly<Record<string, string>>;
}

function requiredAt(operation: OperationModel, location: Member["location"]): string[] {
  const members = operation.input.members ?? [];
  return members
    .filter((member) => member.required && member.location === location)
    .map((member) => member.wireName ?? member.name);
}

function rowOf(operation: OperationModel): UriRow {
  const [path = "/", query = ""] = operation.http.uri.split("?");
  const segments: Segment[] = splitPath(path).map((part) => {
    const label = /^\{([^}+]+)(\+?)\}$/.exec(part);
    if (label === null) return { literal: part };
    return label[2] === "+" ? { label: label[1]!, greedy: true } : { label: label[1]! };
  });
  const literals = query
    .split("&")
    .filter((part) => part !== "" && !part.startsWith("x-id="))
    .map((part): [string, string | undefined] => {
      const [name, value] = part.split("=");
      return [name!, value];
    });
  const inUri = new Set(segments.map((segment) => segment.label));
  const outside = (operation.input.members ?? [])
    .filter((member) => member.location === "label" && !inUri.has(member.name))
    .map((member) => member.name);
  return {
    operation,
    segments,
    literals,
    queryMembers: requiredAt(operation, "query"),
    headerMembers: requiredAt(operation, "header"),
    outside,
  };
}

export function splitPath(path: string): string[] {
  const trimmed = path.startsWith("/") ? path.slice(1) : path;
  return trimmed === "" ? [] : trimmed.split("/");
}

export function decodeLabel(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new WireFailure("Couldn't parse the specified URI.", "InvalidURI");
  }
}

export class RestMatcher {
  readonly #byMethod = new Map<string, UriRow[]>();
  /** S3 refuses what other services ignore: an operation whose required query or header members are missing. */
  readonly #strict: boolean;

  constructor(service: ServiceModel, strict: boolean) {
    this.#strict = strict;
    for (const operation of service.operations.values()) {
      const rows = this.#byMethod.get(operation.http.method);
      if (rows) rows.push(rowOf(operation));
      else this.#byMethod.set(operation.http.method, [rowOf(operation)]);
    }
  }

  /** `outside` holds the labels found in the host; an operation that needs others does not match. */
  match(request: RestRequest, outside: Readonly<Record<string, string>> = {}): RestMatch | undefined {
    let best: RestMatch | undefined;
    const outsideCount = Object.keys(outside).length;
    for (const row of this.#byMethod.get(request.method) ?? []) {
      if (row.outside.length !== outsideCount || !row.outside.every((name) => Object.hasOwn(outside, name))) continue;
      const score = this.#score(row, request);
      if (score < 0 || (best !== undefined && score <= best.score)) continue;
      const labels = labelsOf(row.segments, request.segments);
      if (labels === undefined) continue;
      best = { operation: row.operation, labels: { ...labels, ...outside }, score };
    }
    return best;
  }

  /** -1 when the query or the headers rule the row out. */
  #score(row: UriRow, request: RestRequest): number {
    let score = 0;
    for (const [name, value] of row.literals) {
      const given = request.query.get(name);
      if (given === undefined || (value !== undefined && given[0] !== value)) return -1;
      score += 10;
    }
    for (const name of row.queryMembers) {
      if (request.query.has(name)) score += 3;
      else if (this.#strict) return -1;
    }
    for (const name of row.headerMembers) {
      if (request.headers[name] !== undefined) score += 3;
      else if (this.#strict && name.startsWith("x-amz-copy-")) return -1;
    }
    for (const segment of row.segments) score += segment.literal === undefined ? (segment.greedy ? 10 : 20) : 100;
    // Only ever decides between equals: ListBuckets and ListDirectoryBuckets share their URI.
    if (request.query.get("x-id")?.[0] === row.operation.name) score += 1;
    return score;
  }
}

function labelsOf(pattern: readonly Segment[], given: readonly string[]): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  const greedyAt = pattern.findIndex((segment) => segment.greedy);
  if (greedyAt === -1 ? pattern.length !== given.length : given.length < pattern.length) return undefined;
  const extra = given.length - pattern.length;
  for (let i = 0, at = 0; i < pattern.length; i++) {
    const segment = pattern[i]!;
    const width = i === greedyAt ? extra + 1 : 1;
    const text = width === 1 ? given[at]! : given.slice(at, at + width).join("/");
    at += width;
    if (segment.literal !== undefined) {
      if (segment.literal !== text) return undefined;
    } else {
      if (text === "") return undefined;
      labels[segment.label!] = decodeLabel(text);
    }
  }
  return labels;
}
