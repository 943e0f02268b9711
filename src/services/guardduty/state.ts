/**
 * Every document of GuardDuty. They live in their account and Region. What belongs to a detector has the detector's id
 * in front of its own: a detector that is made after another was deleted sees nothing of it. Members, administrators
 * and invitations are the gateway's.
 */
import { partitionOf } from "#kernel/arn.ts";
import { linkOf, type AdministratorLink } from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Scope } from "#store/contract.ts";
import type { Criterion } from "#engines/guard/criteria.ts";
import type { PasswordPolicy } from "#engines/guard/detection.ts";
import type { ListFormat } from "#engines/guard/lists.ts";
import { memberForbidden, notOwned } from "./errors.ts";
import type { Feature } from "./features.ts";
import type { Finding } from "./sdk.ts";

export const serviceId = "guardduty";
export const servicePrincipal = "guardduty.amazonaws.com";
export const eventsStream = "events";
export const installationAccount = "000000000000";

export const types = {
  detector: "detector",
  finding: "finding",
  filter: "filter",
  list: "list",
  entries: "entries",
  destination: "destination",
  pendingExport: "export",
  exportFile: "exportFile",
  organization: "organization",
  progress: "progress",
  removed: "removed",
  reschedule: "reschedule",
  token: "token",
  passwordPolicy: "passwordPolicy",
} as const;

export type Frequency = "FIFTEEN_MINUTES" | "ONE_HOUR" | "SIX_HOURS";

/** `detector`, one in each account and Region, under the id `detector`. */
export interface Detector {
  /** 32 hexadecimal digits. */
  id: string;
  account: string;
  region: string;
  enabled: boolean;
  /** Events before it are not analysed; epoch milliseconds. */
  enabledAt: number;
  frequency: Frequency;
  /** In the order in which they are shown. */
  features: Feature[];
  tags: Record<string, string>;
  createdAt: number;
  updatedAt: number;
}

/** `finding`, by `<detector>/<finding>`. */
export interface StoredFinding {
  /** As the API gives it; times are text. */
  finding: Finding;
  /** When it last went to EventBridge and S3. Absent: never, it has been suppressed. */
  publishedAt?: number;
  /** When an update of it is to go out. */
  due?: number;
  /** A filter archived it, not a person. */
  suppressed?: true;
}

/** `filter`, by `<detector>/<name>`. */
export interface Filter {
  name: string;
  description?: string;
  action: "NOOP" | "ARCHIVE";
  rank: number;
  criterion: Criterion;
  tags: Record<string, string>;
  createdAt: number;
  updatedAt: number;
}

export type ListKind = "ipset" | "threatintelset" | "trustedentityset" | "threatentityset";

/** `list`, by `<detector>/<kind>/<id>`. */
export interface EntityList {
  kind: ListKind;
  id: string;
  name: string;
  format: ListFormat;
  location: string;
  expectedBucketOwner?: string;
  /** "DELETED" for a while, for those who wait to see it. */
  status: "ACTIVE" | "INACTIVE" | "ERROR" | "DELETED";
  error?: string;
  /** Rises whenever the list is read anew: names its entries. */
  generation: number;
  /** Documents that hold the entries. */
  parts: number;
  tags: Record<string, string>;
  createdAt: number;
  updatedAt: number;
}

/** `entries`, by `<detector>/<list>/<generation>/<part>`: a few thousand entries each. */
export interface ListPart {
  addresses: string[];
  domains: string[];
}

/** `destination`, by `<detector>/<id>`. */
export interface Destination {
  id: string;
  /** Of the detector whose findings, and whose members' findings, go there. */
  detector: string;
  /** ARN of the bucket, with a prefix perhaps. */
  arn: string;
  kmsKeyArn: string;
  expectedBucketOwner?: string;
  tags: Record<string, string>;
  /** Epoch milliseconds of the first failure since the last success. */
  failingSince?: number;
}

/** `export`, by `<detector>/<destination>/<time>/<unique>`: a finding that is to go into the next file. */
export interface PendingExport {
  /** The finding's JSON, as a line. */
  line: string;
  account: string;
  at: number;
}

/** `exportFile`, by `<detector>/<destination>`: a file being written. It is noted before the file, so that a crash repeats the same file. */
export interface ExportFile {
  key: string;
  pending: string[];
}

/** `organization`, under the id `organization`, in the scope of a delegated administrator. */
export interface OrganizationSettings {
  autoEnable: "ALL" | "NEW" | "NONE";
  /** Feature → for whom it is enabled by itself. */
  features: Record<string, "ALL" | "NEW" | "NONE">;
  /** Accounts that were in the organization when NEW was chosen: they are not new. */
  knownAccounts: string[];
}

/** `progress`, by partition, in the installation's scope: how far findings have been written. */
export interface Progress {
  offset: number;
  /** Latest append among the events up to there; epoch milliseconds. */
  time: number;
}

/** `passwordPolicy`, under the id `policy`, beside the detector. */
export type KnownPasswordPolicy = PasswordPolicy;

/** "Finding retention period: 90 days." Source: GuardDuty User Guide, "Amazon GuardDuty quotas". */
export const findingRetentionMs = 90 * 24 * 3_600_000;

export function scopeOf({ account, region }: { account: string; region: string }): Scope {
  return { account, region, service: serviceId };
}

export function detectorArn({ account, region, id }: Pick<Detector, "account" | "region" | "id">): string {
  return `arn:${partitionOf(region)}:guardduty:${region}:${account}:detector/${id}`;
}

export function serviceRoleArn(account: string, region: string): string {
  return `arn:${partitionOf(region)}:iam::${account}:role/aws-service-role/${servicePrincipal}/AWSServiceRoleForAmazonGuardDuty`;
}

/** Sorts as the number does. */
export const pad = (milliseconds: number): string => String(milliseconds).padStart(15, "0");

export async function ownDetector(ctx: CallContext): Promise<Detector | undefined> {
  return (await ctx.state.get<Detector>(types.detector, types.detector))?.value;
}

/** @throws BadRequestException unless the caller's account has this very detector in the Region */
export async function requireDetector(ctx: CallContext, id: string | undefined): Promise<Detector> {
  const detector = await ownDetector(ctx);
  if (detector === undefined || detector.id !== id) throw notOwned();
  return detector;
}

export async function administratorOf(ctx: CallContext): Promise<AdministratorLink | undefined> {
  const link = await linkOf(ctx.state, ctx.account);
  return link?.status === "Enabled" || link?.status === "Disabled" ? link : undefined;
}

/** @throws BadRequestException for what only the administrator of several accounts may do */
export async function requireNoAdministrator(ctx: CallContext, what: string): Promise<void> {
  if ((await administratorOf(ctx)) !== undefined) throw memberForbidden(what);
}

export function putDetector(ctx: CallContext, detector: Detector): void {
  ctx.state.put(types.detector, types.detector, detector, { at: scopeOf(detector) });
}
