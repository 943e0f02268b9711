/** Entry of the command line; `jikimi` starts it under the right Node. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { roleSpecs } from "./roleEntries.ts";
import { runCli } from "./program.ts";

const script = fileURLToPath(import.meta.url);
const home = dirname(dirname(dirname(script)));
const { version } = JSON.parse(readFileSync(`${home}/package.json`, "utf8")) as { version: string };

// A reader that goes away (`jikimi logs | head`) is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

const exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  script,
  home,
  version,
  roles: roleSpecs(script),
});
// `run` goes on in the background until it is told to stop; every other command is over here.
process.exitCode = exitCode;
