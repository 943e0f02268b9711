/**
 * An event from outside AWS, checked against the documented schema. Pure.
 * Source: CloudTrail User Guide, "CloudTrail Lake integrations event schema"; CloudTrail Data API Reference,
 * ResultErrorEntry (the codes).
 */
import { createHash } from "node:crypto";

export interface Checked {
  data: Record<string, unknown>;
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  eventTime: string;
}

export interface Refusal {
  errorCode: "FieldTooLong" | "FieldNotFound" | "InvalidChecksum" | "InvalidData" | "InvalidRecipient";
  errorMessage: string;
}

type Rule =
  | { kind: "string"; required: boolean; most: number }
  /** Size in bytes of its JSON. */
  | { kind: "object"; required: boolean; most: number };

const text = (most: number): Rule => ({ kind: "string", required: true, most });
const maybe = (most: number): Rule => ({ kind: "string", required: false, most });
const json = (most: number): Rule => ({ kind: "object", required: false, most });
const kilobyte = 1024;

/** Field of eventData → what it may be. */
const fields: Readonly<Record<string, Rule>> = {
  version: text(256),
  userIdentity: { kind: "object", required: true, most: 256 * kilobyte },
  userAgent: maybe(1024),
  eventSource: text(1024),
  eventName: text(1024),
  eventTime: text(64),
  UID: text(1024),
  requestParameters: json(100 * kilobyte),
  responseElements: json(100 * kilobyte),
  errorCode: maybe(256),
  errorMessage: maybe(256),
  sourceIPAddress: maybe(256),
  recipientAccountId: text(12),
  additionalEventData: json(28 * kilobyte),
};

const identityFields: Readonly<Record<string, Rule>> = {
  type: text(128),
  principalId: text(1024),
  details: json(256 * kilobyte),
};

const timeForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z?$/;

/** @param account the channel's owner */
export function checkEvent(eventData: string, checksum: string | undefined, account: string): Checked | Refusal {
  if (checksum !== undefined && checksum !== createHash("sha256").update(eventData).digest("base64")) {
    return { errorCode: "InvalidChecksum", errorMessage: "The checksum does not match the event data." };
  }
  let data: unknown;
  try {
    data = JSON.parse(eventData);
  } catch {
    return { errorCode: "InvalidData", errorMessage: "The event data is not valid JSON." };
  }
  if (!isObject(data)) return { errorCode: "InvalidData", errorMessage: "The event data is not a JSON object." };
  const wrong =
    checkFields(data, fields, "") ?? checkFields(data["userIdentity"] as object, identityFields, "userIdentity.");
  if (wrong) return wrong;
  const given = String(data["eventTime"]);
  const at = timeForm.test(given) ? Date.parse(given.endsWith("Z") ? given : `${given}Z`) : Number.NaN;
  if (Number.isNaN(at)) {
    return { errorCode: "InvalidData", errorMessage: "The field eventTime is not in the form yyyy-MM-DDTHH:mm:ss." };
  }
  if (data["recipientAccountId"] !== account) {
    return {
      errorCode: "InvalidRecipient",
      errorMessage: "The recipientAccountId is not the ID of the account that owns the channel.",
    };
  }
  return { data, eventTime: new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z") };
}

function checkFields(given: object, rules: Readonly<Record<string, Rule>>, path: string): Refusal | undefined {
  for (const [name, rule] of Object.entries(rules)) {
    const value: unknown = Object.hasOwn(given, name) ? (given as Record<string, unknown>)[name] : undefined;
    if (value === undefined || value === null || value === "") {
      if (!rule.required) continue;
      return { errorCode: "FieldNotFound", errorMessage: `The required field ${path}${name} was not found.` };
    }
    if (rule.kind === "string" ? typeof value !== "string" : !isObject(value)) {
      return { errorCode: "InvalidData", errorMessage: `The field ${path}${name} is not a JSON ${rule.kind}.` };
    }
    const size = rule.kind === "string" ? (value as string).length : Buffer.byteLength(JSON.stringify(value));
    if (size > rule.most) {
      return { errorCode: "FieldTooLong", errorMessage: `The field ${path}${name} is longer than ${rule.most}.` };
    }
  }
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(rules, name));
  return unknown === undefined
    ? undefined
    : { errorCode: "InvalidData", errorMessage: `The field ${path}${unknown} is not part of the schema.` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
