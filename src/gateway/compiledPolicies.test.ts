import assert from "node:assert/strict";
import { test } from "node:test";
import { CompiledPolicies } from "./compiledPolicies.ts";

const document = (effect: string) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: effect, Action: "*", Resource: "*" }] });
const effectOf = ({ policy }: ReturnType<CompiledPolicies["compile"]>) => policy.otherwise[0]?.effect;

test("a text is compiled once for each kind of policy", () => {
  const policies = new CompiledPolicies();
  const one = policies.compile({ name: "one", document: document("Allow") }, "identity");
  const other = policies.compile({ name: "other", document: document("Allow") }, "identity");
  assert.equal(other.policy, one.policy);
  assert.equal(other.name, "other");
  const scp = policies.compile({ name: "one", document: document("Allow") }, "scp");
  assert.notEqual(scp.policy, one.policy);
});

test("names that are ARNs and issuers are told", () => {
  const arn = "arn:aws:iam::aws:policy/AdministratorAccess";
  const [managed, granted] = new CompiledPolicies().compileAll(
    [
      { name: arn, document: document("Allow") },
      { name: "grant", document: document("Allow"), issuedBy: "111122223333" },
    ],
    "identity",
  );
  assert.equal(managed!.arn, arn);
  assert.equal("issuedBy" in managed!, false);
  assert.equal(granted!.issuedBy, "111122223333");
  assert.equal("arn" in granted!, false);
});

test("a list that comes again is compiled once, another list of the same names anew", () => {
  const policies = new CompiledPolicies();
  const before = [{ name: "inline", document: document("Allow") }];
  const compiled = policies.compileKept(before, "identity");
  assert.equal(policies.compileKept(before, "identity"), compiled);
  assert.notEqual(policies.compileKept(before, "session"), compiled);
  const after = policies.compileKept([{ name: "inline", document: document("Deny") }], "identity");
  assert.equal(effectOf(compiled[0]!), "Allow");
  assert.equal(effectOf(after[0]!), "Deny");
});

test("what has not been used lately is let go", () => {
  const policies = new CompiledPolicies(4);
  const text = (id: number) => ({
    name: "p",
    document: document("Allow").replace("2012-10-17", `2012-10-17","Id":"${id}`),
  });
  const first = policies.compile(text(0), "identity").policy;
  assert.equal(policies.compile(text(0), "identity").policy, first);
  for (let id = 1; id < 8; id++) policies.compile(text(id), "identity");
  assert.notEqual(policies.compile(text(0), "identity").policy, first);
});
