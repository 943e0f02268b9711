/** Every document of CloudTrail. Trails live in their account and home Region; the rest beside them. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { Scope } from "#store/contract.ts";
import { invalidArn, invalidTrailName, trailNotFound } from "./errors.ts";
import type { AdvancedSelector, BasicSelector } from "./selectors.ts";

export const serviceId = "cloudtrail";

/** `trail`, by name. */
export interface Trail {
  name: string;
  arn: string;
  account: string;
  homeRegion: string;
  bucket: string;
  prefix?: string;
  /** Where records go as log events too, and the role that writes them. */
  logs?: { groupArn: string; roleArn: string };
  /** ARN of the topic that is told of each log file. */
  topic?: string;
  /** ARN. Log files are encrypted under it; without it, with keys of S3's own. There is no third way. */
  kmsKeyId?: string;
  globalServiceEvents: boolean;
  multiRegion: boolean;
  /** Id of the organization whose accounts it covers. */
  organization?: string;
  logFileValidation: boolean;
  selectors?: BasicSelector[];
  advancedSelectors?: AdvancedSelector[];
  logging: boolean;
  tags: Record<string, string>;
  createdAt: number;
}

/** `status`, by trail name: written by the deliveries, so that they do not contend with changes of the trail. */
export interface TrailStatus {
  startedAt?: number;
  stoppedAt?: number;
  deliveredAt?: number;
  deliveryError?: string;
  digestAt?: number;
  digestError?: string;
  logsAt?: number;
  logsError?: string;
  notifiedAt?: number;
  notificationError?: string;
}

/**
 * `pending`, `pendingLog`, by `<trail>/<account>/<region>/<time>/<event id>` of the first: selected together, and not yet
 * in a file or in the log group.
 */
export interface Pending {
  records: AuditRecord[];
  /** When they were selected, epoch milliseconds. */
  at: number;
}

/** `batch`, by `<trail>/<account>/<region>`: a file being delivered. It is written before the file, so that a crash repeats the same file. */
export interface Batch {
  key: string;
  pending: string[];
}

/** `delivered`, by `<trail>/<account>/<region>/<time>/<key>`: a file that the next digest will name. */
export interface Delivered {
  bucket: string;
  key: string;
  /** SHA-256 (hex) of the uncompressed file. */
  hash: string;
  newest: string;
  oldest: string;
  at: number;
}

/** `digest`, by `<trail>/<account>/<region>`: where the chain stands. */
export interface DigestChain {
  /** End of the last digest, or the start of the first one; epoch milliseconds, whole seconds. */
  from: number;
  previous?: { bucket: string; key: string; hash: string; signature: string };
}

/** `signingKey`, by fingerprint, under the installation's account in each Region. */
export interface SigningKey {
  fingerprint: string;
  /** PKCS #1 DER, base64. */
  publicKey: string;
  /** PKCS #8 DER under the key holder, base64; purpose `cloudtrail-digest`, bound to the fingerprint. */
  privateKey: string;
  from: number;
  until: number;
}

export const installationAccount = "000000000000";

export function trailScope(trail: Pick<Trail, "account" | "homeRegion">): Scope {
  return { account: trail.account, region: trail.homeRegion, service: serviceId };
}

export function signingScope(region: string): Scope {
  return { account: installationAccount, region, service: serviceId };
}

export function trailArn(ctx: CallContext, name: string): string {
  return `arn:${ctx.partition}:cloudtrail:${ctx.region}:${ctx.account}:trail/${name}`;
}

export interface TrailAddress {
  account: string;
  region: string;
  name: string;
}

/** A name means a trail of the caller's Region; an ARN says where it is. */
export function addressOf(ctx: CallContext, nameOrArn: string): TrailAddress {
  if (!nameOrArn.startsWith("arn:")) {
    checkTrailName(nameOrArn);
    return { account: ctx.account, region: ctx.region, name: nameOrArn };
  }
  const arn = parseArn(nameOrArn);
  const name = arn?.resource.startsWith("trail/") ? arn.resource.slice("trail/".length) : undefined;
  if (!arn || arn.service !== "cloudtrail" || !name) throw invalidArn(`Trail ARN is invalid: ${nameOrArn}`);
  checkTrailName(name);
  return { account: arn.account, region: arn.region, name };
}

/** @throws TrailNotFoundException */
export async function requireTrail(ctx: CallContext, nameOrArn: string): Promise<Trail> {
  const { account, region, name } = addressOf(ctx, nameOrArn);
  const found = account === ctx.account ? await ctx.state.get<Trail>("trail", name, { region }) : undefined;
  if (!found) throw trailNotFound(nameOrArn.startsWith("arn:") ? nameOrArn : name, ctx.account);
  return found.value;
}

export function putTrail(ctx: CallContext, trail: Trail): void {
  ctx.state.put("trail", trail.name, trail, { at: trailScope(trail) });
}

/** Source of the rules and texts: CloudTrail User Guide, "Naming requirements"; recorded answers of AWS. */
export function checkTrailName(name: string): void {
  const length = `Specified name length: ${name.length} characters.`;
  if (name.length < 3) throw invalidTrailName(`Trail name too short. Minimum allowed length: 3 characters. ${length}`);
  if (name.length > 128)
    throw invalidTrailName(`Trail name too long. Maximum allowed length: 128 characters. ${length}`);
  if (!/^[a-z0-9]/i.test(name)) throw invalidTrailName("Trail name must starts with a letter or number.");
  if (!/[a-z0-9]$/i.test(name)) throw invalidTrailName("Trail name must ends with a letter or number.");
  if (!/^[a-z0-9._-]+$/i.test(name)) {
    throw invalidTrailName(
      "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).",
    );
  }
  if (/[._-]{2}/.test(name) || /^\d+\.\d+\.\d+\.\d+$/.test(name)) {
    throw invalidTrailName(
      "Trail name cannot have adjacent periods, underscores, or dashes, or be in IP address format.",
    );
  }
}
