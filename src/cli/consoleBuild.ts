/**
 * The console is built beside the running API, once: nobody waits for it who does not open it, and its page says so
 * until it is there. `./jikimi` asks for it; tests that start many installations build it before.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Cli } from "./cli.ts";

const program = fileURLToPath(new URL("../../console/build/main.ts", import.meta.url));

/** Gives what ends it early. What it says is shown; that it failed is no reason to stop the API. */
export function buildConsole(cli: Cli): () => void {
  if (cli.host.env["JIKIMI_BUILD_CONSOLE"] !== "1") return () => {};
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "ignore", "pipe"] });
  child.once("error", (error) => cli.warn(`console: ${error.message}`));
  createInterface({ input: child.stderr }).on("line", (line) => cli.note(cli.look("dim", line, cli.host.stderr)));
  return () => child.kill();
}
