import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { checkPolicySize, policySize, sizeLimits } from "./sizes.ts";

it("white space does not count", () => {
  assert.equal(policySize('{\n\t "a" : 1 }\r\n'), 7);
});

describe("one character more than the quota is refused", () => {
  const messages = {
    managed: "Cannot exceed quota for PolicySize: 6144",
    trust: "Cannot exceed quota for ACLSizePerRole: 2048",
    inlineUser: "Maximum policy size of 2048 bytes exceeded for user alice",
    inlineRole: "Maximum policy size of 10240 bytes exceeded for role alice",
    inlineGroup: "Maximum policy size of 5120 bytes exceeded for group alice",
  };
  for (const limit of Object.keys(messages) as (keyof typeof messages)[]) {
    it(limit, () => {
      const most = sizeLimits[limit];
      const half = "x".repeat(most / 2);
      checkPolicySize(limit, [half, " ".repeat(9), half], "alice");
      assert.throws(
        () => checkPolicySize(limit, [half, "y", half], "alice"),
        (error) => error instanceof AwsError && error.code === "LimitExceeded" && error.message === messages[limit],
      );
    });
  }
});
