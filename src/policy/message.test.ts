import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EvaluationRequest } from "./decision.ts";
import type { NamedPolicy, PolicyKind } from "./document.ts";
import { evaluate } from "./evaluate.ts";
import { explain, traceOf } from "./explain.ts";
import { denialMessage } from "./message.ts";
import { fullAccess, loadPolicy, parsePolicy } from "./parse.ts";
import { type Caller, callers, foreign, home } from "./testdata/callers.ts";

function policy(kind: PolicyKind, effect: string, action: string, more: object = {}): NamedPolicy {
  const statement = { Effect: effect, Action: action, Resource: "*", ...more };
  return { name: `${kind}-${effect}`, policy: parsePolicy({ Version: "2012-10-17", Statement: [statement] }, kind) };
}

function ask(caller: Caller, action: string, resource: string, policies: EvaluationRequest["policies"], changes = {}) {
  const request: EvaluationRequest = {
    principal: callers[caller],
    action,
    resource,
    resourceAccount: home,
    trust: "either",
    context: {},
    policies,
    ...changes,
  };
  return evaluate(request);
}

const alice = `User: arn:aws:iam::${home}:user/alice is not authorized to perform:`;
const list = "codecommit:ListRepositories";
const deployments = "codedeploy:ListDeployments";
const group = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:*";
const role = "arn:aws:iam::111122223333:role/r";
const grants = policy("identity", "Allow", "*");
const everyone = { Principal: "*" };

function trustPolicy(effect: string): NamedPolicy {
  const statement = {
    Effect: effect,
    Principal: { AWS: effect === "Deny" ? home : "444455556666" },
    Action: "sts:AssumeRole",
  };
  return { name: "r", policy: parsePolicy({ Version: "2012-10-17", Statement: statement }, "trust") };
}

describe("access denied messages: IAM User Guide, troubleshoot_access-denied", () => {
  const rows: readonly (readonly [string, ReturnType<typeof ask>, string])[] = [
    [
      "service control policy, implicit",
      ask("user", list, group, { identity: [grants], scps: [[policy("scp", "Allow", "s3:*")]] }),
      `${alice} ${list} on resource: ${group} because no service control policy allows the ${list} action`,
    ],
    [
      "service control policy, explicit",
      ask("user", list, group, { identity: [grants], scps: [[policy("scp", "Deny", "*")]] }),
      `${alice} ${list} on resource: ${group} with an explicit deny in a service control policy`,
    ],
    [
      "resource control policy",
      ask("user", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:111122223333:secret:x", {
        identity: [grants],
        rcps: [[{ name: "Full", policy: fullAccess("rcp") }, policy("rcp", "Deny", "secretsmanager:*", everyone)]],
      }),
      `${alice} secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:x with an explicit deny in a resource control policy`,
    ],
    [
      "VPC endpoint policy, implicit",
      ask("user", deployments, group, {
        identity: [grants],
        vpcEndpoint: [policy("resource", "Allow", "s3:*", everyone)],
      }),
      `${alice} ${deployments} on resource: ${group} because no VPC endpoint policy allows the ${deployments} action`,
    ],
    [
      "VPC endpoint policy, explicit",
      ask("user", deployments, group, { identity: [grants], vpcEndpoint: [policy("resource", "Deny", "*", everyone)] }),
      `${alice} ${deployments} on resource: ${group} with an explicit deny in a VPC endpoint policy`,
    ],
    [
      "permissions boundary, implicit",
      ask("user", deployments, group, { identity: [grants], boundary: policy("boundary", "Allow", "s3:*") }),
      `${alice} ${deployments} on resource: ${group} because no permissions boundary allows the ${deployments} action`,
    ],
    [
      "permissions boundary, explicit",
      ask("user", deployments, group, { identity: [grants], boundary: policy("boundary", "Deny", "*") }),
      `${alice} ${deployments} on resource: ${group} with an explicit deny in a permissions boundary`,
    ],
    [
      "session policy, implicit",
      ask("role", deployments, group, { identity: [grants], session: [policy("session", "Allow", "s3:*")] }),
      `User: arn:aws:sts::${home}:assumed-role/reader/s1 is not authorized to perform: ${deployments} on resource: ${group} because no session policy allows the ${deployments} action`,
    ],
    [
      "resource-based policy, implicit",
      ask("service", "sns:Publish", "arn:aws:sns:us-east-1:111122223333:t", { resource: [] }),
      "User: cloudtrail.amazonaws.com is not authorized to perform: sns:Publish on resource: arn:aws:sns:us-east-1:111122223333:t because no resource-based policy allows the sns:Publish action",
    ],
    [
      "resource-based policy, explicit",
      ask("user", "sns:Publish", "arn:aws:sns:us-east-1:111122223333:t", {
        resource: [policy("resource", "Deny", "sns:*", everyone)],
      }),
      `${alice} sns:Publish on resource: arn:aws:sns:us-east-1:111122223333:t with an explicit deny in a resource-based policy`,
    ],
    [
      "role trust policy, implicit",
      ask(
        "user",
        "sts:AssumeRole",
        role,
        { identity: [grants], resource: [trustPolicy("Allow")] },
        { trust: "delegated" },
      ),
      `${alice} sts:AssumeRole because no role trust policy allows the sts:AssumeRole action`,
    ],
    [
      "role trust policy, explicit",
      ask(
        "user",
        "sts:AssumeRole",
        role,
        { identity: [grants], resource: [trustPolicy("Deny")] },
        { trust: "delegated" },
      ),
      `${alice} sts:AssumeRole with an explicit deny in the role trust policy`,
    ],
    [
      "identity-based policy, implicit",
      ask("user", deployments, group, {}),
      `${alice} ${deployments} on resource: ${group} because no identity-based policy allows the ${deployments} action`,
    ],
    [
      "identity-based policy, explicit",
      ask("user", deployments, group, { identity: [grants, policy("identity", "Deny", "codedeploy:*")] }),
      `${alice} ${deployments} on resource: ${group} with an explicit deny in an identity-based policy`,
    ],
    [
      "S3 quotes the resource",
      ask("user", "s3:PutObject", "arn:aws:s3:::b/k", {}),
      `${alice} s3:PutObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:PutObject action`,
    ],
    [
      "S3 without resource",
      ask("user", "s3:ListAllMyBuckets", "*", {}),
      `${alice} s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action`,
    ],
    [
      "KMS without resource",
      ask("user", "kms:CreateKey", "*", {}),
      `${alice} kms:CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action`,
    ],
    [
      "another account to S3",
      ask("user", "s3:GetObject", "arn:aws:s3:::b/k", { resource: [] }, { resourceAccount: foreign }),
      "Access Denied",
    ],
    [
      "another account of the organization to S3",
      ask(
        "user",
        "s3:GetObject",
        "arn:aws:s3:::b/k",
        { resource: [] },
        { resourceAccount: foreign, context: { "aws:PrincipalOrgID": "o-1", "aws:ResourceOrgID": "o-1" } },
      ),
      `${alice} s3:GetObject on resource: "arn:aws:s3:::b/k" because no resource-based policy allows the s3:GetObject action`,
    ],
    ["a stranger to S3", ask("anonymous", "s3:GetObject", "arn:aws:s3:::b/k", { resource: [] }), "Access Denied"],
    [
      "a policy that cannot be read",
      ask("user", "s3:GetObject", "arn:aws:s3:::b/k", {
        identity: [{ name: "x", policy: loadPolicy("{", "identity") }],
      }),
      `${alice} s3:GetObject on resource: "arn:aws:s3:::b/k" with an explicit deny in an identity-based policy`,
    ],
  ];
  for (const [what, decision, message] of rows) {
    it(what, () => {
      assert.equal(decision.effect, "Deny");
      assert.equal(denialMessage(decision), message);
    });
  }
});

describe("explanations", () => {
  const conditional = policy("identity", "Allow", "s3:GetObject", {
    Sid: "FromOffice",
    Resource: "arn:aws:s3:::reports/*",
    Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" }, Bool: { "aws:SecureTransport": "true" } },
  });
  const bucket = policy("resource", "Allow", "s3:GetObject", {
    Principal: { AWS: "arn:aws:iam::111122223333:user/bob" },
  });
  const decision = ask(
    "user",
    "s3:GetObject",
    "arn:aws:s3:::secrets/x",
    { identity: [conditional, policy("identity", "Allow", "sqs:*")], resource: [bucket] },
    { context: { "aws:SourceIp": "198.51.100.9" } },
  );

  it("name every considered statement and what did not match", () => {
    assert.deepEqual(explain(decision), [
      "Denied: s3:GetObject on arn:aws:s3:::secrets/x: no identity-based policy allows it",
      "resource-based policy: resource-Allow, statement 1: Allow, does not apply",
      "  the principal is not among: AWS: arn:aws:iam::111122223333:user/bob",
      "identity-based policy: identity-Allow, statement 1 (FromOffice): Allow, does not apply",
      "  the resource does not match: arn:aws:s3:::reports/*",
      "  condition IpAddress on aws:SourceIp failed: expected 203.0.113.0/24, the request has 198.51.100.9",
      "  condition Bool on aws:SecureTransport failed: expected true, the request has no such key",
    ]);
  });

  it("in Korean", () => {
    const lines = explain(decision, "ko");
    assert.equal(lines.length, 7);
    assert.equal(
      lines[0],
      "거부: arn:aws:s3:::secrets/x에 대한 s3:GetObject: 허용하는 자격 증명 기반 정책이(가) 없습니다",
    );
    assert.match(lines[5]!, /조건 IpAddress aws:SourceIp 불일치: 기대값 203\.0\.113\.0\/24, 요청 값 198\.51\.100\.9/);
  });

  it("show decisive statements first", () => {
    const denied = ask("user", "s3:GetObject", "*", {
      identity: [grants],
      boundary: policy("boundary", "Deny", "s3:*"),
    });
    assert.deepEqual(explain(denied), [
      "Denied: s3:GetObject on *: a permissions boundary denies it explicitly",
      "identity-based policy: identity-Allow, statement 1: Allow, applies",
      "permissions boundary: boundary-Deny, statement 1: Deny, applies",
    ]);
  });

  it("of an unreadable policy say why", () => {
    const broken = ask("user", "s3:GetObject", "*", { identity: [{ name: "x", policy: loadPolicy("{", "identity") }] });
    assert.deepEqual(explain(broken), [
      "Denied: s3:GetObject on *: an identity-based policy could not be evaluated: Syntax errors in policy.",
      "identity-based policy: x: unreadable, does not apply",
      "  the policy cannot be read: Syntax errors in policy.",
    ]);
  });

  it("of root say that no policy was needed", () => {
    const root = ask("root", "s3:GetObject", "*", {});
    assert.match(explain(root)[0]!, /the root user needs no policy/);
    assert.match(explain(root, "ko")[0]!, /루트 사용자/);
  });

  it("agree with the decision: the deciding statement is traced as applied", () => {
    const allowed = ask("user", "s3:GetObject", "*", { identity: [grants] });
    const [trace] = traceOf(allowed.request);
    assert.equal(trace?.applied, true);
    assert.deepEqual(trace?.policy.name, allowed.deciding?.policy?.name);
  });
});
