/**
 * Random calls, two at a time, with names from a small pool so that they meet: whatever happens, every refusal is
 * one of AWS's errors, and what points at each other in the store agrees afterwards.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import type { MemoryStore } from "#gateway/testing.ts";
import { loadModel } from "#model/load.ts";
import type { Shape } from "#model/types.ts";
import { service } from "./index.ts";
import type { Documents, DocumentType } from "./state.ts";
import { account, allowDocument, asRoot, asUser, ec2Trust, IamTest, trustDocument } from "./testing.ts";

/** A small generator (mulberry32): the same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const names = ["a", "A", "b", "c"];
const arn = (resource: string) => `arn:aws:iam::${account}:${resource}`;
const policies = [...names.map((name) => arn(`policy/${name}`)), "arn:aws:iam::aws:policy/ReadOnlyAccess", "nonsense"];

/** Values by member name; everything else is made up from the shape. */
const pool: Record<string, readonly unknown[]> = {
  PolicyArn: policies,
  PermissionsBoundary: policies,
  PolicyDocument: [allowDocument("s3:*"), allowDocument("*"), "{", ec2Trust],
  AssumeRolePolicyDocument: [
    ec2Trust,
    trustDocument({ AWS: arn("user/a") }),
    trustDocument({ AWS: arn("role/b") }),
    "[]",
  ],
  Path: ["/", "/p/", "bad"],
  NewPath: ["/", "/q/"],
  PathPrefix: ["/", "/p/"],
  Marker: ["nonsense"],
  MaxItems: [1, 2, 100],
  Password: ["Correct-Horse-1", "weak"],
  SerialNumber: names.map((name) => arn(`mfa/${name}`)),
  Url: ["https://a.example.com", "http://b"],
  OpenIDConnectProviderArn: [arn("oidc-provider/a.example.com"), "x"],
  SAMLProviderArn: [arn("saml-provider/a")],
  Arn: [arn("user/a"), arn("role/b"), arn("group/c"), "junk"],
  PolicySourceArn: [arn("user/a"), arn("role/b"), "junk"],
  AWSServiceName: ["guardduty.amazonaws.com", "config.amazonaws.com", "x"],
  VersionId: ["v1", "v2", "v3"],
  ActionNames: [["s3:GetObject"], ["nonsense"]],
  PolicyInputList: [[allowDocument("s3:*")], ["{"]],
};

/** Half of the tries leave an optional member out. */
function valueOf(name: string, shape: Shape, below: (max: number) => number, depth = 0): unknown {
  const known = pool[name];
  if (known) return known[below(known.length)];
  if (shape.enum) return shape.enum[below(shape.enum.length)];
  switch (shape.kind) {
    case "string":
      return names[below(names.length)];
    case "boolean":
      return below(2) === 0;
    case "list":
      return depth > 4
        ? []
        : Array.from({ length: below(3) }, () => valueOf("", shape.element!.shape, below, depth + 1));
    case "structure":
    case "union": {
      const members = shape.members ?? [];
      const present = members.filter((member) => member.required || below(2) === 0);
      return Object.fromEntries(
        present.map((member) => [member.name, valueOf(member.name, member.shape, below, depth + 1)]),
      );
    }
    default:
      return 1 + below(5);
  }
}

/** Password hashing is slow on purpose, and has tests of its own. */
const left = new Set(["CreateLoginProfile", "UpdateLoginProfile", "ChangePassword"]);

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`random calls keep the store consistent (seed ${seed})`, async () => {
    const below = numbers(seed);
    const iam = new IamTest();
    const { operations } = loadModel("iam");
    const callable = [...operations.values()].filter(
      (operation) => service.operations.has(operation.name) && !left.has(operation.name),
    );
    // What makes and joins things comes more often than what only looks or undoes.
    const making = callable.filter((operation) => /^(Create|Attach|Add|Put)/.test(operation.name));
    const core = making.filter((operation) =>
      /(User|Group|Role|Policy|AccessKey|Profile|Boundary)/.test(operation.name),
    );
    const weighted = [...callable, ...making, ...core, ...core, ...core, ...core];
    const one = async () => {
      const operation = weighted[below(weighted.length)]!;
      const input = valueOf("", operation.input, below) as Record<string, unknown>;
      const caller = [{}, asRoot, asUser("a", "AIDAQ3EGUAABCDEFGHIJK")][below(3)]!;
      try {
        await iam.call(operation.name, input, caller);
        return 1;
      } catch (error) {
        if (error instanceof AwsError && error.code !== "InternalFailure") return 0;
        throw new Error(`${operation.name} ${JSON.stringify(input)}`, { cause: error });
      }
    };
    let succeeded = 0;
    for (let i = 0; i < 1000; i++) for (const done of await Promise.all([one(), one()])) succeeded += done;
    assert.ok(succeeded > 400, `only ${succeeded} calls succeeded`);
    requireConsistent(iam.store as MemoryStore);
  });
}

function requireConsistent(store: MemoryStore): void {
  const all = <T extends DocumentType>(type: T): Map<string, Documents[T]> =>
    new Map(
      [...store.rows.values()]
        .filter((row) => row.key.type === type && row.key.account === account)
        .map((row) => [row.key.id, JSON.parse(row.value) as Documents[T]]),
    );
  const kinds = { user: all("user"), group: all("group"), role: all("role") };
  const entities = Object.entries(kinds).flatMap(([kind, map]) =>
    [...map].map(([key, value]) => ({ kind, key, value })),
  );
  const sorted = (list: Iterable<string>) => [...list].sort();

  assert.deepEqual(
    sorted(all("entity").keys()),
    sorted(entities.map(({ value }) => value.id)),
    "every entity has its pointer and no pointer is left",
  );
  for (const { kind, key, value } of entities) {
    assert.deepEqual(all("entity").get(value.id), { kind, key });
    assert.equal(value.name.toLowerCase(), key);
  }
  assert.deepEqual(
    sorted(all("attachment").keys()),
    sorted(entities.flatMap(({ kind, value }) => value.attached.map((policy) => `${policy}|${kind}|${value.id}`))),
    "attachments",
  );
  const bounded = entities.flatMap(({ kind, value }) =>
    "boundary" in value && value.boundary ? [`${value.boundary}|${kind}|${value.id}`] : [],
  );
  assert.deepEqual(sorted(all("boundaryUse").keys()), sorted(bounded), "boundaries");
  const owned = new Set([...all("policy").values()].map((policy) => policy.arn));
  for (const use of [...all("attachment").keys(), ...all("boundaryUse").keys()]) {
    const policy = use.slice(0, use.indexOf("|"));
    assert.ok(policy.includes(":aws:policy/") || owned.has(policy), `${policy} is used and gone`);
  }
  const groups = new Set([...kinds.group.values()].map((group) => group.id));
  const members = [...kinds.user.values()].flatMap((user) => user.groups.map((group) => `${group}/${user.id}`));
  assert.deepEqual(sorted(all("membership").keys()), sorted(members), "memberships");
  for (const user of kinds.user.values()) for (const group of user.groups) assert.ok(groups.has(group));
  const root = all("root").get("root");
  assert.deepEqual(
    sorted(all("accessKey").keys()),
    sorted([...[...kinds.user.values()].flatMap((user) => user.accessKeys), ...(root?.accessKeys ?? [])]),
    "access keys",
  );
  const roles = new Set([...kinds.role.values()].map((role) => role.id));
  for (const profile of all("instanceProfile").values()) {
    assert.ok(profile.role === undefined || roles.has(profile.role), `${profile.name} has a role that is gone`);
  }
}
