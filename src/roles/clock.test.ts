import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AdjustableClock, ManualClock } from "#kernel/clock.ts";
import type { FollowedFile } from "#store/sqlite-followed.ts";
import { clockMarks, followMarks } from "./clock.ts";

/** A followed file whose owner is told of by the test. */
function connection() {
  const listeners = new Map<string, { onMarks(marks: unknown): void }>();
  const file = {
    listen: (component: string, listener: { onMarks(marks: unknown): void }) => listeners.set(component, listener),
  } as unknown as FollowedFile;
  return { file, tell: (component: string, marks: unknown) => listeners.get(component)?.onMarks(marks) };
}

describe("a clock that is moved", () => {
  test("moves the clocks of those who follow the owner's file, at once and for as long as they follow", () => {
    const base = new ManualClock();
    const owner = new AdjustableClock(5_000, base);
    const follower = new AdjustableClock(0, base);
    const { file, tell } = connection();
    followMarks(file, follower);
    const end = clockMarks(owner)(tell);
    assert.equal(follower.now(), owner.now(), "who comes late learns where it stands");
    owner.advance(90 * 86_400_000);
    assert.equal(follower.now(), owner.now());
    end();
    owner.advance(1);
    assert.equal(follower.now(), owner.now() - 1);
  });

  test("never moves back what is ahead, and nothing where the clock is the system's", () => {
    const base = new ManualClock();
    const ahead = new AdjustableClock(10_000, base);
    const { file, tell } = connection();
    followMarks(file, ahead);
    clockMarks(new AdjustableClock(1_000, base))(tell);
    assert.equal(ahead.offset, 10_000);
    followMarks(file, base);
    clockMarks(base)(() => assert.fail("a clock that cannot move says nothing"));
  });
});
