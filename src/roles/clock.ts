/** The clock of an installation. `jikimi time +90d` moves it; the offset is kept, so that a restart does not go back. */
import { readFile } from "node:fs/promises";
import { AdjustableClock, systemClock, type Clock } from "#kernel/clock.ts";
import { writeDurably } from "#keys/files.ts";
import type { FollowedFile, MarksSource } from "#store/sqlite-followed.ts";
import { dataPaths, type RoleConfig } from "./role.ts";

export async function openClock(config: RoleConfig): Promise<Clock> {
  if (!config.adjustableClock) return systemClock;
  return new AdjustableClock(await readOffset(dataPaths.clockOffset(config.dataDir)));
}

/** Moves the clock and remembers it. Milliseconds. */
export async function advanceClock(config: RoleConfig, clock: Clock, milliseconds: number): Promise<void> {
  if (!(clock instanceof AdjustableClock)) {
    throw new RangeError("the clock is not adjustable: start with --adjustable-clock");
  }
  clock.advance(milliseconds);
  await writeDurably(dataPaths.clockOffset(config.dataDir), String(clock.offset));
}

/** How soon a moved clock is noticed. */
const pollMs = 250;

/** Follows the offset that the first api process has set. */
export function followClock(config: RoleConfig, clock: Clock): { close(): Promise<void> } {
  if (!(clock instanceof AdjustableClock)) return { close: async () => {} };
  const timer = setInterval(async () => {
    const offset = await readOffset(dataPaths.clockOffset(config.dataDir));
    clock.follow(offset);
  }, pollMs);
  return { close: async () => clearInterval(timer) };
}

/** Name under which the followers of the store's file hear of the clock. */
const component = "clock";

/** Tells those who follow the store's file at once: what they read must not be of a time that is over for others. */
export function clockMarks(clock: Clock): MarksSource {
  return (tell) => {
    if (!(clock instanceof AdjustableClock)) return () => {};
    tell(component, clock.offset);
    return clock.onMove((offset) => tell(component, offset));
  };
}

/** The other side of `clockMarks`. */
export function followMarks(file: FollowedFile, clock: Clock): void {
  if (!(clock instanceof AdjustableClock)) return;
  file.listen(component, { onMarks: (offset) => clock.follow(Number(offset)), onLost() {} });
}

async function readOffset(path: string): Promise<number> {
  const text = await readFile(path, "utf8").catch(() => "0");
  const offset = Number(text.trim());
  return Number.isFinite(offset) && offset >= 0 ? offset : 0;
}
