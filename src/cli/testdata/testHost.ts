/** The command line with its surroundings in memory. */
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CliHost } from "../cli.ts";
import { runCli } from "../program.ts";

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

export async function say(argv: readonly string[], env: NodeJS.ProcessEnv = {}, input = ""): Promise<Said> {
  const said: Said = { code: -1, stdout: "", stderr: "" };
  const stdin = new PassThrough();
  stdin.end(input);
  const host: CliHost = {
    env: { PATH: process.env["PATH"], ...env },
    cwd: process.cwd(),
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
    stdin: stdin as unknown as NodeJS.ReadStream,
    script: fileURLToPath(new URL("../main.ts", import.meta.url)),
    home: fileURLToPath(new URL("../../..", import.meta.url)),
    version: "1.2.3",
    roles: [],
  };
  said.code = await runCli(argv, host);
  return said;
}
