/** One line of `jikimi bench`. */
export interface Row {
  name: string;
  /** Ours against the baseline of the same run; 1 is no cost at all, more is better. NaN where there is no baseline here. */
  ratio: number;
  detail: string;
}

export function skipped(name: string, reason: string): Row {
  return { name, ratio: Number.NaN, detail: `skipped: ${reason}` };
}

/** `node test/bench/<name>.ts` prints its rows; for `jikimi bench` as a line of JSON each, NaN as null. */
export function print(rows: readonly Row[]): void {
  if (process.env["JIKIMI_BENCH_JSON"] === "1") {
    for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
    return;
  }
  for (const { name, ratio, detail } of rows) {
    process.stdout.write(`${Number.isNaN(ratio) ? "   -  " : ratio.toFixed(2).padStart(6)}  ${name}: ${detail}\n`);
  }
}
