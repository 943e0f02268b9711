/**
 * `./jikimi test [pattern…] [--suite name]…`: the checks, then the suites. With a pattern or a suite only those test
 * files run. The last line is `N passed, N failed, N skipped`; the exit code is 1 when anything failed. With `--json`
 * each check and each file is an object in a line of its own, and so is the last line.
 */
import { chmodSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runCheck, staticChecks } from "./testing/checks.ts";
import { bringConsole } from "./testing/console.ts";
import { killRunningTests, runTestFile, type FileResult } from "./testing/runTestFile.ts";
import { suites, type Suite } from "./testing/suites.ts";
import { bringPython, bringWitnesses } from "./testing/systemPackages.ts";
import { add, emptyTally, type Tally } from "./testing/tally.ts";

const home = dirname(dirname(fileURLToPath(import.meta.url)));

const json = process.argv.includes("--json");
const print = (text: string): void => void process.stdout.write(`${text}\n`);
/** For people; beside JSON it is progress. */
const say = json ? (text: string): void => void process.stderr.write(`${text}\n`) : print;
const sayJson = (value: object): void => {
  if (json) print(JSON.stringify(value));
};

async function main(): Promise<number> {
  const wanted = readArguments(process.argv.slice(2));
  if (!wanted) return 2;
  const total = emptyTally();
  const scratch = mkdtempSync(join(tmpdir(), "jikimi-test-"));
  // Database servers run under accounts of their own and need a place here too.
  chmodSync(scratch, 0o1777);
  process.on("SIGINT", () => {
    killRunningTests();
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    const env = { ...process.env };
    bringWitnesses(env, say);
    env["PATH"] = `${dirname(process.execPath)}:${bringPython(env, say)}`;
    bringConsole(home, env, say);
    if (wanted.everything) await runChecks(env, total);
    env["TMPDIR"] = scratch;
    // The tests' own colour and language are those of the machine of whoever reads the output otherwise.
    Object.assign(env, { NO_COLOR: "1", LANG: "C.UTF-8", LC_ALL: "C.UTF-8" });
    for (const suite of suites) {
      if (wanted.suites.length > 0 && !wanted.suites.includes(suite.name)) continue;
      await runSuite(suite, wanted.patterns, env, total);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (total.passed + total.failed + total.skipped === 0) {
    say("no test file matches");
    total.failed++;
  }
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  sayJson(total);
  return total.failed > 0 ? 1 : 0;
}

function readArguments(args: string[]): { patterns: string[]; suites: string[]; everything: boolean } | undefined {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { suite: { type: "string", multiple: true }, json: { type: "boolean" } },
    });
    const chosen = values.suite ?? [];
    const unknown = chosen.find((name) => !suites.some((suite) => suite.name === name));
    if (unknown !== undefined)
      throw new Error(`no suite ${unknown}; there are ${suites.map((each) => each.name).join(", ")}`);
    return { patterns: positionals, suites: chosen, everything: positionals.length === 0 && chosen.length === 0 };
  } catch (error) {
    process.stderr.write(`jikimi test: ${(error as Error).message}\n`);
    return undefined;
  }
}

async function runChecks(env: NodeJS.ProcessEnv, total: Tally): Promise<void> {
  await inParallel(staticChecks, 2, async (check) => {
    const { outcome, output, seconds } = await runCheck(check, home, env);
    total[outcome]++;
    sayJson({ check: check.name, outcome, seconds, output });
    say(
      `${outcome === "passed" ? "ok  " : outcome === "failed" ? "FAIL" : "skip"} ${check.name} (${seconds.toFixed(1)} s)`,
    );
    if (outcome !== "passed" && output.trim() !== "") say(indent(output.trim()));
  });
}

async function runSuite(
  suite: Suite,
  patterns: readonly string[],
  env: NodeJS.ProcessEnv,
  total: Tally,
): Promise<void> {
  const files = globSync([...suite.files], { cwd: home })
    .toSorted()
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
  await inParallel(files, suite.concurrency, async (file) => {
    const result = await runTestFile(join(home, file), suite.timeoutMs, env);
    add(total, result.tally);
    sayJson({ file, ...result.tally, seconds: result.seconds, failures: result.failures });
    say(fileLine(file, result));
    for (const failure of result.failures) say(indent(failure.replaceAll(`${home}/`, "")));
  });
}

function fileLine(file: string, { tally, seconds }: FileResult): string {
  const counts = [`${tally.passed} passed`];
  if (tally.failed > 0) counts.push(`${tally.failed} failed`);
  if (tally.skipped > 0) counts.push(`${tally.skipped} skipped`);
  return `${tally.failed > 0 ? "FAIL" : "ok  "} ${file}: ${counts.join(", ")} (${seconds.toFixed(1)} s)`;
}

async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

process.exitCode = await main();
