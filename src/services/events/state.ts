/**
 * What EventBridge keeps, by document type. Everything lives in the account and Region of the bus.
 *
 * | type | id | what |
 * |---|---|---|
 * | bus | name | settings, policy, tags; the default bus has one only when something of it was set |
 * | rule | bus/name | pattern, schedule, state, tags, targets |
 * | schedule | bus/name | when an enabled rule fires next; index `due` |
 * | delivery | stream event/bus/rule/target | one event on its way to one target; index `due`: when it is tried next |
 * | archive | name | what of a bus is kept, and for how long |
 * | archived | archive uid/time/stream event | one event of an archive; index `time`: archive uid/event time |
 * | archiveHour | archive uid/hour | how many events and bytes were archived in an hour |
 * | garbage | archive uid | an archive that was deleted, whose events have yet to be |
 * | replay | name | a replay, and how far it is |
 * | connection | name | how to speak to an endpoint, with its secrets under the key holder |
 * | apiDestination | name | an endpoint |
 *
 * INVARIANT: deliveries to every target of every matching rule are committed before the event counts as handled; a
 * delivery is removed only after its target, or its dead-letter queue, has taken it, or for good reason.
 */
import type { DeadLetter } from "#engines/delivery/deadLetter.ts";
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { Content } from "./event.ts";
import type { ConnectionHttpParameters, Target } from "./sdk.ts";

export const serviceId = "events";
export const eventsPrincipal = "events.amazonaws.com";
export const defaultBus = "default";

export const types = {
  bus: "bus",
  rule: "rule",
  schedule: "schedule",
  delivery: "delivery",
  archive: "archive",
  archived: "archived",
  archiveHour: "archiveHour",
  garbage: "garbage",
  replay: "replay",
  connection: "connection",
  apiDestination: "apiDestination",
} as const;

export interface Place {
  account: string;
  region: string;
}

export function scopeOf({ account, region }: Place): Place & { service: string } {
  return { account, region, service: serviceId };
}

export interface Bus {
  name: string;
  arn: string;
  createdAt?: number;
  modifiedAt: number;
  description?: string;
  /** As PutPermission writes it, and with its principals bound. */
  policy?: string;
  boundPolicy?: BoundPolicy;
  /** ARN. */
  kmsKeyId?: string;
  /** ARN of the queue. */
  deadLetterQueue?: string;
  tags: Record<string, string>;
}

export type RuleState = "ENABLED" | "DISABLED" | "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

/** As the SDK has it, without what is refused. */
export type KeptTarget = Pick<
  Target,
  | "Id"
  | "Arn"
  | "RoleArn"
  | "Input"
  | "InputPath"
  | "InputTransformer"
  | "SqsParameters"
  | "HttpParameters"
  | "DeadLetterConfig"
  | "RetryPolicy"
>;

export interface Rule {
  name: string;
  bus: string;
  arn: string;
  uid: string;
  createdBy: string;
  /** Service that manages it. */
  managedBy?: string;
  pattern?: string;
  schedule?: string;
  /** When the schedule was set or the rule enabled: rates count from it. */
  since: number;
  state: RuleState;
  description?: string;
  roleArn?: string;
  tags: Record<string, string>;
  targets: KeptTarget[];
}

export interface DueSchedule {
  bus: string;
  rule: string;
  expression: string;
  since: number;
  dueAt: number;
}

export interface Delivery {
  bus: string;
  /** Absent: the event could not be read on its bus, and goes to the bus's own dead-letter queue. */
  rule?: string;
  target?: string;
  content: Content;
  ingestedAt: number;
  traceHeader?: string;
  forwardedFrom?: Place;
  /** Attempts made. */
  attempts: number;
  dueAt: number;
  /** On its way to the dead-letter queue. */
  dead?: DeadLetter;
}

export interface Archive {
  name: string;
  arn: string;
  uid: string;
  /** Bus, by name: archives are of the account's own buses. */
  bus: string;
  busArn: string;
  description?: string;
  pattern?: string;
  /** 0: for ever. */
  retentionDays: number;
  kmsKeyId?: string;
  createdAt: number;
}

export interface Archived {
  content: Content;
  /** Epoch milliseconds: when it was archived. */
  at: number;
}

export interface ArchiveHour {
  /** Start of the hour. */
  at: number;
  events: number;
  bytes: number;
}

export interface Replay {
  name: string;
  arn: string;
  archiveArn: string;
  archiveUid: string;
  busArn: string;
  bus: string;
  filterArns: string[];
  description?: string;
  /** Of the events' times, epoch milliseconds. */
  from: number;
  to: number;
  state: "STARTING" | "RUNNING" | "CANCELLING" | "COMPLETED" | "CANCELLED" | "FAILED";
  stateReason?: string;
  startedAt: number;
  endedAt?: number;
  lastEventAt?: number;
  /** Where the next page begins. */
  cursor?: string;
}

export type ConnectionState = "AUTHORIZED" | "DEAUTHORIZED" | "AUTHORIZING" | "DEAUTHORIZING";

export interface HttpParameter {
  key: string;
  value: string;
  secret: boolean;
}

export interface ConnectionParameters {
  headers: HttpParameter[];
  query: HttpParameter[];
  body: HttpParameter[];
}

/** What the secrets of a connection hold; sealed as a whole. */
export interface ConnectionSecret {
  basic?: { username: string; password: string };
  apiKey?: { name: string; value: string };
  oauth?: {
    clientId: string;
    clientSecret: string;
    endpoint: string;
    method: "GET" | "POST" | "PUT";
    parameters?: ConnectionParameters;
  };
  invocation?: ConnectionParameters;
}

export type ShownAuth = {
  BasicAuthParameters?: { Username: string };
  ApiKeyAuthParameters?: { ApiKeyName: string };
  OAuthParameters?: {
    AuthorizationEndpoint: string;
    HttpMethod: "GET" | "POST" | "PUT";
    ClientParameters: { ClientID: string };
    OAuthHttpParameters?: ConnectionHttpParameters;
  };
  InvocationHttpParameters?: ConnectionHttpParameters;
};

export interface Connection {
  name: string;
  arn: string;
  uid: string;
  description?: string;
  authorizationType: "BASIC" | "API_KEY" | "OAUTH_CLIENT_CREDENTIALS";
  /** What may be shown. */
  shown: ShownAuth;
  /** Under the key holder, base64; nothing when it was taken back. */
  secret?: string;
  state: ConnectionState;
  stateReason?: string;
  /** Access token of OAuth under the key holder, base64; and until when it is good. */
  token?: { kept: string; until: number };
  createdAt: number;
  modifiedAt: number;
  authorizedAt?: number;
}

export interface ApiDestination {
  name: string;
  arn: string;
  uid: string;
  description?: string;
  connectionArn: string;
  endpoint: string;
  method: string;
  ratePerSecond: number;
  createdAt: number;
  modifiedAt: number;
}

export const ruleId = (bus: string, name: string): string => `${bus}/${name}`;
