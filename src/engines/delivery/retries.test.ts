/** When something is tried again, when it is given up, and what its dead-letter queue is told. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { deadLetter, textAttributes } from "./deadLetter.ts";
import { failed, outcomeOf } from "./outcome.ts";
import { afterFailure, delayAfter, dueAfterRefusedBurial, exhausted } from "./retries.ts";

const dayMs = 86_400_000;
const passing = failed("THROTTLING", "slow down");
const final = failed("NO_PERMISSIONS", "no", true);

test("185 retries take about a day, and no policy goes on for longer", () => {
  let total = 0;
  for (let attempt = 1; attempt <= 185; attempt++) total += delayAfter(attempt, systemRandom);
  assert.ok(total > 12 * 3_600_000 && total < 25 * 3_600_000, `${total / 3_600_000} hours`);
  const at = (attempts: number, age: number) => exhausted(undefined, { attempts, startedAt: 0 }, age);
  assert.equal(at(185, 1000), undefined);
  assert.equal(at(186, 1000), "MaximumRetryAttempts");
  assert.equal(at(1, dayMs), "MaximumEventAgeInSeconds");
  const none = { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 };
  assert.equal(exhausted(none, { attempts: 1, startedAt: 0 }, 1000), "MaximumRetryAttempts");
});

test("a failure that may pass is tried again, until the policy ends it; one that may not is the end", () => {
  const next = (failure: typeof passing, attempts: number, now = 1000) =>
    afterFailure(failure, { MaximumRetryAttempts: 2 }, { attempts, startedAt: 0 }, now, systemRandom);
  const again = next(passing, 1);
  assert.ok("dueAt" in again && again.dueAt > 1000 && again.dueAt <= 2000);
  assert.deepEqual(next(passing, 3), {
    dead: { code: "THROTTLING", message: "slow down", retries: 2, condition: "MaximumRetryAttempts" },
  });
  assert.deepEqual(next(passing, 1, dayMs), {
    dead: { code: "THROTTLING", message: "slow down", retries: 0, condition: "MaximumEventAgeInSeconds" },
  });
  assert.deepEqual(next(final, 1), { dead: { code: "NO_PERMISSIONS", message: "no", retries: 0 } });
});

test("a dead-letter queue is asked five times, and not again by whom it does not let in", () => {
  const due = (attempts: number) => dueAfterRefusedBurial(passing, attempts, 1000, systemRandom);
  assert.ok([1, 2, 3, 4].every((attempts) => due(attempts)! > 1000));
  assert.equal(due(5), undefined);
  assert.equal(dueAfterRefusedBurial(final, 1, 1000, systemRandom), undefined);
});

// Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events": the error codes.
describe("what a target's refusal means", () => {
  for (const [code, message, status, expected, permanent] of [
    ["ThrottlingException", "", 400, "THROTTLING", false],
    ["InternalFailure", "", 500, "INTERNAL_ERROR", false],
    ["LimitExceededException", "", 400, "RESOURCE_LIMIT_EXCEEDED", false],
    ["AccessDenied", "not authorized to perform: sqs:SendMessage", 403, "NO_PERMISSIONS", true],
    ["AccessDenied", "not authorized to perform: sts:AssumeRole", 403, "FAILED_TO_ASSUME_ROLE", true],
    ["AWS.SimpleQueueService.NonExistentQueue", "", 400, "NO_RESOURCE", true],
    ["InvalidParameterValue", "", 400, "INVALID_PARAMETER", true],
    ["SomethingElse", "", 400, "SDK_CLIENT_ERROR", true],
  ] as const) {
    test(`${code} ${message}: ${expected}`, () => {
      const outcome = outcomeOf(new AwsError(code, message, status));
      assert.deepEqual([outcome.code, outcome.permanent], [expected, permanent]);
    });
  }
});

test("attributes hold what a queue takes, and nothing that is absent", () => {
  const dead = deadLetter(failed("E", "x".repeat(2000)), 0);
  assert.deepEqual([dead.message.length, dead.retries], [1024, 0]);
  assert.deepEqual(textAttributes({ A: "a\u0000b\uFFFF", B: "", C: undefined, D: "지킴이\n" }), {
    A: { DataType: "String", StringValue: "a b " },
    D: { DataType: "String", StringValue: "지킴이\n" },
  });
});
