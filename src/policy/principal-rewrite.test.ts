import assert from "node:assert/strict";
import { it } from "node:test";
import { evaluate } from "./evaluate.ts";
import { parsePolicy } from "./parse.ts";
import { rewritePrincipals } from "./principal-rewrite.ts";
import { callers, home } from "./testdata/callers.ts";

const ids = new Map([[callers.user.arn as string, callers.user.id as string]]);
const arns = new Map([...ids].map(([arn, id]) => [id, arn]));

const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Principal: { AWS: [callers.user.arn, home] }, Action: "sts:AssumeRole" },
    { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" },
    {
      Effect: "Allow",
      Principal: "*",
      Action: "sts:AssumeRole",
      Condition: { Bool: { "aws:SecureTransport": "true" } },
    },
  ],
});

it("ARNs become ids and ids ARNs, and nothing else changes", () => {
  const stored = rewritePrincipals(trust, (name) => ids.get(name));
  assert.deepEqual(JSON.parse(stored).Statement[0].Principal, { AWS: [callers.user.id, home] });
  assert.deepEqual(JSON.parse(stored).Statement.slice(1), JSON.parse(trust).Statement.slice(1));
  assert.equal(
    rewritePrincipals(stored, (name) => arns.get(name)),
    trust,
  );
});

it("a document without names to replace keeps its text", () => {
  const spaced = `{ "Version": "2012-10-17",\n  "Statement": ${JSON.stringify(JSON.parse(trust).Statement)} }`;
  assert.equal(
    rewritePrincipals(spaced, () => undefined),
    spaced,
  );
});

it("a user recreated under the same name is not the one that was trusted", () => {
  const statement = { Effect: "Allow", Principal: { AWS: callers.user.arn }, Action: "sts:AssumeRole" };
  const text = JSON.stringify({ Version: "2012-10-17", Statement: statement });
  const stored = parsePolicy(
    rewritePrincipals(text, (name) => ids.get(name)),
    "trust",
  );
  const ask = (id: string) =>
    evaluate({
      principal: { ...callers.user, id },
      action: "sts:AssumeRole",
      resource: `arn:aws:iam::${home}:role/r`,
      resourceAccount: home,
      trust: "delegated",
      context: {},
      policies: { resource: [{ name: "r", policy: stored }] },
    }).effect;
  assert.equal(ask(callers.user.id), "Allow");
  assert.equal(ask("AIDARECREATEDRECREATE"), "Deny");
});
