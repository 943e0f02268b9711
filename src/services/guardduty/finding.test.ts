/** Findings and their occurrences, and the shapes of all types. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Shape } from "#model/types.ts";
import type { CallRecord } from "#engines/guard/callRecord.ts";
import type { Detection } from "#engines/guard/detection.ts";
import { findingTypes } from "#engines/guard/findingTypes.ts";
import { defaultFeatures } from "./features.ts";
import { withOccurrence } from "./finding.ts";
import { findingJson, shownFinding } from "./findingJson.ts";
import { findingShape } from "./findingShape.ts";
import { sampleFinding } from "./samples.ts";
import type { Detector } from "./state.ts";

const now = Date.UTC(2026, 0, 1, 12);

const detector: Detector = {
  id: "0123456789abcdef0123456789abcdef",
  account: "111122223333",
  region: "us-east-1",
  enabled: true,
  enabledAt: 0,
  frequency: "SIX_HOURS",
  features: defaultFeatures(now),
  tags: {},
  createdAt: 0,
  updatedAt: 0,
};

const detection: Detection = { type: "Policy:IAMUser/RootCredentialUsage", severity: 2, title: "t", description: "d" };

const record = (eventName: string, eventTime: string): CallRecord => ({
  eventID: eventName,
  eventTime,
  eventSource: "iam.amazonaws.com",
  eventName,
  awsRegion: "us-east-1",
  sourceIPAddress: "2001:db8::1",
  userAgent: "x",
  readOnly: true,
  eventType: "AwsApiCall",
  eventCategory: "Management",
  recipientAccountId: "111122223333",
  userIdentity: { type: "Root", principalId: "111122223333" },
  requestParameters: null,
});

/** Members that the model does not have, by their paths. */
function unknownMembers(value: unknown, shape: Shape, path: string): string[] {
  if (value === null || typeof value !== "object" || value instanceof Date) return [];
  if (shape.kind === "list")
    return (value as unknown[]).flatMap((each) => unknownMembers(each, shape.element!.shape, path));
  if (shape.kind === "map") return [];
  const missing = (shape.members ?? [])
    .filter(({ name, required }) => required && !(name in value))
    .map(({ name }) => `${path}.${name} is missing`);
  return Object.entries(value)
    .flatMap(([name, member]) => {
      const known = shape.byName?.get(name);
      return known ? unknownMembers(member, known.shape, `${path}.${name}`) : [`${path}.${name}`];
    })
    .concat(missing);
}

describe("occurrences", () => {
  const first = withOccurrence(detector, undefined, { record: record("A", "2026-01-01T11:00:00Z"), detection }, now);

  test("a later one counts and replaces the details", () => {
    const later = { record: record("B", "2026-01-01T11:30:00Z"), detection: { ...detection, severity: 5, title: "B" } };
    const { finding } = withOccurrence(detector, first, later, now + 1000);
    assert.equal(finding.Id, first.finding.Id);
    assert.equal(finding.Title, "B");
    assert.equal(finding.Severity, 5);
    assert.equal(finding.CreatedAt, first.finding.CreatedAt);
    assert.equal(finding.UpdatedAt, new Date(now + 1000).toISOString());
    assert.equal(finding.Service!.Count, 2);
    assert.equal(finding.Service!.EventFirstSeen, "2026-01-01T11:00:00.000Z");
    assert.equal(finding.Service!.EventLastSeen, "2026-01-01T11:30:00.000Z");
    assert.equal(finding.Service!.Action!.AwsApiCallAction!.Api, "B");
  });

  test("an earlier one counts and replaces nothing", () => {
    const { finding } = withOccurrence(
      detector,
      first,
      { record: record("B", "2026-01-01T10:00:00Z"), detection },
      now + 1,
    );
    assert.equal(finding.Service!.Count, 2);
    assert.equal(finding.Service!.EventFirstSeen, "2026-01-01T10:00:00.000Z");
    assert.equal(finding.Service!.EventLastSeen, "2026-01-01T11:00:00.000Z");
    assert.equal(finding.Service!.Action!.AwsApiCallAction!.Api, "A");
  });

  test("addresses of both families have their own member", () => {
    assert.deepEqual(first.finding.Service!.Action!.AwsApiCallAction!.RemoteIpDetails, { IpAddressV6: "2001:db8::1" });
  });

  test("the finding is of the model's shape", () => {
    assert.deepEqual(unknownMembers(first.finding, findingShape(), "Finding"), []);
  });
});

test("samples of all types are of the model's shape, survive the store, and are JSON", () => {
  const ids = new Set<string>();
  for (const type of findingTypes) {
    const sample = sampleFinding(detector, type, now);
    assert.deepEqual(unknownMembers(sample, findingShape(), type.type), []);
    const stored = JSON.parse(JSON.stringify(sample)) as typeof sample;
    assert.deepEqual(shownFinding(stored), sample);
    const json = JSON.parse(JSON.stringify(findingJson(stored))) as Record<string, any>;
    assert.equal(json["service"].additionalInfo.sample, true);
    assert.equal(json["type"], type.type);
    assert.ok(json["resource"].resourceType);
    ids.add(sample.Id!);
  }
  assert.equal(ids.size, findingTypes.length);
});
