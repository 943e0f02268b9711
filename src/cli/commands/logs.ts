import { Argument, Option } from "commander";
import { CliError, exitCodes } from "../cliError.ts";
import { lastLines, logFiles, LogTail, roleOf, type LogLine } from "../logFiles.ts";
import { logJson, logText } from "../logText.ts";
import { defineCommand } from "../program.ts";

const followEveryMs = 200;

export const logs = defineCommand<{ follow?: boolean; lines: string }>({
  name: "logs",
  about: (cli) => cli.text.aboutLogs,
  arguments: (cli) => [new Argument("[role]", cli.text.argumentRole)],
  options: (cli) => [
    new Option("-f, --follow", cli.text.optionFollow),
    new Option("-n, --lines <count>", cli.text.optionLines).default("100"),
  ],
  async run(cli, options, [role]) {
    const dataDir = cli.dataDir(options);
    if (!/^\d{1,7}$/.test(options.lines)) {
      throw new CliError(cli.text.badChoice(options.lines, "0 … 9999999"), { exitCode: exitCodes.usage });
    }
    const files = logFiles(dataDir, role);
    if (files.length === 0) {
      const others = logFiles(dataDir).map(roleOf);
      if (role !== undefined && others.length > 0) {
        throw new CliError(cli.text.badChoice(role, others.join(", ")), { exitCode: exitCodes.usage });
      }
      throw new CliError(cli.text.noLogs(dataDir), {
        why: cli.text.noLogsWhy,
        fix: cli.text.notRunningFix,
        exitCode: exitCodes.notRunning,
      });
    }
    const show = (line: LogLine): void => cli.print(options.json ? logJson(line) : logText(cli, line));
    const tails = new Map(options.follow ? files.map((file) => [file, new LogTail(file)]) : []);
    for (const line of lastLines(files, Number(options.lines))) show(line);
    if (!options.follow) return;
    let stopped = false;
    process.once("SIGINT", () => (stopped = true));
    while (!stopped) {
      // A role that starts later has a new file.
      for (const file of logFiles(dataDir, role)) if (!tails.has(file)) tails.set(file, new LogTail(file, true));
      for (const tail of tails.values()) for (const line of tail.read()) show(line);
      await new Promise((resolve) => setTimeout(resolve, followEveryMs));
    }
    for (const tail of tails.values()) tail.close();
  },
});
