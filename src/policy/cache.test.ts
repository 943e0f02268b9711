import assert from "node:assert/strict";
import { it } from "node:test";
import { CompiledPolicies } from "./cache.ts";

function text(action: string): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action: action, Resource: "*" } });
}

it("a document is compiled once for each kind", () => {
  const policies = new CompiledPolicies();
  const first = policies.load(text("s3:*"), "identity");
  assert.equal(policies.load(text("s3:*"), "identity"), first);
  assert.notEqual(policies.load(text("s3:*"), "boundary"), first);
  assert.notEqual(policies.load(text("s3:Get*"), "identity"), first);
});

it("the least recently used document leaves", () => {
  const policies = new CompiledPolicies(2);
  const kept = policies.load(text("a:*"), "identity");
  const dropped = policies.load(text("b:*"), "identity");
  policies.load(text("a:*"), "identity");
  policies.load(text("c:*"), "identity");
  assert.equal(policies.size, 2);
  assert.equal(policies.load(text("a:*"), "identity"), kept);
  assert.notEqual(policies.load(text("b:*"), "identity"), dropped);
});

it("a document that cannot be read is broken, every time", () => {
  const policies = new CompiledPolicies();
  for (let i = 0; i < 2; i++) assert.equal(policies.load("{", "identity").broken, "Syntax errors in policy.");
});
