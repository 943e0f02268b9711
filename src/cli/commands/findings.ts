import { Option } from "commander";
import { adminPaths, type AdminFindings } from "../../roles/adminContract.ts";
import { exitCodes, type ExitCode } from "../cliError.ts";
import { bandOf, bands, fails, sarif, type Band, type Finding } from "../findingReport.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

interface Options {
  failOn?: Band;
  format: "table" | "json" | "sarif" | "asff";
  archived?: boolean;
}

export const findings = defineCommand<Options>({
  name: "findings",
  about: (cli) => cli.text.aboutFindings,
  options: (cli) => [
    new Option("--fail-on <severity>", cli.text.optionFailOn).choices(Object.keys(bands)),
    new Option("--format <format>", cli.text.optionFormat).choices(["table", "json", "sarif", "asff"]).default("table"),
    new Option("--archived", cli.text.optionArchived),
  ],
  async run(cli, options): Promise<ExitCode> {
    const instance = runningInstance(cli, options);
    const query = options.archived ? { archived: "true" } : {};
    const found = (await instance.get<AdminFindings>(adminPaths.findings, query)).findings as unknown as Finding[];
    const format = options.json ? "json" : options.format;
    if (format === "json") cli.printJson({ findings: found });
    else if (format === "sarif") cli.printJson(sarif(found));
    else if (format === "asff") {
      const asked = await instance.get<AdminFindings>(adminPaths.findings, { ...query, format: "asff" });
      cli.printJson({ Findings: asked.findings });
    } else if (found.length === 0) cli.print(cli.text.noFindings);
    else {
      cli.printRows(
        found.map(({ severity, type, accountId, region, service, title }) => [
          bandOf(severity),
          `${type}  ${accountId}  ${region}  ×${service.count}  ${title}`,
        ]),
      );
    }
    return fails(found, options.failOn) ? exitCodes.findings : exitCodes.ok;
  },
});
