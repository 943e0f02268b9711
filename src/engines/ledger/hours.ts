/** Months of the bill, and started hours in them. Times are epoch milliseconds, months are UTC's. */
export const hourMs = 3_600_000;

/** `2026-11` → its first moment and the next month's; `undefined` for anything else. */
export function monthRange(month: string): { from: number; to: number } | undefined {
  const read = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month);
  if (!read) return undefined;
  const [year, index] = [Number(read[1]), Number(read[2]) - 1];
  return { from: Date.UTC(year, index), to: Date.UTC(year, index + 1) };
}

export function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** Clock hours that [start, end) touches within [from, to). */
export function startedHours(start: number, end: number, { from, to }: { from: number; to: number }): number {
  const [first, last] = [Math.max(start, from), Math.min(end, to)];
  return last <= first ? 0 : Math.ceil(last / hourMs) - Math.floor(first / hourMs);
}

export interface KeyLife {
  createdAt: number;
  /** When material was replaced, oldest first. */
  rotations: readonly number[];
  /** When it was scheduled for deletion. */
  endedAt?: number;
}

/** "The first and second rotation of the key adds $1/month (prorated hourly) in cost … capped at the second rotation." */
const billedRotations = 2;

/** Hours of a key and of its billed rotations. */
export function keyHours(life: KeyLife, range: { from: number; to: number }): number {
  const starts = [life.createdAt, ...life.rotations.slice(0, billedRotations)];
  const end = life.endedAt ?? Infinity;
  return starts.reduce((sum, start) => sum + startedHours(Math.max(start, life.createdAt), end, range), 0);
}

/** What a key costs a month from now on, in keys. */
export function billedUnits(life: KeyLife): number {
  return life.endedAt === undefined ? 1 + Math.min(billedRotations, life.rotations.length) : 0;
}
