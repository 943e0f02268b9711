/** The command line of this process: its streams, its environment, its exit code. */
import { readFileSync } from "node:fs";
import { roleSpecs } from "./roleEntries.ts";
import { runCli } from "./program.ts";

/** `script` is the file that was started and that roles are started with, `home` the folder of the program. */
export async function commandLine(script: string, home: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(`${home}/package.json`, "utf8")) as { version: string };
  // A reader that goes away (`jikimi logs | head`) is no error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
  // `run` goes on in the background until it is told to stop; every other command is over here.
  process.exitCode = await runCli(process.argv.slice(2), {
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
}
