import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import {
  checkAdvanced,
  checkBasic,
  defaultSelector,
  selects,
  type AdvancedSelector,
  type BasicSelector,
  type Selection,
} from "./selectors.ts";

function record(change: Partial<AuditRecord> = {}): AuditRecord {
  return {
    eventVersion: "1.11",
    userIdentity: { type: "IAMUser", arn: "arn:aws:iam::111122223333:user/alice" },
    eventTime: "2026-01-01T00:00:00Z",
    eventSource: "kms.amazonaws.com",
    eventName: "Encrypt",
    awsRegion: "us-east-1",
    sourceIPAddress: "192.0.2.1",
    userAgent: "test",
    requestParameters: null,
    responseElements: null,
    requestID: "r",
    eventID: "e",
    readOnly: true,
    eventType: "AwsApiCall",
    managementEvent: true,
    recipientAccountId: "111122223333",
    eventCategory: "Management",
    ...change,
  };
}

const object = (arn: string, change: Partial<AuditRecord> = {}) =>
  record({
    eventSource: "s3.amazonaws.com",
    eventName: "GetObject",
    eventCategory: "Data",
    managementEvent: false,
    resources: [{ ARN: arn, type: "AWS::S3::Object" }],
    ...change,
  });

const basic = (change: Partial<BasicSelector>): Selection => ({ selectors: [{ ...defaultSelector, ...change }] });
const onObjects = (...values: string[]) =>
  basic({ managementEvents: false, dataResources: [{ type: "AWS::S3::Object", values }] });
const advanced = (...fields: AdvancedSelector["fields"]): Selection => ({ advancedSelectors: [{ fields }] });

/** Examples of the CloudTrail User Guide, "Logging management events" and "Logging data events", and one near miss each. */
const rows: [name: string, selection: Selection, record: AuditRecord, selected: boolean][] = [
  ["a new trail records management events", {}, record(), true],
  ["a new trail records no data events", {}, object("arn:aws:s3:::b/k"), false],
  ["ReadOnly takes reads", basic({ readWriteType: "ReadOnly" }), record({ readOnly: true }), true],
  ["ReadOnly leaves writes", basic({ readWriteType: "ReadOnly" }), record({ readOnly: false }), false],
  ["WriteOnly takes writes", basic({ readWriteType: "WriteOnly" }), record({ readOnly: false }), true],
  ["WriteOnly leaves reads", basic({ readWriteType: "WriteOnly" }), record({ readOnly: true }), false],
  ["an excluded source is left out", basic({ excludedSources: ["kms.amazonaws.com"] }), record(), false],
  [
    "another source is not",
    basic({ excludedSources: ["kms.amazonaws.com"] }),
    record({ eventSource: "iam.amazonaws.com" }),
    true,
  ],
  ["every object", onObjects("arn:aws:s3"), object("arn:aws:s3:::b/k"), true],
  ["all of a bucket", onObjects("arn:aws:s3:::b/"), object("arn:aws:s3:::b/k"), true],
  ["not of a bucket whose name begins so", onObjects("arn:aws:s3:::b/"), object("arn:aws:s3:::bb/k"), false],
  ["a prefix", onObjects("arn:aws:s3:::b/logs"), object("arn:aws:s3:::b/logs/1"), true],
  ["not beside the prefix", onObjects("arn:aws:s3:::b/logs"), object("arn:aws:s3:::b/log"), false],
  ["data events only: no management events", onObjects("arn:aws:s3"), record(), false],
  ["advanced: category", advanced({ field: "eventCategory", equals: ["Management"] }), record(), true],
  ["advanced: another category", advanced({ field: "eventCategory", equals: ["Data"] }), record(), false],
  [
    "advanced: all fields must hold",
    advanced(
      { field: "eventCategory", equals: ["Management"] },
      { field: "eventSource", notEquals: ["kms.amazonaws.com"] },
    ),
    record(),
    false,
  ],
  [
    "advanced: one value of a field suffices",
    advanced({ field: "eventCategory", equals: ["Data"] }, { field: "eventName", equals: ["PutObject", "GetObject"] }),
    object("arn:aws:s3:::b/k"),
    true,
  ],
  [
    "advanced: an ARN by its beginning",
    advanced({ field: "eventCategory", equals: ["Data"] }, { field: "resources.ARN", startsWith: ["arn:aws:s3:::b/"] }),
    object("arn:aws:s3:::b/k"),
    true,
  ],
  [
    "advanced: not what an ARN ends with",
    advanced({ field: "eventCategory", equals: ["Data"] }, { field: "resources.ARN", notEndsWith: [".tmp"] }),
    object("arn:aws:s3:::b/k.tmp"),
    false,
  ],
  [
    "advanced: from the console",
    advanced({ field: "sessionCredentialFromConsole", equals: ["true"] }),
    record({ sessionCredentialFromConsole: "true" }),
    true,
  ],
  [
    "advanced: not from the console",
    advanced({ field: "sessionCredentialFromConsole", equals: ["true"] }),
    record(),
    false,
  ],
  [
    "advanced: by who",
    advanced(
      { field: "eventCategory", equals: ["Management"] },
      { field: "userIdentity.arn", endsWith: ["user/alice"] },
    ),
    record(),
    true,
  ],
  [
    "advanced: readOnly",
    advanced({ field: "eventCategory", equals: ["Management"] }, { field: "readOnly", equals: ["false"] }),
    record({ readOnly: true }),
    false,
  ],
];

describe("event selectors", () => {
  for (const [name, selection, given, selected] of rows) {
    test(name, () => assert.equal(selects(selection, given), selected));
  }
});

const wrong: [name: string, check: () => void][] = [
  ["no selector", () => checkBasic([])],
  ["six selectors", () => checkBasic(Array.from({ length: 6 }, () => defaultSelector))],
  [
    "a source that cannot be excluded",
    () => checkBasic([{ ...defaultSelector, excludedSources: ["iam.amazonaws.com"] }]),
  ],
  [
    "data of an unknown type",
    () => checkBasic([{ ...defaultSelector, dataResources: [{ type: "AWS::EC2::Instance", values: [] }] }]),
  ],
  [
    "251 resources",
    () =>
      checkBasic([
        {
          ...defaultSelector,
          dataResources: [{ type: "AWS::S3::Object", values: Array.from({ length: 251 }, () => "arn:aws:s3:::b/") }],
        },
      ]),
  ],
  ["advanced without category", () => checkAdvanced([{ fields: [{ field: "readOnly", equals: ["true"] }] }])],
  ["advanced data without type", () => checkAdvanced([{ fields: [{ field: "eventCategory", equals: ["Data"] }] }])],
  [
    "an unknown field",
    () =>
      checkAdvanced([
        {
          fields: [
            { field: "eventCategory", equals: ["Management"] },
            { field: "shoeSize", equals: ["46"] },
          ],
        },
      ]),
  ],
  [
    "a field without condition",
    () => checkAdvanced([{ fields: [{ field: "eventCategory", equals: ["Management"] }, { field: "eventName" }] }]),
  ],
];

describe("refused selectors", () => {
  for (const [name, check] of wrong) test(name, () => assert.throws(check, { code: "InvalidEventSelectorsException" }));
});
