import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Argument, Option } from "commander";
import { CliError, exitCodes, type ExitCode } from "../cliError.ts";
import { defineCommand } from "../program.ts";

export const test = defineCommand<{ suite?: string[] }>({
  name: "test",
  about: (cli) => cli.text.aboutTest,
  arguments: (cli) => [new Argument("[pattern...]", cli.text.argumentPattern)],
  options: (cli) => [
    new Option("--suite <name>", cli.text.optionSuite).argParser((name: string, before: string[] | undefined) => [
      ...(before ?? []),
      name,
    ]),
  ],
  async run(cli, { json, suite = [] }, patterns) {
    const script = join(cli.host.home, "tools", "test.ts");
    if (!existsSync(script)) throw new CliError(cli.text.sourceOnly);
    return await new Promise<ExitCode>((resolve, reject) => {
      const child = spawn(
        process.execPath,
        [script, ...(json ? ["--json"] : []), ...suite.flatMap((name) => ["--suite", name]), "--", ...patterns],
        {
          stdio: "inherit",
          cwd: cli.host.home,
          env: cli.host.env,
        },
      );
      // Ctrl-C reaches the tests by itself; they clean up and end.
      const ignore = (): void => {};
      process.on("SIGINT", ignore);
      child.once("error", reject);
      child.once("exit", (code) => {
        process.off("SIGINT", ignore);
        resolve(code ?? exitCodes.failure);
      });
    });
  },
});
