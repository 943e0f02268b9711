import { Argument } from "commander";
import { adminPaths, type AdminWhyDenied } from "../../roles/adminContract.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

export const whyDenied = defineCommand({
  name: "why-denied",
  about: (cli) => cli.text.aboutWhyDenied,
  arguments: (cli) => [new Argument("<request-id>", cli.text.argumentRequestId)],
  async run(cli, options, [requestId = ""]) {
    const answer = await runningInstance(cli, options).get<AdminWhyDenied>(adminPaths.whyDenied, { requestId });
    if (options.json) return cli.printJson(answer);
    for (const line of denialLines(answer, cli.locale.startsWith("ko") ? "ko" : "en")) cli.print(line);
  },
});

/** The refusal first, then one line per policy that was considered. */
export function denialLines(denial: AdminWhyDenied, language: "en" | "ko"): string[] {
  return [denial.message, ...denial.explanation[language].map((line) => `  ${line}`)];
}
