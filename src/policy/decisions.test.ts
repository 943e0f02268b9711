import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Decision, EvaluationRequest, PolicyType } from "./decision.ts";
import type { NamedPolicy, PolicyKind } from "./document.ts";
import { evaluate } from "./evaluate.ts";
import { fullAccess, loadPolicy, parsePolicy } from "./parse.ts";
import { type Caller, callers, foreign, home } from "./testdata/callers.ts";
import { claimedKeyRows, conditionTables, principalKeyRows } from "./testdata/conditions.ts";
import { actionTables, notPrincipalTables, principalTables, resourceTables } from "./testdata/elements.ts";
import { layerTables } from "./testdata/layers.ts";

const action = "s3:GetObject";
const resource = "arn:aws:s3:::bucket/key";

/** Names the layer rows use after `@`. */
const namedPrincipals: Readonly<Record<string, unknown>> = {
  user: { AWS: callers.user.arn },
  role: { AWS: callers.role.roleArn },
  session: { AWS: callers.role.sessionArn },
  federated: { AWS: callers.federatedUser.arn },
  issuer: { AWS: callers.federatedUser.issuerArn },
  account: { AWS: home },
  other: { AWS: `arn:aws:iam::${home}:user/somebody-else` },
  everyone: "*",
  service: { Service: callers.service.name },
  google: { Federated: callers.google.provider },
  saml: { Federated: callers.saml.provider },
};

function policyOf(kind: PolicyKind, word: string): NamedPolicy {
  const [what, who] = word.split("@");
  if (kind === "rcp" && what === "allow") return { name: "RCPFullAWSAccess", policy: fullAccess("rcp") };
  const statement: Record<string, unknown> = {
    Effect: what === "deny" ? "Deny" : "Allow",
    Action: what === "other" ? "s3:ListBucket" : action,
    Resource: kind === "rcp" && what === "other" ? "arn:aws:s3:::elsewhere" : "*",
  };
  if (kind === "rcp") Object.assign(statement, { Effect: "Deny", Principal: "*" });
  if (who !== undefined) statement["Principal"] = namedPrincipals[who];
  return { name: word, policy: parsePolicy({ Version: "2012-10-17", Statement: [statement] }, kind) };
}

const kinds: Readonly<Record<string, PolicyKind>> = {
  identity: "identity",
  boundary: "boundary",
  session: "session",
  resource: "resource",
  vpcEndpoint: "resource",
  scps: "scp",
  rcps: "rcp",
};

function policiesOf(layers: string): EvaluationRequest["policies"] {
  const policies: Record<string, unknown> = {};
  for (const layer of layers.split(" ").filter((part) => part !== "")) {
    const [name, words = ""] = layer.split("=");
    const kind = kinds[name!]!;
    const list = (text: string): NamedPolicy[] =>
      text
        .split(",")
        .filter((word) => word !== "")
        .map((word) => policyOf(kind, word));
    if (name === "scps" || name === "rcps") policies[name] = words.split("/").map(list);
    else if (name === "boundary") policies[name] = list(words)[0];
    else policies[name!] = list(words);
  }
  return policies;
}

function request(caller: Caller, changes: Partial<EvaluationRequest> = {}): EvaluationRequest {
  return {
    principal: callers[caller],
    action,
    resource,
    resourceAccount: home,
    trust: "either",
    context: {},
    policies: {},
    ...changes,
  };
}

function outcomeOf(decision: Decision): "allow" | readonly [string, PolicyType | undefined] {
  return decision.effect === "Allow" ? "allow" : [decision.reason, decision.deciding?.type];
}

/** An identity policy of one statement. */
function identity(statement: object): NamedPolicy[] {
  return [{ name: "p", policy: parsePolicy({ Version: "2012-10-17", Statement: [statement] }, "identity") }];
}

let rows = 0;

describe("how policy types go together", () => {
  for (const table of layerTables) {
    describe(table.source, () => {
      for (const [caller, place, trust, layers, outcome] of table.rows) {
        rows++;
        it(`${caller}, ${place} account, ${trust}: ${layers || "no policies"}`, () => {
          const decision = evaluate(
            request(caller, {
              trust,
              resourceAccount: place === "same" ? home : foreign,
              policies: policiesOf(layers),
            }),
          );
          assert.deepEqual(outcomeOf(decision), outcome);
        });
      }
    });
  }
});

describe("conditions", () => {
  for (const table of conditionTables) {
    describe(table.source, () => {
      for (const [operator, policyValue, requestValue, holds] of table.rows) {
        rows++;
        it(`${operator} ${table.key} ${JSON.stringify(policyValue)}: ${JSON.stringify(requestValue) ?? "absent"}`, () => {
          const decision = evaluate(
            request("user", {
              context: requestValue === undefined ? {} : { [table.key]: requestValue },
              policies: {
                identity: identity({
                  Effect: "Allow",
                  Action: "*",
                  Resource: "*",
                  Condition: { [operator]: { [table.key]: policyValue } },
                }),
              },
            }),
          );
          assert.equal(decision.reason, holds ? "allow" : "implicitDeny");
        });
      }
    });
  }

  describe(principalKeyRows.source, () => {
    for (const [caller, operator, key, value, holds] of principalKeyRows.rows) {
      rows++;
      it(`${caller}: ${operator} ${key} ${value}`, () => {
        const policy = parsePolicy(
          {
            Version: "2012-10-17",
            Statement: {
              Effect: "Deny",
              Principal: "*",
              Action: "*",
              Resource: "*",
              Condition: { [operator]: { [key]: value } },
            },
          },
          "resource",
        );
        const decision = evaluate(request(caller, { policies: { resource: [{ name: "bucket", policy }] } }));
        assert.equal(decision.reason === "explicitDeny", holds);
      });
    }
  });
});

describe(`claims that are not believed: ${claimedKeyRows.source}`, () => {
  for (const [caller, key, claim] of claimedKeyRows.rows) {
    rows++;
    it(`${caller} claims ${key} ${claim}`, () => {
      const statement = {
        Effect: "Allow",
        Principal: "*",
        Action: "*",
        Resource: "*",
        Condition: { StringEquals: { [key]: claim } },
      };
      const policy = parsePolicy({ Version: "2012-10-17", Statement: statement }, "resource");
      const decision = evaluate(
        request(caller, { context: { [key]: claim }, policies: { resource: [{ name: "bucket", policy }] } }),
      );
      assert.equal(decision.effect, "Deny");
    });
  }
});

it("a compiled policy serves one caller after the other, each with its own variables", () => {
  const own = identity({
    Effect: "Allow",
    Action: "s3:*",
    // oxlint-disable-next-line no-template-curly-in-string -- a policy variable
    Resource: "arn:aws:s3:::homes/${aws:username}/*",
  });
  const ask = (name: string, home: string) =>
    evaluate(
      request("user", {
        principal: { ...callers.user, name },
        resource: `arn:aws:s3:::homes/${home}/x`,
        policies: { identity: own },
      }),
    ).effect;
  assert.equal(ask("alice", "alice"), "Allow");
  assert.equal(ask("bob", "alice"), "Deny");
  assert.equal(ask("bob", "bob"), "Allow");
  // A name with a wildcard in it is that name.
  assert.equal(ask("*", "alice"), "Deny");
});

describe("elements of a statement", () => {
  for (const table of actionTables) {
    describe(table.source, () => {
      for (const [element, patterns, asked, matches] of table.rows) {
        rows++;
        it(`${element} ${JSON.stringify(patterns)}: ${asked}`, () => {
          const decision = evaluate(
            request("user", {
              action: asked,
              policies: { identity: identity({ Effect: "Allow", [element]: patterns, Resource: "*" }) },
            }),
          );
          assert.equal(decision.effect === "Allow", matches);
        });
      }
    });
  }

  for (const table of resourceTables) {
    describe(table.source, () => {
      for (const [element, patterns, asked, matches, caller = "user", version = "2012-10-17"] of table.rows) {
        rows++;
        it(`${element} ${JSON.stringify(patterns)}: ${asked}, ${caller}, ${version}`, () => {
          const policy = parsePolicy(
            { Version: version, Statement: { Effect: "Allow", Principal: "*", Action: "*", [element]: patterns } },
            "resource",
          );
          const decision = evaluate(
            request(caller, {
              resource: asked,
              context: { "aws:TagKeys": ["one", "two"] },
              policies: { resource: [{ name: "r", policy }] },
            }),
          );
          assert.equal(decision.effect === "Allow", matches);
        });
      }
    });
  }

  for (const table of principalTables) {
    describe(table.source, () => {
      for (const [principal, caller, reach] of table.rows) {
        rows++;
        it(`Principal ${JSON.stringify(principal)}: ${caller}`, () => {
          const statement = { Effect: "Allow", Principal: principal, Action: "kms:Decrypt", Resource: "*" };
          const key = [{ name: "key", policy: parsePolicy({ Version: "2012-10-17", Statement: statement }, "key") }];
          const ask = (policies: EvaluationRequest["policies"]) =>
            evaluate(request(caller, { action: "kms:Decrypt", trust: "delegated", policies })).effect;
          const own = identity({ Effect: "Allow", Action: "kms:*", Resource: "*" });
          assert.equal(ask({ resource: key }), reach === "alone" ? "Allow" : "Deny", "alone");
          assert.equal(ask({ resource: key, identity: own }), reach === "no" ? "Deny" : "Allow", "with identity");
        });
      }
    });
  }

  for (const table of notPrincipalTables) {
    describe(table.source, () => {
      for (const [value, caller, hasBoundary, hit] of table.rows) {
        rows++;
        it(`NotPrincipal ${JSON.stringify(value)}: ${caller}${hasBoundary ? " with a boundary" : ""}`, () => {
          const statement = { Effect: "Deny", NotPrincipal: value, Action: "*", Resource: "*" };
          const policies: EvaluationRequest["policies"] = {
            resource: [{ name: "r", policy: parsePolicy({ Version: "2012-10-17", Statement: statement }, "resource") }],
            ...(hasBoundary ? { boundary: policyOf("boundary", "allow") } : {}),
          };
          assert.equal(evaluate(request(caller, { policies })).reason === "explicitDeny", hit);
        });
      }
    });
  }
});

it("the decision table has at least 400 rows", () => {
  assert.ok(rows >= 400, `${rows} rows`);
});

describe("a policy that cannot be evaluated refuses the request", () => {
  const sound = policyOf("identity", "allow");

  it("a stored document that cannot be read", () => {
    const broken: NamedPolicy = { name: "torn", policy: loadPolicy('{"Version":"2012-10-', "identity") };
    const decision = evaluate(request("user", { policies: { identity: [sound, broken] } }));
    assert.equal(decision.effect, "Deny");
    assert.equal(decision.reason, "error");
    assert.equal(decision.error, "Syntax errors in policy.");
    assert.deepEqual(decision.deciding, { type: "identity-based policy", policy: { name: "torn" } });
  });

  const unreadable: readonly (readonly [string, string, string, string])[] = [
    ["NumericLessThan", "s3:max-keys", "ten", "5"],
    ["IpAddress", "aws:SourceIp", "10.0.0/8", "10.0.0.1"],
    ["Bool", "aws:SecureTransport", "maybe", "true"],
    ["BinaryEquals", "kms:X", "?", "AAAA"],
    ["Null", "aws:TokenIssueTime", "perhaps", ""],
  ];
  for (const effect of ["Allow", "Deny"] as const) {
    for (const [operator, key, value, given] of unreadable) {
      it(`${effect} with ${operator} ${value}`, () => {
        const odd = identity({
          Sid: "Odd",
          Effect: effect,
          Action: "s3:*",
          Resource: "*",
          Condition: { [operator]: { [key]: value } },
        });
        const ask = (asked: string) =>
          evaluate(
            request("user", { action: asked, context: { [key]: given }, policies: { identity: [sound, ...odd] } }),
          );
        const decision = ask(action);
        assert.equal(decision.reason, "error");
        assert.match(decision.error ?? "", /condition value/);
        assert.deepEqual(decision.deciding?.statement, { index: 0, sid: "Odd" });
        // Requests the statement is not about are not touched by it.
        assert.notEqual(ask("sqs:SendMessage").reason, "error");
      });
    }
  }

  it("but an explicit deny elsewhere is still the reason given", () => {
    const broken: NamedPolicy = { name: "torn", policy: loadPolicy("{", "identity") };
    const decision = evaluate(
      request("user", { policies: { identity: [broken], boundary: policyOf("boundary", "deny") } }),
    );
    assert.deepEqual(outcomeOf(decision), ["explicitDeny", "permissions boundary"]);
  });

  it("root is not bound by a broken policy of its own, as it is by none", () => {
    const broken: NamedPolicy = { name: "torn", policy: loadPolicy("{", "identity") };
    assert.equal(evaluate(request("root", { policies: { identity: [broken] } })).effect, "Allow");
    const bucket: NamedPolicy = { name: "torn", policy: loadPolicy("{", "resource") };
    assert.equal(evaluate(request("root", { policies: { resource: [bucket] } })).reason, "error");
  });
});

describe("a policy that the caller's account attached to a foreign resource (a KMS grant)", () => {
  const key = policyOf("resource", "allow@user");
  const grant = (issuedBy: string, word = "allow@user"): NamedPolicy => ({ ...policyOf("resource", word), issuedBy });
  const ask = (resources: NamedPolicy[], changes: Partial<EvaluationRequest> = {}, caller: Caller = "user") =>
    evaluate(
      request(caller, {
        resourceAccount: foreign,
        trust: "delegated",
        ...changes,
        policies: { ...changes.policies, resource: resources },
      }),
    );

  it("suffices for the account's own principals, whatever its place among the others", () => {
    assert.equal(ask([grant(home)]).effect, "Allow");
    assert.equal(ask([key, grant(home)]).effect, "Allow");
    assert.equal(ask([grant(home), key]).effect, "Allow");
  });

  it("is one like others when any other account issued it", () => {
    assert.deepEqual(outcomeOf(ask([grant(foreign)])), ["implicitDeny", "identity-based policy"]);
    assert.deepEqual(outcomeOf(ask([grant("777788889999")])), ["implicitDeny", "identity-based policy"]);
  });

  it("denies, is bounded and is overruled as any other", () => {
    assert.deepEqual(outcomeOf(ask([grant(home), policyOf("resource", "deny@user")])), [
      "explicitDeny",
      "resource-based policy",
    ]);
    const policies = { boundary: policyOf("boundary", "other") };
    assert.deepEqual(outcomeOf(ask([grant(home, "allow@role")], { policies }, "role")), [
      "implicitDeny",
      "permissions boundary",
    ]);
    assert.deepEqual(outcomeOf(ask([grant(home)], { policies: { scps: [[policyOf("scp", "other")]] } })), [
      "implicitDeny",
      "service control policy",
    ]);
  });

  it("within the account changes nothing", () => {
    const decision = ask(
      [grant(home, "allow@role"), policyOf("resource", "allow@session")],
      {
        resourceAccount: home,
        policies: { boundary: policyOf("boundary", "other") },
      },
      "role",
    );
    assert.equal(decision.effect, "Allow");
  });
});

it("resource control policies bind only the services that support them", () => {
  const everything = {
    Effect: "Deny",
    Principal: "*",
    Action: ["s3:*", "ec2:*"],
    Resource: "*",
  };
  const rcp: NamedPolicy = {
    name: "deny",
    policy: parsePolicy({ Version: "2012-10-17", Statement: everything }, "rcp"),
  };
  const policies = {
    identity: identity({ Effect: "Allow", Action: "*", Resource: "*" }),
    rcps: [[{ name: "RCPFullAWSAccess", policy: fullAccess("rcp") }, rcp]],
  };
  assert.equal(evaluate(request("user", { policies })).effect, "Deny");
  assert.equal(evaluate(request("user", { action: "ec2:StopInstances", policies })).effect, "Allow");
});
