import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import type { NamedPolicy, PolicyKind } from "./document.ts";
import { fullAccess, parsePolicy } from "./parse.ts";
import { contextKeysOf, simulate } from "./simulate.ts";
import { callers, foreign, home } from "./testdata/callers.ts";

function named(name: string, document: string | object, kind: PolicyKind = "identity"): NamedPolicy {
  return { name, policy: parsePolicy(document, kind) };
}

function input(document: string | object): readonly NamedPolicy[] {
  return [named("PolicyInputList.1", document)];
}

/** The document of the AWS CLI's example for simulate-custom-policy. */
const example =
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}';

describe("the AWS CLI's examples for simulate-custom-policy", () => {
  it("allowed, with the position of the statement", () => {
    assert.deepEqual(
      simulate({
        actions: ["dynamodb:CreateBackup"],
        policies: { identity: input(example) },
        context: { "aws:CurrentTime": "2019-04-25T11:00:00Z" },
      }),
      [
        {
          EvalActionName: "dynamodb:CreateBackup",
          EvalResourceName: "*",
          EvalDecision: "allowed",
          MatchedStatements: [
            {
              SourcePolicyId: "PolicyInputList.1",
              SourcePolicyType: "IAM Policy",
              StartPosition: { Line: 1, Column: 38 },
              EndPosition: { Line: 1, Column: 167 },
            },
          ],
          MissingContextValues: [],
        },
      ],
    );
  });

  it("implicitly denied when the date is before the one of the policy", () => {
    const [result] = simulate({
      actions: ["dynamodb:CreateBackup"],
      policies: { identity: input(example) },
      context: { "aws:CurrentTime": "2014-04-25T11:00:00Z" },
    });
    assert.equal(result?.EvalDecision, "implicitDeny");
    assert.deepEqual(result?.MatchedStatements, []);
  });

  it("a key nobody gave is reported missing", () => {
    const [result] = simulate({
      actions: ["dynamodb:CreateBackup"],
      policies: { identity: input(example) },
      context: {},
    });
    assert.deepEqual(result?.MissingContextValues, ["aws:CurrentTime"]);
    const [other] = simulate({ actions: ["sqs:SendMessage"], policies: { identity: input(example) }, context: {} });
    assert.deepEqual(other?.MissingContextValues, [], "the statement is not about SQS");
  });
});

/** A recorded answer of the service for a Deny in an array of statements. */
it("positions in a list of statements", () => {
  const document =
    '{"Version":"2012-10-17","Statement":[{"Action":["s3:GetObjectVersion","s3:GetObject"],"Effect":"Deny",' +
    '"NotResource":["arn:aws:s3:::orbit-infra-79s5rw-tfstate/envs/preview/*",' +
    '"arn:aws:s3:::orbit-infra-79s5rw-tfstate/bootstrap/*"],"Sid":"DenyReadStateObjectsOutsideScope"}]}';
  const [result] = simulate({
    actions: ["s3:GetObject"],
    resources: ["arn:aws:s3:::orbit-infra-79s5rw-tfstate/other/x"],
    policies: { identity: input(document) },
    context: {},
  });
  assert.equal(result?.EvalDecision, "explicitDeny");
  assert.deepEqual(result?.ResourceSpecificResults?.[0]?.MatchedStatements, [
    {
      SourcePolicyId: "PolicyInputList.1",
      SourcePolicyType: "IAM Policy",
      StartPosition: { Line: 1, Column: 38 },
      EndPosition: { Line: 1, Column: 271 },
    },
  ]);
});

it("positions in a document of several lines", () => {
  const document = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    {"Effect": "Deny",
     "Action": "s3:DeleteBucket", "Resource": "*"}
  ]
}`;
  const ask = (action: string) =>
    simulate({ actions: [action], policies: { identity: input(document) }, context: {} })[0]?.MatchedStatements.map(
      ({ StartPosition, EndPosition }) => [StartPosition, EndPosition],
    );
  assert.deepEqual(ask("s3:GetObject"), [
    [
      { Line: 4, Column: 5 },
      { Line: 4, Column: 59 },
    ],
  ]);
  // The Deny alone, though the Allow matches too.
  assert.deepEqual(ask("s3:DeleteBucket"), [
    [
      { Line: 5, Column: 5 },
      { Line: 6, Column: 51 },
    ],
  ]);
});

const allowReports = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::reports/*" }],
};

it("one entry for each resource, and the action is allowed only when all are", () => {
  const [result] = simulate({
    actions: ["s3:GetObject"],
    resources: ["arn:aws:s3:::reports/a", "arn:aws:s3:::secrets/a"],
    policies: { identity: input(allowReports) },
    context: {},
  });
  assert.equal(result?.EvalDecision, "implicitDeny");
  assert.deepEqual(
    result?.ResourceSpecificResults?.map(({ EvalResourceName, EvalResourceDecision, EvalDecisionDetails }) => [
      EvalResourceName,
      EvalResourceDecision,
      EvalDecisionDetails,
    ]),
    [
      ["arn:aws:s3:::reports/a", "allowed", {}],
      ["arn:aws:s3:::secrets/a", "implicitDeny", {}],
    ],
  );
});

it("a boundary and the organization are told apart", () => {
  const everything = { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "*", Resource: "*" } };
  const boundary = named("Boundary", allowReports, "boundary");
  const [result] = simulate({
    actions: ["s3:GetObject"],
    policies: { identity: input(everything), boundary, scps: [[{ name: "Full", policy: fullAccess("scp") }]] },
    context: {},
  });
  assert.equal(result?.EvalDecision, "implicitDeny");
  assert.deepEqual(result?.PermissionsBoundaryDecisionDetail, { AllowedByPermissionsBoundary: false });
  assert.deepEqual(result?.OrganizationsDecisionDetail, { AllowedByOrganizations: true });

  const [refused] = simulate({
    actions: ["s3:GetObject"],
    policies: { identity: input(everything), scps: [[]] },
    context: {},
  });
  assert.deepEqual(refused?.OrganizationsDecisionDetail, { AllowedByOrganizations: false });
});

it("across accounts both policies count, and their parts are told", () => {
  const ask = (resource: readonly NamedPolicy[]) =>
    simulate({
      actions: ["s3:GetObject"],
      resources: ["arn:aws:s3:::reports/a"],
      policies: { identity: input(allowReports), resource },
      caller: callers.user,
      resourceOwner: foreign,
      context: {},
    })[0];
  const refused = ask([]);
  assert.equal(refused?.EvalDecision, "implicitDeny");
  assert.deepEqual(refused?.EvalDecisionDetails, { "IAM Policy": "allowed", "Resource Policy": "implicitDeny" });
  const bucket = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: home }, Action: "s3:*", Resource: "arn:aws:s3:::reports/*" }],
  };
  const granted = ask([named("ResourcePolicy", bucket, "resource")]);
  assert.equal(granted?.EvalDecision, "allowed");
  assert.deepEqual(
    granted?.MatchedStatements.map(({ SourcePolicyId, SourcePolicyType }) => [SourcePolicyId, SourcePolicyType]),
    [
      ["PolicyInputList.1", "IAM Policy"],
      ["ResourcePolicy", "Resource Policy"],
    ],
  );
});

it("context entries may say what the keys of the caller are", () => {
  const own = {
    Version: "2012-10-17",
    // oxlint-disable-next-line no-template-curly-in-string -- a policy variable
    Statement: { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::homes/${aws:username}/*" },
  };
  const ask = (context: Record<string, string>, caller?: typeof callers.user) =>
    simulate({
      actions: ["s3:GetObject"],
      resources: ["arn:aws:s3:::homes/carol/x"],
      policies: { identity: input(own) },
      context,
      ...(caller === undefined ? {} : { caller }),
    })[0];
  assert.equal(ask({ "aws:username": "carol" })?.EvalDecision, "allowed");
  assert.equal(ask({ "aws:username": "carol" }, callers.user)?.EvalDecision, "allowed");
  assert.equal(ask({}, callers.user)?.EvalDecision, "implicitDeny");
  assert.deepEqual(ask({})?.ResourceSpecificResults?.[0]?.MissingContextValues, ["aws:username"]);
});

describe("refusals", () => {
  const refusals: readonly (readonly [string, Parameters<typeof simulate>[0], string])[] = [
    ["no action", { actions: ["GetObject"], policies: {}, context: {} }, "InvalidInput"],
    ["a wildcard", { actions: ["s3:*"], policies: {}, context: {} }, "InvalidInput"],
    ["no ARN", { actions: ["s3:GetObject"], resources: ["bucket"], policies: {}, context: {} }, "InvalidInput"],
    [
      "a condition that cannot be evaluated",
      {
        actions: ["s3:ListBucket"],
        policies: {
          identity: input({
            Version: "2012-10-17",
            Statement: {
              Effect: "Allow",
              Action: "s3:*",
              Resource: "*",
              Condition: { NumericLessThan: { "s3:max-keys": "many" } },
            },
          }),
        },
        context: { "s3:max-keys": "5" },
      },
      "PolicyEvaluation",
    ],
    [
      "the same beside a statement that denies",
      {
        actions: ["s3:ListBucket"],
        policies: {
          identity: input({
            Version: "2012-10-17",
            Statement: [
              { Effect: "Deny", Action: "s3:*", Resource: "*" },
              {
                Effect: "Deny",
                Action: "s3:*",
                Resource: "*",
                Condition: { NumericLessThan: { "s3:max-keys": "many" } },
              },
            ],
          }),
        },
        context: { "s3:max-keys": "5" },
      },
      "PolicyEvaluation",
    ],
  ];
  for (const [what, simulation, code] of refusals) {
    it(`${what}: ${code}`, () => {
      assert.throws(
        () => simulate(simulation),
        (error) => error instanceof AwsError && error.code === code,
      );
    });
  }
});

it("context keys of policies: conditions and variables, each once", () => {
  const policy = parsePolicy(
    {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: "s3:*",
          // oxlint-disable-next-line no-template-curly-in-string -- a policy variable
          Resource: "arn:aws:s3:::${aws:username}/*",
          Condition: {
            IpAddress: { "aws:SourceIp": "10.0.0.0/8" },
            // oxlint-disable-next-line no-template-curly-in-string -- a policy variable
            StringEquals: { "AWS:UserName": "x", "s3:prefix": "${aws:PrincipalTag/team}" },
          },
        },
      ],
    },
    "identity",
  );
  assert.deepEqual(contextKeysOf([policy, policy]), [
    "aws:SourceIp",
    "AWS:UserName",
    "s3:prefix",
    "aws:PrincipalTag/team",
  ]);
});
