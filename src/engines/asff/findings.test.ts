/** What becomes of findings: sent by providers, again and again, changed by customers and by their rules. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileRules, type AutomationRule } from "./automation.ts";
import { changesBetween } from "./history.ts";
import { importInto, StaleFinding, type Imported } from "./importing.ts";
import { completeSeverity } from "./severity.ts";
import { facts, finding, kept, sent } from "./testing.ts";
import { applyUpdate } from "./updating.ts";

const at = "2026-01-03T00:00:00Z";
const later = (more: Imported = {}) => sent({ UpdatedAt: "2026-01-02T00:00:00Z", ...more });

describe("severity", () => {
  // Source: API Reference, Severity: the ranges of Normalized.
  for (const [Normalized, Label] of [
    [0, "INFORMATIONAL"],
    [1, "LOW"],
    [39, "LOW"],
    [40, "MEDIUM"],
    [69, "MEDIUM"],
    [70, "HIGH"],
    [89, "HIGH"],
    [90, "CRITICAL"],
    [100, "CRITICAL"],
  ] as const) {
    test(`${Normalized} is ${Label}`, () => assert.deepEqual(completeSeverity({ Normalized }), { Normalized, Label }));
  }

  test("a label has its number; where both are given, both stay", () => {
    assert.deepEqual(completeSeverity({ Label: "CRITICAL" }), { Label: "CRITICAL", Normalized: 90 });
    assert.deepEqual(completeSeverity({ Label: "LOW", Normalized: 99 }), { Label: "LOW", Normalized: 99 });
  });
});

describe("importing", () => {
  test("a new finding gets what the hub adds, and the provider's fields apart", () => {
    const { Workflow, WorkflowState, RecordState, Region, ProductName, ProcessedAt, FindingProviderFields } = finding();
    assert.deepEqual(
      { Workflow, WorkflowState, RecordState, Region, ProductName, ProcessedAt, FindingProviderFields },
      {
        Workflow: { Status: "NEW" },
        WorkflowState: "NEW",
        RecordState: "ACTIVE",
        Region: "us-east-1",
        ProductName: "Scanner",
        ProcessedAt: facts.processedAt,
        FindingProviderFields: { Severity: { Label: "HIGH" }, Types: ["TTPs/Discovery"] },
      },
    );
    const apart = finding({
      Severity: undefined,
      FindingProviderFields: { Severity: { Label: "LOW" }, Confidence: 5 },
    });
    assert.deepEqual([apart.Severity, apart.Confidence], [{ Label: "LOW", Normalized: 1 }, 5]);
  });

  test("a finding is never older than the one it replaces", () => {
    for (const UpdatedAt of ["2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z"]) {
      assert.throws(() => importInto(kept(), sent({ UpdatedAt }), facts), StaleFinding);
    }
    const next = importInto(kept(), later({ Title: "still", CreatedAt: "2026-01-02T00:00:00Z" }), facts);
    assert.deepEqual([next.finding.Title, next.finding.CreatedAt], ["still", "2026-01-01T00:00:00Z"]);
  });

  test("what a customer has set, no provider changes", () => {
    const set = applyUpdate(
      kept(),
      {
        Severity: { Label: "LOW" },
        Note: { Text: "known", UpdatedBy: "me" },
        UserDefinedFields: { ticket: "1" },
        Workflow: { Status: "SUPPRESSED" },
      },
      at,
    );
    const next = importInto(
      set,
      later({ Severity: { Label: "CRITICAL" }, Types: ["Effects"], Workflow: { Status: "NEW" }, Note: { Text: "x" } }),
      facts,
    );
    assert.deepEqual(next.finding.Severity, { Label: "LOW", Normalized: 1 });
    assert.deepEqual(next.finding.FindingProviderFields.Severity, { Label: "CRITICAL" });
    assert.deepEqual(next.finding.Types, ["Effects"]);
    assert.deepEqual(next.finding.Note, { Text: "known", UpdatedBy: "me", UpdatedAt: at });
    assert.deepEqual(next.finding.UserDefinedFields, { ticket: "1" });
    assert.deepEqual(next.finding.Workflow, { Status: "SUPPRESSED" });
  });

  // Source: User Guide, "Setting the workflow status of findings": when it goes back to NEW.
  for (const [what, status, before, now, after] of [
    ["archived and active again", "RESOLVED", { RecordState: "ARCHIVED" }, { RecordState: "ACTIVE" }, "NEW"],
    ["archived and active again", "NOTIFIED", { RecordState: "ARCHIVED" }, { RecordState: "ACTIVE" }, "NEW"],
    ["archived and active again", "SUPPRESSED", { RecordState: "ARCHIVED" }, {}, "SUPPRESSED"],
    ["active all the time", "RESOLVED", {}, {}, "RESOLVED"],
    [
      "passed and failed",
      "RESOLVED",
      { Compliance: { Status: "PASSED" } },
      { Compliance: { Status: "FAILED" } },
      "NEW",
    ],
    [
      "failed and passed",
      "NOTIFIED",
      { Compliance: { Status: "FAILED" } },
      { Compliance: { Status: "PASSED" } },
      "NOTIFIED",
    ],
    ["passed and no more said", "RESOLVED", { Compliance: { Status: "PASSED" } }, {}, "RESOLVED"],
  ] as const) {
    test(`${status}, ${what}: ${after}`, () => {
      const first = applyUpdate(kept(before), { Workflow: { Status: status } }, at);
      assert.equal(importInto(first, later(now), facts).finding.Workflow.Status, after);
    });
  }
});

describe("updates", () => {
  test("change what they name and nothing else", () => {
    const before = kept({ Confidence: 10 });
    assert.equal(applyUpdate(before, {}, at), before);
    const { finding: after, byCustomer } = applyUpdate(before, { Criticality: 5, Severity: { Product: 7 } }, at);
    assert.deepEqual(changesBetween(before.finding, after), [
      { UpdatedField: "Criticality", NewValue: "5" },
      {
        UpdatedField: "Severity",
        OldValue: '{"Label":"HIGH","Normalized":70}',
        NewValue: '{"Label":"HIGH","Normalized":70,"Product":7}',
      },
    ]);
    assert.deepEqual(byCustomer.toSorted(), ["Criticality", "Severity"]);
    assert.equal(after.ProcessedAt, at);
    assert.deepEqual(before.finding.Severity, { Label: "HIGH", Normalized: 70 }, "what was there is not touched");
  });

  test("history has what came and went, and no clocks", () => {
    const before = finding({ VerificationState: "UNKNOWN" });
    const { VerificationState: _, ...rest } = before;
    const after = { ...rest, UpdatedAt: at, ProcessedAt: at, Criticality: 1 } as typeof before;
    assert.deepEqual(changesBetween(before, after), [
      { UpdatedField: "Criticality", NewValue: "1" },
      { UpdatedField: "VerificationState", OldValue: "UNKNOWN" },
    ]);
  });
});

describe("automation rules", () => {
  const rule = (
    order: number,
    more: Partial<AutomationRule> & { set?: number; label?: string } = {},
  ): AutomationRule => ({
    RuleArn: `arn:rule/${order}`,
    RuleOrder: order,
    RuleStatus: "ENABLED",
    IsTerminal: false,
    Criteria: { Id: [{ Comparison: "EQUALS", Value: "finding-1" }] },
    Actions: [{ Type: "FINDING_FIELDS_UPDATE", FindingFieldsUpdate: { Criticality: more.set ?? order } }],
    ...more,
  });
  const run = (...rules: AutomationRule[]) => compileRules(rules)(kept(), Date.parse(at), at).finding.Criticality;

  test("go in their order, the last one stands; a terminal one that matched is the last", () => {
    assert.equal(run(rule(2), rule(1)), 2);
    assert.equal(run(rule(2), rule(1, { IsTerminal: true })), 1);
    const other = { Id: [{ Comparison: "EQUALS", Value: "other" }] };
    assert.equal(run(rule(2), rule(1, { IsTerminal: true, Criteria: other })), 2);
    assert.equal(run(rule(2, { RuleStatus: "DISABLED" }), rule(1)), 1);
    assert.equal(run(), undefined);
  });

  test("see what the rules before them have changed", () => {
    const changed = { Criticality: [{ Eq: 1 }] };
    assert.equal(run(rule(1), rule(2, { Criteria: changed })), 2);
    assert.equal(run(rule(1, { set: 9 }), rule(2, { Criteria: changed })), 9);
  });
});
