import { isRunning } from "../../roles/processIdentity.ts";
import { drainDeadlineMs } from "../../roles/processRole.ts";
import { CliError } from "../cliError.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

/** Each role may drain to its deadline, and some time to notice. */
const patienceMs = 3 * drainDeadlineMs;
const lookEveryMs = 50;

export const down = defineCommand({
  name: "down",
  about: (cli) => cli.text.aboutDown,
  async run(cli, options) {
    const { run } = runningInstance(cli, options);
    if (!options.json) cli.note(cli.text.downing(run.pid));
    process.kill(run.pid, "SIGTERM");
    const limit = performance.now() + patienceMs;
    while (isRunning(run)) {
      if (performance.now() > limit) {
        throw new CliError(cli.text.downTimeout(run.pid), {
          why: cli.text.downTimeoutWhy,
          fix: cli.text.downTimeoutFix(run.pid),
        });
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
    if (options.json) cli.printJson({ stopped: run.pid });
    else cli.print(cli.text.down(run.pid));
  },
});
