/** Programs of others that speak to hardware. Secrets go through their standard input and output only. */
import { spawn } from "node:child_process";
import { OutsideFailure } from "./kind.ts";

const timeoutMs = 30_000;

/** Its standard output. @param source the package it comes with @throws OutsideFailure with its last words */
export function tool(name: string, source: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: ["pipe", "pipe", "pipe"], timeout: timeoutMs });
    const output: Buffer[] = [];
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-500)));
    child.on("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      reject(new OutsideFailure(missing ? `${name} is not installed: it is of ${source}` : error.message));
    });
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(output));
      else reject(new OutsideFailure(`${name} failed: ${lastWords(errors) ?? `exit code ${code}`}`));
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input === undefined ? undefined : Buffer.from(input));
  });
}

/** The line that says why; pkcs11-tool ends with one that does not. */
function lastWords(errors: string): string | undefined {
  return errors
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "Aborting.")
    .at(-1);
}
