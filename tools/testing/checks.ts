/** The checks that need no running product. Each counts as one test. */
import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface StaticCheck {
  name: string;
  /** Commands of which all must end with 0; the first word is a program of node_modules/.bin, or "node". */
  commands(home: string): readonly (readonly string[])[];
}

export interface CheckOutcome {
  outcome: "passed" | "failed" | "skipped";
  output: string;
  seconds: number;
}

export const staticChecks: readonly StaticCheck[] = [
  {
    name: "generated files are fresh",
    commands: (home) =>
      globSync("tools/generate-*.ts", { cwd: home })
        .toSorted()
        .filter((file) => readFileSync(join(home, file), "utf8").includes("--check"))
        .map((file) => ["node", file, "--check"]),
  },
  { name: "types", commands: () => [["tsc", "-p", ".", "--incremental", "false"]] },
  {
    name: "console: builds, types",
    commands: () => [
      ["node", "console/build/main.ts"],
      ["tsc", "-p", "console"],
    ],
  },
  { name: "lint", commands: () => [["oxlint", "--type-aware", "--quiet"]] },
  { name: "format", commands: () => [["oxfmt", "--check", "."]] },
  { name: "architecture", commands: () => [["node", "tools/architecture.ts"]] },
  { name: "unused code and dependencies", commands: () => [["knip", "--no-progress"]] },
];

const timeoutMs = 300_000;

export async function runCheck(check: StaticCheck, home: string, env: NodeJS.ProcessEnv): Promise<CheckOutcome> {
  const since = performance.now();
  let output = "";
  let outcome: CheckOutcome["outcome"] = "passed";
  const commands = check.commands(home);
  for (const [program = "", ...args] of commands) {
    const path = program === "node" ? process.execPath : join(home, "node_modules", ".bin", program);
    const result = await runCommand(path, args, home, env);
    if (result.code !== 0) {
      outcome = "failed";
      output += `${[program, ...args].join(" ")}\n${result.output}`;
    } else if (program === "node" && /\bskipped\b/i.test(result.output) && outcome === "passed") {
      outcome = "skipped";
      output += result.output;
    }
  }
  if (commands.length === 0) outcome = "skipped";
  return { outcome, output, seconds: (performance.now() - since) / 1000 };
}

function runCommand(
  path: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(path, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    child.once("error", (error) => resolve({ code: 1, output: error.message }));
    child.once("close", (code, signal) =>
      resolve({ code: code ?? 1, output: signal ? `${output}\n${signal}` : output }),
    );
  });
}
