import assert from "node:assert/strict";
import { test } from "node:test";
import type { Shape } from "../state.ts";
import { Pace } from "./pace.ts";

const mib = 2 ** 20;
const shape = (given: Partial<Shape>): Shape => ({ size: 100, kind: "gp3", multiAttach: false, ...given });

/** Seconds that `count` operations of `bytes` take, one after the other, over a clock that stands still meanwhile. */
function seconds(given: Partial<Shape>, bytes: number, count: number): number {
  const pace = new Pace(shape(given), () => 0);
  let last = 0;
  for (let n = 0; n < count; n++) last = pace.draw(bytes);
  return last;
}

const about = (seen: number, wanted: number): void =>
  assert.ok(Math.abs(seen - wanted) < wanted / 100, `${seen}, not ${wanted}`);

const rows: [string, Partial<Shape>, number, number, number][] = [
  // A second's worth is there at the start, so n seconds of work wait n-1.
  ["gp3: its IOPS", { iops: 3000, throughput: 125 }, 4096, 9000, 2],
  ["gp3: more IOPS", { iops: 6000, throughput: 250 }, 4096, 18_000, 2],
  ["gp3: its throughput", { iops: 3000, throughput: 125 }, mib, 375, 2],
  ["io1: IOPS", { kind: "io1", iops: 100 }, 4096, 300, 2],
  ["io2: a large operation counts as several", { kind: "io2", iops: 100 }, mib, 75, 2],
  ["gp2: bursts of 3,000", { kind: "gp2", size: 10 }, 4096, 9000, 2],
  ["gp2: 3 for each GiB above that", { kind: "gp2", size: 2000 }, 4096, 18_000, 2],
  ["st1: bursts of 250 MiB/s for each TiB", { kind: "st1", size: 1024 }, mib, 750, 2],
  ["sc1: bursts of 80 MiB/s for each TiB", { kind: "sc1", size: 1024 }, mib, 240, 2],
  ["standard", { kind: "standard" }, 4096, 600, 2],
];

for (const [what, given, bytes, count, wanted] of rows) {
  test(`A volume is as fast as it is said to be: ${what}.`, () => about(seconds(given, bytes, count), wanted));
}

test("What st1 has saved is used up, and then it has its own rate.", () => {
  // 1 TiB: as many bytes of credit, then 40 MiB a second.
  about(seconds({ kind: "st1", size: 1024 }, 512 * mib, 2048 + 782), (782 * 512) / 40);
});

test("Time without use is saved, and no more than the bucket holds.", () => {
  let now = 0;
  const pace = new Pace(shape({ kind: "io1", iops: 100 }), () => now);
  for (let n = 0; n < 100; n++) assert.ok(pace.draw(4096) < 1e-9);
  about(pace.draw(4096), 0.01);
  now = 1000;
  for (let n = 0; n < 100; n++) assert.ok(pace.draw(4096) < 1e-9);
  assert.ok(pace.draw(4096) > 0);
});

test("A volume that is modified goes on at its new speed.", () => {
  const pace = new Pace(shape({ kind: "io1", iops: 100 }), () => 0);
  for (let n = 0; n < 300; n++) pace.draw(4096);
  pace.follow(shape({ kind: "io1", iops: 1000 }));
  for (let n = 0; n < 1000; n++) assert.ok(pace.draw(4096) < 1e-9);
});
