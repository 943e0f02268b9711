import assert from "node:assert/strict";
import { test } from "node:test";
import type { Principal, SessionContext } from "./principal.ts";
import { sessionRefusal } from "./sessionLimits.ts";

const account = "111122223333";
const person = { account, arn: `arn:aws:iam::${account}:user/alice`, id: "AIDAQ3EGUAABCDEFGHIJK" };
const session = (more: Partial<SessionContext> = {}): { session: SessionContext } => ({
  session: { createdAt: 0, expiresAt: 1e15, mfaAuthenticated: false, ...more },
});
const user: Principal = { kind: "user", userName: "alice", ...person };
const root: Principal = { kind: "root", ...person, id: account };
const federated: Principal = { kind: "federated", userName: "g", issuerArn: person.arn, ...person, ...session() };
const role: Principal = {
  kind: "role",
  roleArn: `arn:aws:iam::${account}:role/r`,
  roleId: "AROAQ3EGUAABCDEFGHIJK",
  roleName: "r",
  sessionName: "s",
  ...person,
  ...session(),
};

/** IAM User Guide, "Compare AWS STS credentials", one line each: may call IAM, and which operations of STS. */
const rows: [what: string, principal: Principal, iam: boolean, sts: string[]][] = [
  ["a user's own key", user, true, ["AssumeRole", "GetCallerIdentity", "GetSessionToken", "GetFederationToken"]],
  ["GetSessionToken without MFA", { ...user, ...session() }, false, ["AssumeRole", "GetCallerIdentity"]],
  [
    "GetSessionToken with MFA",
    { ...user, ...session({ mfaAuthenticated: true }) },
    true,
    ["AssumeRole", "GetCallerIdentity"],
  ],
  ["GetSessionToken of root", { ...root, ...session() }, false, ["AssumeRole", "GetCallerIdentity"]],
  ["GetFederationToken", federated, false, ["GetCallerIdentity"]],
  ["AssumeRole", role, true, ["AssumeRole", "GetCallerIdentity"]],
  ["AssumeRoot", { ...root, ...session({ assumedRoot: true }) }, true, ["AssumeRole", "GetCallerIdentity"]],
  [
    "the console",
    { ...user, ...session({ console: true }) },
    true,
    ["AssumeRole", "GetCallerIdentity", "GetSessionToken", "GetFederationToken"],
  ],
  ["a service", { kind: "service", service: "kms.amazonaws.com" }, true, ["AssumeRole"]],
];

for (const [what, principal, iam, sts] of rows) {
  test(`credentials of ${what}`, () => {
    assert.equal(sessionRefusal(principal, "iam", "ListUsers")?.code, iam ? undefined : "InvalidClientTokenId");
    assert.equal(sessionRefusal(principal, "s3", "ListBuckets"), undefined);
    for (const operation of sts) assert.equal(sessionRefusal(principal, "sts", operation), undefined, operation);
    if (principal.kind === "service" || sts.length === 4) return;
    for (const operation of ["GetSessionToken", "GetFederationToken"]) {
      assert.equal(sessionRefusal(principal, "sts", operation)?.code, "AccessDenied", operation);
    }
  });
}
