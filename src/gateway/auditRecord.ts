/**
 * The audit record of one served call, in CloudTrail's shape. It is committed in the batch of the call's effect
 * and travels through the stream `audit`, keyed by the account it belongs to.
 * Source: CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events" (eventVersion 1.11).
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { ServiceModel } from "#model/types.ts";
import type { Principal, SessionContext } from "./principal.ts";
import type { AuditDetail } from "./service.ts";

export const auditStream = "audit";

export interface AuditRecord {
  eventVersion: string;
  userIdentity: Record<string, unknown>;
  eventTime: string;
  eventSource: string;
  eventName: string;
  awsRegion: string;
  sourceIPAddress: string;
  userAgent: string;
  errorCode?: string;
  errorMessage?: string;
  requestParameters: Record<string, unknown> | null;
  responseElements: Record<string, unknown> | null;
  additionalEventData?: Record<string, unknown>;
  /** Sign-in events have none. */
  requestID?: string;
  eventID: string;
  readOnly: boolean;
  resources?: { ARN: string; accountId?: string; type: string }[];
  eventType: "AwsApiCall" | "AwsServiceEvent" | "AwsConsoleSignIn" | "AwsConsoleAction";
  managementEvent: boolean;
  recipientAccountId: string;
  sharedEventID?: string;
  eventCategory: "Management" | "Data" | "Insight";
  tlsDetails?: { tlsVersion: string; cipherSuite: string; clientProvidedHostHeader: string };
  /** "Shows whether or not an event originated from an AWS Management Console session": absent otherwise. */
  sessionCredentialFromConsole?: "true";
}

/** Services whose events CloudTrail files under us-east-1 whatever Region the client named. */
const globalServices = new Set([
  "iam",
  "organizations",
  "account",
  "cloudfront",
  "route53",
  "globalaccelerator",
  "health",
  "support",
]);

export function eventRegion(service: ServiceModel, region: string): string {
  return globalServices.has(service.id) ? "us-east-1" : region;
}

export interface AuditInput {
  service: ServiceModel;
  operation: string;
  principal: Principal;
  account: string;
  region: string;
  now: number;
  requestId: string;
  eventId: string;
  source: {
    ip: string;
    userAgent: string;
    host: string;
    tls?: { protocol: string; cipher: string };
    calledVia: readonly string[];
  };
  readOnly: boolean;
  /** Already redacted. */
  input: Record<string, unknown> | null;
  output: Record<string, unknown> | null;
  error?: { code: string; message: string };
  detail: AuditDetail;
}

export function auditRecord(call: AuditInput): AuditRecord {
  const { detail, source } = call;
  const category = detail.category ?? "Management";
  const readOnly = detail.readOnly ?? call.readOnly;
  const via = source.calledVia.at(-1);
  const parameters = detail.requestParameters === undefined ? namedInput(call.input, detail) : detail.requestParameters;
  const response = detail.responseElements === undefined ? (readOnly ? null : call.output) : detail.responseElements;
  return {
    eventVersion: "1.11",
    userIdentity: detail.userIdentity ?? userIdentity(call.principal, via),
    eventTime: isoSeconds(call.now),
    eventSource: call.service.eventSource,
    eventName: detail.eventName ?? call.operation,
    awsRegion: eventRegion(call.service, call.region),
    sourceIPAddress: via ?? source.ip,
    userAgent: (via ?? source.userAgent).slice(0, textLimit),
    ...(call.error ? { errorCode: call.error.code, errorMessage: call.error.message.slice(0, textLimit) } : {}),
    requestParameters: bounded("requestParameters", emptyIsNull(parameters)),
    responseElements: call.error ? null : bounded("responseElements", emptyIsNull(response)),
    ...(detail.additionalEventData
      ? { additionalEventData: bounded("additionalEventData", detail.additionalEventData) ?? {} }
      : {}),
    requestID: call.requestId,
    eventID: call.eventId,
    readOnly,
    ...(detail.resources ? { resources: boundedResources(detail.resources) } : {}),
    eventType: "AwsApiCall",
    managementEvent: category === "Management",
    recipientAccountId: call.account,
    ...(detail.sharedEventId ? { sharedEventID: detail.sharedEventId } : {}),
    eventCategory: category,
    ...(source.tls
      ? {
          tlsDetails: {
            tlsVersion: source.tls.protocol,
            cipherSuite: source.tls.cipher,
            clientProvidedHostHeader: source.host.slice(0, textLimit),
          },
        }
      : {}),
    ...(fromConsole(call.principal) ? { sessionCredentialFromConsole: "true" as const } : {}),
  };
}

function fromConsole(principal: Principal): boolean {
  return "session" in principal && principal.session?.console === true;
}

/** Longest user agent and error message, in characters: "maximum size of 1 KB". */
const textLimit = 1024;
/**
 * Longest JSON of a part of the record, in characters. "CloudTrail truncates a field if the field's contents exceeds
 * the maximum field size. If a field is truncated, omitted is present with a value of true."
 */
const partLimits = { requestParameters: 100 * 1024, responseElements: 100 * 1024, additionalEventData: 28 * 1024 };
/** What is longer is no ARN. */
const arnLimit = 2048;
/** All ARNs of a record together, in characters. */
const resourcesLimit = 64 * 1024;

/** INVARIANT: a record has a largest size whatever a client sends, so that no call is too large to be recorded. */
function bounded(part: keyof typeof partLimits, value: Record<string, unknown> | null): Record<string, unknown> | null {
  if (value === null || roomAfter(value, partLimits[part]) >= 0) return value;
  const { length } = JSON.stringify(value);
  if (length <= partLimits[part]) return value;
  return { reason: `${part} too large`, omitted: true, originalSize: length };
}

/**
 * What is left of so many characters when the value is JSON and every character of a text needs an escape; negative
 * when that may be too few. Nearly every record is far below its limits, and is not made text only to be counted.
 */
function roomAfter(value: unknown, room: number): number {
  if (typeof value === "string") return room - 3 - 6 * value.length;
  if (typeof value === "number" || typeof value === "boolean" || value === null) return room - 26;
  if (typeof value !== "object" || "toJSON" in value) return -1;
  let left = room - 3;
  for (const key in value) {
    left = roomAfter((value as Record<string, unknown>)[key], left - 5 - 6 * key.length);
    if (left < 0) return left;
  }
  return left;
}

function boundedResources(resources: NonNullable<AuditDetail["resources"]>): NonNullable<AuditDetail["resources"]> {
  let left = resourcesLimit;
  return resources.filter(({ ARN }) => ARN.length <= arnLimit && (left -= ARN.length) >= 0);
}

function namedInput(input: Record<string, unknown> | null, detail: AuditDetail): Record<string, unknown> | null {
  const { requestNames, requestMore } = detail;
  if (!requestNames && !requestMore) return input;
  const named = Object.entries(input ?? {}).map(([name, value]) => [requestNames?.[name] ?? name, value]);
  return { ...Object.fromEntries(named), ...requestMore };
}

function emptyIsNull(value: Record<string, unknown> | null): Record<string, unknown> | null {
  return value && Object.keys(value).length > 0 ? value : null;
}

/** Source: CloudTrail User Guide, "CloudTrail userIdentity element". */
export function userIdentity(principal: Principal, invokedBy?: string): Record<string, unknown> {
  const by = invokedBy ? { invokedBy } : {};
  switch (principal.kind) {
    case "anonymous":
      return { type: "AWSAccount", principalId: "", accountId: "ANONYMOUS_PRINCIPAL", ...by };
    case "service":
      return { type: "AWSService", invokedBy: principal.service };
    case "root":
      return { type: "Root", ...identified(principal), ...by };
    case "user":
      return { type: "IAMUser", ...identified(principal), userName: principal.userName, ...by };
    case "federated":
      return { type: "FederatedUser", ...identified(principal), ...by };
    case "role":
      return {
        type: "AssumedRole",
        ...identified(principal),
        sessionContext: {
          sessionIssuer: {
            type: "Role",
            principalId: principal.roleId,
            arn: principal.roleArn,
            accountId: principal.account,
            userName: principal.roleName,
          },
          ...sessionAttributes(principal.session),
        },
        ...by,
      };
  }
}

function identified(principal: {
  id: string;
  arn: string;
  account: string;
  accessKeyId?: string;
  session?: SessionContext;
}) {
  return {
    principalId: principal.id,
    arn: principal.arn,
    accountId: principal.account,
    ...(principal.accessKeyId ? { accessKeyId: principal.accessKeyId } : {}),
    ...(principal.session ? { sessionContext: sessionAttributes(principal.session) } : {}),
  };
}

function sessionAttributes(session: SessionContext) {
  return {
    attributes: {
      creationDate: isoSeconds(session.createdAt),
      mfaAuthenticated: String(session.mfaAuthenticated),
    },
    // Source: CloudTrail User Guide, "Example events for AssumeRoot".
    ...(session.assumedRoot ? { assumedRoot: "true" } : {}),
    ...(session.sourceIdentity ? { sourceIdentity: session.sourceIdentity } : {}),
    ...(session.federatedProvider ? { webIdFederationData: { federatedProvider: session.federatedProvider } } : {}),
  };
}
