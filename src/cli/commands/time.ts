import { Argument } from "commander";
import { adminPaths, type AdminTime } from "../../roles/adminContract.ts";
import { CliError, exitCodes } from "../cliError.ts";
import { parseDuration } from "../duration.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

export const time = defineCommand({
  name: "time",
  about: (cli) => cli.text.aboutTime,
  arguments: (cli) => [new Argument("<duration>", cli.text.argumentTime)],
  async run(cli, options, [duration = ""]) {
    const advanceMs = parseDuration(duration);
    if (advanceMs === undefined) {
      throw new CliError(cli.text.badDuration(duration), {
        why: cli.text.badDurationWhy,
        fix: cli.text.badDurationFix,
        exitCode: exitCodes.usage,
      });
    }
    const answer = await runningInstance(cli, options).post<AdminTime>(adminPaths.time, { advanceMs });
    if (options.json) cli.printJson(answer);
    else cli.print(cli.text.timeMoved(new Date(answer.now).toISOString()));
  },
});
