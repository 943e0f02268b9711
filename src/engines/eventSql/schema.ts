/**
 * Columns of an event data store, and how a record becomes a row. Names are in the record's own spelling; they are
 * compared without case. Source: CloudTrail User Guide, "Supported SQL schemas for event data stores".
 */
import { arrayOf, boolean, isNested, map, string, struct, timestamp, type Type } from "./types.ts";
import { timestampOf } from "./time.ts";

export interface Column {
  name: string;
  type: Type;
}

const strings = (...names: string[]) => names.map((name) => [name, string] as const);

const sessionContext = struct(
  ["attributes", struct(["creationdate", timestamp], ["mfaauthenticated", string])],
  ["sessionissuer", struct(...strings("type", "principalid", "arn", "accountid", "username"))],
  ["webidfederationdata", struct(["federatedprovider", string], ["attributes", map])],
  ...strings("sourceidentity", "ec2roledelivery", "ec2issuedinvpc"),
);

const userIdentity = struct(
  ...strings("type", "principalid", "arn", "accountid", "accesskeyid", "username"),
  ["sessioncontext", sessionContext],
  ["onbehalfof", struct(...strings("userid", "identitystorearn"))],
  ["inscopeof", struct(...strings("sourcearn", "sourceaccount", "issuertype", "credentialsissuedto"))],
  ...strings("invokedby", "identityprovider", "credentialid"),
);

const text = (...names: string[]): Column[] => names.map((name) => ({ name, type: string }));

const addendum = struct(...strings("reason", "updatedfields", "originalrequestid", "originaleventid"));

/** The whole record as JSON, in either kind of store. */
const eventJson: Column = { name: "eventJson", type: string };

const cloudTrailEvents: readonly Column[] = [
  ...text("eventVersion"),
  { name: "userIdentity", type: userIdentity },
  { name: "eventTime", type: timestamp },
  ...text("eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage"),
  { name: "requestParameters", type: map },
  { name: "responseElements", type: map },
  { name: "additionalEventData", type: map },
  ...text("requestID", "eventID"),
  { name: "readOnly", type: boolean },
  { name: "resources", type: arrayOf(struct(...strings("accountid", "type", "arn", "arnprefix"))) },
  ...text("eventType", "apiVersion"),
  { name: "managementEvent", type: boolean },
  ...text("recipientAccountId", "sharedEventID", "annotation", "vpcEndpointId", "vpcEndpointAccountId"),
  { name: "serviceEventDetails", type: map },
  { name: "addendum", type: addendum },
  { name: "edgeDeviceDetails", type: map },
  { name: "insightDetails", type: map },
  ...text("eventCategory"),
  { name: "tlsDetails", type: struct(...strings("tlsversion", "ciphersuite", "clientprovidedhostheader")) },
  { name: "sessionCredentialFromConsole", type: string },
  eventJson,
];

const activityEvents: readonly Column[] = [
  ...text("eventVersion", "eventCategory", "eventType", "eventID"),
  { name: "eventTime", type: timestamp },
  ...text("awsRegion", "recipientAccountId"),
  { name: "addendum", type: struct(...strings("reason", "updatedfields", "originaluid", "originaleventid")) },
  { name: "metadata", type: struct(...strings("ingestiontime", "channelarn")) },
  {
    name: "eventData",
    type: struct(
      ["version", string],
      ["useridentity", struct(["type", string], ["principalid", string], ["details", map])],
      ["useragent", string],
      ["eventsource", string],
      ["eventname", string],
      ["eventtime", string],
      ["uid", string],
      ["requestparameters", map],
      ["responseelements", map],
      ["errorcode", string],
      ["errormessage", string],
      ["sourceipaddress", string],
      ["recipientaccountid", string],
      ["additionaleventdata", map],
    ),
  },
  eventJson,
];

/** What a store holds decides its columns; a store holds one kind. */
export type StoreKind = "events" | "activity";

export const columnsOf: Readonly<Record<StoreKind, readonly Column[]>> = {
  events: cloudTrailEvents,
  activity: activityEvents,
};

export type Cell = string | number | null;

/** The values of a record, in the order of the columns. Nested values are JSON in the shape of their type. */
export function rowOf(columns: readonly Column[], record: Readonly<Record<string, unknown>>): Cell[] {
  const fields = lowerCase(record);
  return columns.map((column) => {
    if (column === eventJson) return JSON.stringify(record);
    const value = shaped(column.type, fields.get(column.name.toLowerCase()));
    if (value === null) return null;
    return isNested(column.type) ? JSON.stringify(value) : (value as Cell);
  });
}

function shaped(type: Type, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  switch (type.kind) {
    case "struct": {
      if (typeof value !== "object") return null;
      const fields = lowerCase(value as Record<string, unknown>);
      return Object.fromEntries(type.fields.map(([name, field]) => [name, shaped(field, fields.get(name))]));
    }
    case "map":
      if (typeof value !== "object") return null;
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, item === null ? null : plain(item)]));
    case "array":
      return Array.isArray(value) ? value.map((item) => shaped(type.element, item)) : null;
    case "boolean":
      return value === true || value === "true" ? 1 : 0;
    case "timestamp":
      return timestampOf(plain(value)) ?? null;
    default:
      return plain(value);
  }
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function lowerCase(record: Readonly<Record<string, unknown>>): Map<string, unknown> {
  return new Map(Object.entries(record).map(([name, value]) => [name.toLowerCase(), value]));
}
