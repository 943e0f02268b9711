import { Argument } from "commander";
import { adminPaths, type AdminCoverage } from "../../roles/adminContract.ts";
import { CliError } from "../cliError.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

export const coverage = defineCommand({
  name: "coverage",
  about: (cli) => cli.text.aboutCoverage,
  arguments: (cli) => [new Argument("[service]", cli.text.argumentService)],
  async run(cli, options, [service]) {
    const answer = await runningInstance(cli, options).get<AdminCoverage>(adminPaths.coverage);
    const chosen = service === undefined ? answer.services : answer.services.filter((each) => each.id === service);
    if (chosen.length === 0) {
      throw new CliError(cli.text.unknownService(service ?? ""), { fix: cli.text.unknownServiceFix });
    }
    if (options.json) return cli.printJson({ services: chosen });
    cli.printRows(
      chosen.map((each) => [
        each.id,
        cli.text.coverageLine(each.implemented.length, each.implemented.length + each.missing.length),
      ]),
    );
    if (service === undefined) return;
    for (const name of chosen[0]?.implemented ?? []) cli.print(`  ${cli.look("green", "+")} ${name}`);
    for (const name of chosen[0]?.missing ?? []) cli.print(`  ${cli.look("dim", `- ${name}`)}`);
  },
});
