/**
 * What the events of the history can be looked up by. Pure.
 * Source: CloudTrail API Reference, LookupAttribute; User Guide, "Working with CloudTrail Event history".
 */
import { crc32 } from "node:zlib";
import type { AuditRecord } from "#gateway/auditRecord.ts";

/** LookupAttribute key → values of a record. */
const attributes: Record<string, (record: AuditRecord) => readonly string[]> = {
  EventId: (record) => [record.eventID],
  EventName: (record) => [record.eventName],
  ReadOnly: (record) => [String(record.readOnly)],
  Username: (record) => present(usernameOf(record)),
  ResourceType: (record) => (record.resources ?? []).map(({ type }) => type),
  ResourceName: (record) => (record.resources ?? []).flatMap(({ ARN }) => [ARN, nameIn(ARN)]),
  EventSource: (record) => [record.eventSource],
  AccessKeyId: (record) => present(record.userIdentity["accessKeyId"]),
};

export interface Attribute {
  name: string;
  value: string;
}

export function hasAttribute(record: AuditRecord, { name, value }: Attribute): boolean {
  return attributes[name]?.(record).includes(value) ?? false;
}

/** Attributes that are not in the text of the record as they are asked for. */
const derived = new Set(["ReadOnly", "Username"]);

/** False only when no record with this JSON has the attribute: says so without reading the record. */
export function mayHaveAttribute(json: string, { name, value }: Attribute): boolean {
  return derived.has(name) || json.includes(JSON.stringify(value).slice(1, -1));
}

/** A number from 0 to 65,535 for an attribute's value: what a segment remembers of the values in it. */
export function termOf({ name, value }: Attribute): number {
  return crc32(`${name}=${value}`) & 0xffff;
}

export function addTerms(record: AuditRecord, terms: Set<number>): void {
  for (const name in attributes) {
    for (const value of attributes[name]!(record)) terms.add(termOf({ name, value }));
  }
}

export function usernameOf(record: AuditRecord): string | undefined {
  const identity = record.userIdentity;
  if (identity["type"] === "Root") return "root";
  if (typeof identity["userName"] === "string") return identity["userName"];
  const principal = identity["principalId"];
  return typeof principal === "string" && principal.includes(":")
    ? principal.slice(principal.indexOf(":") + 1)
    : undefined;
}

function nameIn(arn: string): string {
  let start = 0;
  for (let colons = 0; colons < 5; colons++) {
    const colon = arn.indexOf(":", start);
    if (colon < 0) return "";
    start = colon + 1;
  }
  return arn.slice(Math.max(start, arn.indexOf("/", start) + 1));
}

function present(value: unknown): string[] {
  return typeof value === "string" && value !== "" ? [value] : [];
}
