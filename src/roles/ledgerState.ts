/**
 * What the ledger keeps, by document type, in the account and Region that is billed.
 *
 * | type | id | what |
 * |---|---|---|
 * | requests | month/partition | calls of KMS by price class, out of one partition of the audit stream |
 * | hsm | HsmId | since when a hardware security module has run, and until when |
 * | cluster | ClusterId | the type of its modules |
 *
 * Hours of keys are not kept: they follow from the keys themselves, and from what KMS leaves of deleted ones.
 */
import type { RequestClass } from "#engines/ledger/requestClasses.ts";

export const serviceId = "ledger";

export const types = { requests: "requests", hsm: "hsm", cluster: "cluster" } as const;

/** Longest that a month can be asked for. */
export const retentionMs = 400 * 86_400_000;

export interface RequestsDocument {
  counts: Partial<Record<RequestClass, number>>;
  /** The last event of the partition that is counted here. */
  offset: number;
  /** When it was appended. */
  time: number;
}

export interface HsmDocument {
  hsmId: string;
  clusterId: string;
  from: number;
  to?: number;
}

export interface ClusterDocument {
  hsmType: string;
}
