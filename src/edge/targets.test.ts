/** Who gets the next request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TargetDocument, TargetGroupAttributes } from "./config.ts";
import { TargetGroup, type Target } from "./targets.ts";
import { target, targetGroup } from "./testing.ts";

const base: TargetGroupAttributes = {
  deregistrationDelaySeconds: 300,
  slowStartSeconds: 0,
  algorithm: "round_robin",
  minimumHealthyCount: 1,
};

function group(count: number, more: Partial<TargetGroupAttributes> = {}): TargetGroup {
  const made = new TargetGroup(targetGroup([]));
  made.update(
    targetGroup(
      Array.from({ length: count }, (_, index) => target(8000 + index)),
      { attributes: { ...base, ...more } },
    ),
    0,
  );
  return made;
}

const all = (made: TargetGroup): Target[] => [...made.targets.values()];

function shares(made: TargetGroup, rounds: number, draw: () => number = () => 0, now = 0): number[] {
  const counts = new Map(all(made).map(({ port }) => [port, 0]));
  for (let round = 0; round < rounds; round++) {
    const chosen = made.choose(now, draw);
    if (chosen) counts.set(chosen.port, counts.get(chosen.port)! + 1);
  }
  return [...counts.values()];
}

test("round robin: every target in turn", () => {
  const made = group(3);
  for (const each of all(made)) each.to("healthy", 0);
  assert.deepEqual(shares(made, 9), [3, 3, 3]);
});

test("least outstanding requests: whoever has the fewest", () => {
  const made = group(3, { algorithm: "least_outstanding_requests" });
  const [first, second, third] = all(made);
  for (const each of all(made)) each.to("healthy", 0);
  Object.assign(first!, { outstanding: 2 });
  Object.assign(third!, { outstanding: 1 });
  assert.equal(
    made.choose(0, () => 0),
    second,
  );
  second!.outstanding = 1;
  assert.deepEqual(shares(made, 4), [0, 2, 2]);
});

test("weighted random: as drawn", () => {
  const made = group(2, { algorithm: "weighted_random" });
  for (const each of all(made)) each.to("healthy", 0);
  assert.deepEqual(
    shares(made, 5, () => 0.1),
    [5, 0],
  );
  assert.deepEqual(
    shares(made, 5, () => 0.9),
    [0, 5],
  );
});

test("only healthy targets get requests; all of them do when none is healthy, or fewer than the group wants", () => {
  const made = group(4);
  const [first] = all(made);
  assert.deepEqual(shares(made, 8), [2, 2, 2, 2]);
  first!.to("healthy", 0);
  assert.deepEqual(shares(made, 8), [8, 0, 0, 0]);
  made.document = { ...made.document, attributes: { ...base, minimumHealthyCount: 2 } };
  assert.ok(shares(made, 8).every((count) => count > 0));
  made.document = { ...made.document, attributes: { ...base, minimumHealthyPercentage: 50 } };
  assert.ok(shares(made, 8).every((count) => count > 0));
  made.document = { ...made.document, attributes: { ...base, minimumHealthyPercentage: 25 } };
  assert.deepEqual(shares(made, 8), [8, 0, 0, 0]);
});

test("slow start: a new target's share grows to the full one; the first targets of a group start at full", () => {
  const made = group(2, { slowStartSeconds: 100 });
  const [first, second] = all(made);
  first!.to("healthy", 0);
  made.startSlowly(first!, 0);
  assert.equal(first!.slowStartFrom, undefined);
  second!.to("healthy", 0);
  made.startSlowly(second!, 0);
  const early = shares(made, 110, () => 0, 10_000)[1]!;
  const late = shares(made, 110, () => 0, 90_000)[1]!;
  assert.ok(early >= 8 && early <= 12, `${early}`);
  assert.ok(late >= 48 && late <= 56, `${late}`);
  assert.deepEqual(
    shares(made, 100, () => 0, 100_000),
    [50, 50],
  );
});

test("a target that is deregistered gets nothing new and stays until its requests are done, at the latest until the delay is over", () => {
  const made = group(2, { deregistrationDelaySeconds: 10 });
  const documents = all(made).map(({ document }) => document);
  for (const each of all(made)) each.to("healthy", 0);
  const draining: TargetDocument = { ...documents[0]!, deregisteredAt: 1_000 };
  made.update({ ...made.document, targets: [draining, documents[1]!] }, 1_000);
  assert.deepEqual(shares(made, 4), [0, 4]);
  all(made)[0]!.outstanding = 1;
  assert.equal(made.endDraining(5_000), false);
  assert.equal(made.endDraining(11_000), true);
  assert.equal(made.targets.size, 1);
  // Told again by a writer who has not cleaned up yet.
  made.update({ ...made.document, targets: [draining, documents[1]!] }, 12_000);
  assert.equal(made.targets.size, 1);
});

test("a sticky request stays with its target as long as that may get requests", () => {
  const made = group(3);
  const [first, second] = all(made);
  for (const each of all(made)) each.to("healthy", 0);
  for (let round = 0; round < 5; round++)
    assert.equal(
      made.choose(0, () => 0, second!.key),
      second,
    );
  second!.to("unhealthy", 0, "Target.Timeout");
  assert.equal(
    made.choose(0, () => 0, second!.key),
    first,
  );
});

test("an update keeps health and counts of targets that stay", () => {
  const made = group(2);
  const [first] = all(made);
  first!.to("healthy", 5);
  made.update({ ...made.document, targets: made.document.targets.slice(0, 1) }, 10);
  assert.equal(all(made)[0], first);
  assert.equal(first!.state, "healthy");
});
