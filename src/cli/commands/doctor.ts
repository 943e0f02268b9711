import { Option } from "commander";
import { checks } from "../checks/index.ts";
import type { CheckResult, CheckState } from "../checks/check.ts";
import { errorText, exitCodes, type ExitCode } from "../cliError.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { defineCommand } from "../program.ts";

/** Without these nothing runs; the others only narrow what can be done. */
const essential = new Set(["node", "permission-model", "port", "data-folder"]);

export const doctor = defineCommand<{ fix?: boolean }>({
  name: "doctor",
  about: (cli) => cli.text.aboutDoctor,
  options: (cli) => [new Option("--fix", cli.text.optionFix)],
  async run(cli, options): Promise<ExitCode> {
    const results: (CheckResult & { id: string; name: string; repaired?: boolean })[] = [];
    for (const check of checks) {
      const name = check.name(cli);
      const first = await examine(cli, options, check.id);
      const repaired = options.fix === true && first.repair !== undefined;
      if (repaired) first.repair?.();
      const result = repaired ? await examine(cli, options, check.id) : first;
      results.push({ id: check.id, name, ...result, ...(repaired ? { repaired } : {}) });
      if (!options.json) show(cli, name, result);
    }
    const repairedNames = results.filter((each) => each.repaired).map((each) => each.name);
    const broken = results.some((each) => each.state === "unavailable" && essential.has(each.id));
    if (options.json) {
      cli.printJson({
        ok: !broken,
        checks: results.map(({ id, name, state, detail, fix, repaired }) => ({
          id,
          name,
          state,
          detail,
          fix,
          repaired,
        })),
      });
    } else if (options.fix) {
      if (repairedNames.length === 0) cli.print(cli.text.nothingToFix);
      for (const name of repairedNames) cli.print(cli.text.doctorFixed(name));
    }
    return broken ? exitCodes.failure : exitCodes.ok;
  },
});

/** A check that fails itself is a finding and not the end of the examination. */
async function examine(cli: Cli, options: GlobalOptions, id: string): Promise<CheckResult> {
  const check = checks.find((each) => each.id === id)!;
  try {
    return await check.run(cli, options);
  } catch (error) {
    return { state: "unavailable", detail: errorText(error) };
  }
}

function show(cli: Cli, name: string, result: CheckResult): void {
  const words: Record<CheckState, string> = {
    ok: cli.look("green", cli.text.doctorOk),
    warning: cli.look("yellow", cli.text.doctorWarning),
    unavailable: cli.look("red", cli.text.doctorUnavailable),
  };
  cli.print(`${words[result.state]}  ${name}: ${result.detail}`);
  if (result.fix) cli.print(`    ${cli.text.fix}: ${result.fix}`);
}
