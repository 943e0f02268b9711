/**
 * Events, and how they travel: through the stream `events`, either as they are (an AWS service's event for the default
 * bus of its account and Region) or in an envelope that names the bus.
 * Source: EventBridge Events Reference, "Structure of events from AWS services".
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { Place } from "./state.ts";

export const eventsStream = "events";

export interface BusEvent {
  version: "0";
  id: string;
  "detail-type": string;
  source: string;
  account: string;
  /** ISO 8601, seconds. */
  time: string;
  region: string;
  resources: string[];
  "replay-name"?: string;
  detail: unknown;
}

/** A text under a data key that KMS has wrapped: deflated, AES-256-GCM, base64. */
export interface SealedText {
  kmsKeyId: string;
  wrapped: string;
  nonce: string;
  text: string;
}

/** What stays readable of a sealed event, as EventBridge "does not encrypt event metadata". */
export interface SealedEvent extends SealedText {
  id: string;
  source: string;
  detailType: string;
}

export type Content = { event: BusEvent } | { sealed: SealedEvent };

export interface Envelope {
  bus: Place & { name: string };
  /** Epoch milliseconds. */
  ingestedAt: number;
  content: Content;
  traceHeader?: string;
  /** ARN of the rule whose schedule made it. */
  scheduledBy?: string;
  /** Of a replay: only these rules, by ARN. */
  onlyRules?: string[];
  /** It has come from the bus of another account or Region, or another bus here. */
  forwardedFrom?: Place;
}

export function isoTime(milliseconds: number): string {
  return isoSeconds(milliseconds);
}

/** What a stream event says, or nothing: what is no event must not hold up those behind it. */
export function envelopeOf(given: unknown, at: number): Envelope | undefined {
  if (given === null || typeof given !== "object") return undefined;
  if ("bus" in given) return given as Envelope;
  const event = given as Partial<BusEvent>;
  const texts = [event.id, event.source, event.account, event.region, event["detail-type"], event.time];
  if (!texts.every((text) => typeof text === "string")) return undefined;
  const { account, region } = event as BusEvent;
  return { bus: { account, region, name: "default" }, ingestedAt: at, content: { event: event as BusEvent } };
}

/** The members in the order AWS writes them. */
export function eventText(event: BusEvent): string {
  const { version, id, source, account, time, region, resources, detail } = event;
  const replay = event["replay-name"] === undefined ? {} : { "replay-name": event["replay-name"] };
  return JSON.stringify({
    version,
    id,
    "detail-type": event["detail-type"],
    source,
    account,
    time,
    region,
    ...replay,
    resources,
    detail,
  });
}

/**
 * Read-only management events, which reach only the rules that ask for them.
 * Source: EventBridge User Guide, "Receiving read-only management events from AWS services": what does not begin with
 * Describe, Get or List, and STS's GetFederationToken and GetSessionToken, reach every rule.
 */
export function isReadOnlyManagementEvent(event: BusEvent): boolean {
  if (!event["detail-type"].endsWith(" via CloudTrail")) return false;
  const { readOnly, eventName, managementEvent } = (event.detail ?? {}) as Record<string, unknown>;
  if (readOnly !== true || managementEvent === false || typeof eventName !== "string") return false;
  return /^(?:Describe|Get|List)/.test(eventName) && !changesByGet.has(eventName);
}

const changesByGet = new Set(["GetFederationToken", "GetSessionToken"]);
