const units: Record<string, number> = {
  y: 365 * 86_400_000,
  w: 7 * 86_400_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
};

/** `+90d`, `+1d6h30m` in milliseconds; `undefined` when it is none. Years have 365 days. */
export function parseDuration(text: string): number | undefined {
  if (!/^\+(\d{1,9}[ywdhms])+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([ywdhms])/g)) total += Number(count) * (units[unit!] ?? 0);
  // Beyond this, JavaScript has no dates (ECMA-262 "Time Values and Time Range").
  return total > 0 && total <= 8.64e15 / 2 ? total : undefined;
}
