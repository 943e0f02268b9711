/** Runs a program that is not ours and gives what it said: the witness of what we answer. */
import { spawn } from "node:child_process";
import type { Instance } from "./instance.ts";

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Longest that a witness may take. */
const timeoutMs = 120_000;

export function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
  timeout = timeoutMs,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"], timeout });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    // A program that ends without reading its input is not a fault of the test.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

/** The unmodified AWS CLI against an instance. Gives parsed JSON; rejects with the CLI's own words. */
export async function aws(instance: Instance, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<any> {
  const ran = await run(awsCommand(), [...args, "--output", "json"], instance.env(env));
  if (ran.code !== 0) throw new Error(`aws ${args.join(" ")}: ${ran.stderr.trim() || ran.stdout.trim()}`);
  return ran.stdout.trim() === "" ? undefined : JSON.parse(ran.stdout);
}

/** `JIKIMI_TEST_AWS` names another AWS CLI than the one on the path. */
export function awsCommand(): string {
  return process.env["JIKIMI_TEST_AWS"] ?? "aws";
}

export async function isInstalled(command: string): Promise<boolean> {
  const ran = await run("sh", ["-c", `command -v "$0"`, command], { PATH: process.env["PATH"] });
  return ran.code === 0;
}
