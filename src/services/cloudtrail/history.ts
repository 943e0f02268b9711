/**
 * Event history: ninety days of management events of an account and Region, newest first, by one attribute.
 * Source: CloudTrail User Guide, "Working with CloudTrail Event history"; API Reference, LookupEvents.
 */
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { Operation } from "#store/contract.ts";
import { isStorable } from "#store/limits.ts";
import { serviceId, type HistoryEvent } from "./state.ts";

/** In bytes; with the times of the index value and of the event's id it fits into an index row. */
const longestValue = 2100;

const retentionMs = 90 * 24 * 3600 * 1000;

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

/** The document of a management event; written again it is the same document. */
export function historyOperation(record: AuditRecord): Operation {
  const indexes: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(attributes)) {
    // INVARIANT: whatever a client put into its request, the record can be kept; a value that cannot be looked up is not indexed.
    const distinct = [...new Set(values(record))].filter((value) => isStorable(value, longestValue));
    if (distinct.length > 0) indexes[name] = distinct.map((value) => indexValue(value, record.eventTime));
  }
  const value: HistoryEvent = { record };
  return {
    op: "put",
    key: {
      account: record.recipientAccountId,
      region: record.awsRegion,
      service: serviceId,
      type: "event",
      id: `${record.eventTime}/${record.eventID}`,
    },
    value,
    indexes,
    expiresAt: Date.parse(record.eventTime) + retentionMs,
  };
}

/** Values sort by time within an attribute value, so that a range of the index is a range of time. */
export function indexValue(value: string, time: string): string {
  return `${value}\u0001${time}`;
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
  const resource = arn.split(":").slice(5).join(":");
  return resource.slice(resource.indexOf("/") + 1);
}

function present(value: unknown): string[] {
  return typeof value === "string" && value !== "" ? [value] : [];
}
