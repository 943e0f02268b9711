import { Argument } from "commander";
import { completionScript, completionShells, type CompletionShell } from "../completionScript.ts";
import { buildProgram, defineCommand } from "../program.ts";

export const completion = defineCommand({
  name: "completion",
  about: (cli) => cli.text.aboutCompletion,
  arguments: (cli) => [new Argument("<shell>", cli.text.argumentShell).choices(completionShells)],
  async run(cli, options, [shell]) {
    const script = completionScript(shell as CompletionShell, buildProgram(cli));
    if (options.json) cli.printJson({ shell, script });
    else cli.host.stdout.write(script);
  },
});
