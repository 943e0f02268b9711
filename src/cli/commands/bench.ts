import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { createInterface } from "node:readline";
import { Argument } from "commander";
import { CliError } from "../cliError.ts";
import { defineCommand } from "../program.ts";

/** One line of the table; see test/bench/parts/row.ts. */
interface Row {
  name: string;
  ratio: number | null;
  detail: string;
}

/** The widest name of a row. */
const nameWidth = 72;

/**
 * Each file of test/bench measures against baselines of the same run, in a process of its own, and gives ratios;
 * all stand in one table. A slow result is no failure.
 */
export const bench = defineCommand({
  name: "bench",
  about: (cli) => cli.text.aboutBench,
  arguments: (cli) => [new Argument("[pattern...]", cli.text.argumentPattern)],
  async run(cli, options, patterns) {
    const all = globSync("test/bench/*.ts", { cwd: cli.host.home }).toSorted();
    const files = all.filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
    if (files.length === 0) throw new CliError(cli.text.noBench, { why: cli.text.noBenchWhy });
    for (const file of files) {
      cli.note(cli.look("dim", file, cli.host.stderr));
      const child = spawn(process.execPath, [file], {
        cwd: cli.host.home,
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...cli.host.env, JIKIMI_BENCH_JSON: "1" },
      });
      const ended = new Promise<string | number | null>((resolve) => {
        child.once("close", (code, signal) => resolve(signal ?? code));
      });
      for await (const line of createInterface({ input: child.stdout })) {
        const row = JSON.parse(line) as Row;
        if (options.json) cli.printJson(row);
        else cli.print(tableLine(row));
      }
      const how = await ended;
      if (how !== 0) cli.warn(`${file}: ${typeof how === "string" ? how : `exit code ${how}`}`);
    }
  },
});

function tableLine({ name, ratio, detail }: Row): string {
  const figure = ratio === null ? "-" : ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0);
  return `${figure.padStart(7)}  ${name.padEnd(nameWidth)}  ${detail}`;
}
