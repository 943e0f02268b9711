import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { Argument } from "commander";
import { CliError } from "../cliError.ts";
import { defineCommand } from "../program.ts";

/** Each file measures and prints its ratios against a baseline of the same run. A slow result is no failure. */
export const bench = defineCommand({
  name: "bench",
  about: (cli) => cli.text.aboutBench,
  arguments: (cli) => [new Argument("[pattern...]", cli.text.argumentPattern)],
  async run(cli, options, patterns) {
    const all = globSync("test/bench/*.ts", { cwd: cli.host.home }).toSorted();
    const files = all.filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
    if (files.length === 0) throw new CliError(cli.text.noBench, { why: cli.text.noBenchWhy });
    for (const file of files) {
      cli.note(cli.look("bold", file, cli.host.stderr));
      const env = { ...cli.host.env, ...(options.json ? { JIKIMI_BENCH_JSON: "1" } : {}) };
      const { status, signal } = spawnSync(process.execPath, [file], { cwd: cli.host.home, stdio: "inherit", env });
      if (status !== 0) cli.warn(`${file}: ${signal ?? `exit code ${status}`}`);
    }
  },
});
