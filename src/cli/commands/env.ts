import { Option } from "commander";
import { awsEnvironment, awsVariables } from "../awsEnvironment.ts";
import { profileFiles, writeProfile } from "../awsProfile.ts";
import { CliError, exitCodes } from "../cliError.ts";
import { defineCommand } from "../program.ts";
import { guessShell, shells, shellWords, type Shell } from "../shellLines.ts";

const defaultProfile = "jikimi";

export const env = defineCommand<{ shell?: Shell; profile?: string | true }>({
  name: "env",
  about: (cli) => cli.text.aboutEnv,
  options: (cli) => [
    new Option("--shell <shell>", cli.text.optionShell).choices(shells),
    new Option("--profile [name]", cli.text.optionProfile),
  ],
  async run(cli, options) {
    const { text } = cli;
    const profile = options.profile === true ? defaultProfile : options.profile;
    if (profile !== undefined && !/^[A-Za-z0-9_.-]+$/.test(profile)) {
      throw new CliError(text.badChoice(profile, "[A-Za-z0-9_.-]+"), {
        fix: text.profileDefaultFix,
        exitCode: exitCodes.usage,
      });
    }
    if (profile?.toLowerCase() === "default") {
      throw new CliError(text.profileDefault, {
        why: text.profileDefaultWhy,
        fix: text.profileDefaultFix,
        exitCode: exitCodes.usage,
      });
    }
    const facts = await awsEnvironment(cli, options);
    if (facts.s3ControlEndpoint === undefined) cli.warn(text.wildcardMissing);
    if (profile !== undefined) {
      const files = profileFiles(cli.host.env);
      const changed = writeProfile(files, profile, facts);
      if (options.json) cli.printJson({ profile, ...files, changed });
      else {
        cli.print(changed ? text.profileWritten(profile, files.config) : text.profileUnchanged(profile));
        cli.note(text.profileUse(profile));
      }
      return;
    }
    const { set, unset } = awsVariables(facts);
    if (options.json) return cli.printJson(set);
    const words = shellWords[options.shell ?? guessShell(cli.host.env)];
    for (const name of unset) cli.print(words.unset(name));
    for (const [name, value] of Object.entries(set)) cli.print(words.set(name, value));
    // Somebody looking at the lines is told what they are for; the comment is the same in all three shells.
    if (cli.host.stdout.isTTY) cli.print(`# ${text.envHint(words.evaluate("jikimi env"))}`);
  },
});
