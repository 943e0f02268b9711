/** Runs one test file in a process of its own, in a process group that is gone afterwards. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { emptyTally, type Tally } from "./tally.ts";
import { endMark, type ReportedTest } from "./testEvents.ts";

export interface FileResult {
  file: string;
  tally: Tally;
  /** What a person needs to see of a failure: each failed test, then what the file printed. */
  failures: string[];
  seconds: number;
}

const reporter = fileURLToPath(new URL("testEvents.ts", import.meta.url));
/** Of what a failing file printed, this much is shown from its end. */
const shownOutput = 20_000;
const running = new Set<number>();

/** Ends every test that still runs; for Ctrl-C. */
export function killRunningTests(): void {
  for (const group of running) killGroup(group);
}

export async function runTestFile(file: string, timeoutMs: number, env: NodeJS.ProcessEnv): Promise<FileResult> {
  const since = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "jikimi-report-"));
  const report = join(folder, "events.ndjson");
  try {
    const child = spawn(
      process.execPath,
      [`--test-reporter=${reporter}`, `--test-reporter-destination=${report}`, file],
      { stdio: ["ignore", "pipe", "pipe"], env, detached: true },
    );
    if (child.pid !== undefined) running.add(child.pid);
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-shownOutput);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, timeoutMs);
    const ended = await new Promise<string | number>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? code ?? "unknown"));
    });
    clearTimeout(timer);
    // Whatever the tests started and left running.
    killGroup(child.pid);
    if (child.pid !== undefined) running.delete(child.pid);
    return judge(file, readReports(report), timedOut ? `no end within ${timeoutMs / 1000} s` : ended, output, since);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** INVARIANT: a file that did not end with 0 never counts as all passed, whatever it reported before. */
function judge(
  file: string,
  { reports, whole }: { reports: readonly ReportedTest[]; whole: boolean },
  ended: string | number,
  output: string,
  since: number,
): FileResult {
  const tally = emptyTally();
  const failures: string[] = [];
  for (const each of reports) {
    if (each.outcome === "failed" && each.becauseOfInner) continue;
    tally[each.outcome]++;
    if (each.outcome === "failed") failures.push(`${file}:${each.line ?? 0} ${each.name}\n${each.error ?? ""}`);
  }
  if (ended !== 0 && tally.failed === 0) {
    tally.failed++;
    failures.push(`${file}: the file ended with ${typeof ended === "number" ? `exit code ${ended}` : ended}`);
  }
  if (ended === 0 && !whole && tally.failed === 0) {
    tally.failed++;
    failures.push(`${file}: there is no test in it, or a test ended the process`);
  }
  if (tally.failed > 0 && output.trim() !== "") failures.push(`output of ${file}:\n${output.trim()}`);
  return { file, tally, failures, seconds: (performance.now() - since) / 1000 };
}

function readReports(path: string): { reports: ReportedTest[]; whole: boolean } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return { reports: [], whole: false };
  }
  const lines = text.split("\n").filter((line) => line !== "");
  const whole = lines.at(-1) === endMark;
  const reports = lines.flatMap((line) => {
    try {
      return line === endMark ? [] : [JSON.parse(line) as ReportedTest];
    } catch {
      // The process ended in the middle of a line.
      return [];
    }
  });
  return { reports, whole };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}
