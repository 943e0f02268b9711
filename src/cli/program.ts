/** The command line as a whole: options, texts in the chosen language, errors and exit codes. */
import { Command, CommanderError, Option, type Argument } from "commander";
import { CliError, errorText, exitCodes, type ExitCode } from "./cliError.ts";
import { Cli, type CliHost, type GlobalOptions } from "./cli.ts";
import { chooseLanguage, messagesIn } from "./messages/index.ts";
import { commands } from "./commands/index.ts";
import { usageError } from "./usageErrors.ts";

/** One command: one row in `commands/index.ts`, one file beside it. */
export interface CommandDefinition {
  name: string;
  about(cli: Cli): string;
  arguments?(cli: Cli): readonly Argument[];
  options?(cli: Cli): readonly Option[];
  /** Everything after the command's name is handed on as it is. */
  passThrough?: boolean;
  /** Not shown in the help. */
  hidden?: boolean;
  run(cli: Cli, options: never, args: readonly string[]): Promise<ExitCode | void>;
}

/** Ties the type of a command's options to its `run`. */
export function defineCommand<Options extends object = object>(
  definition: Omit<CommandDefinition, "run"> & {
    run(cli: Cli, options: GlobalOptions & Options, args: readonly string[]): Promise<ExitCode | void>;
  },
): CommandDefinition {
  return definition as CommandDefinition;
}

/** Runs one command line, without the program's name. Never throws. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<ExitCode> {
  const language = chooseLanguage(askedLanguage(argv), host.env);
  const cli = new Cli(host, messagesIn(language), language === "ko" ? "ko-KR" : "en-US");
  let exitCode: ExitCode = exitCodes.ok;
  const program = buildProgram(cli, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    return report(cli, error, wantsJson(argv));
  }
}

export function buildProgram(cli: Cli, onExit: (code: ExitCode) => void = () => {}): Command {
  const { text, host } = cli;
  const program = new Command("jikimi");
  program.description(text.tagline);
  program.enablePositionalOptions();
  program.version(host.version, "-V, --version", text.aboutVersion);
  program.helpCommand(false);
  program.action(() => program.outputHelp());
  program.allowExcessArguments(false);
  prepare(program, cli);
  for (const definition of commands) {
    const command = new Command(definition.name);
    command.description(definition.about(cli));
    prepare(command, cli);
    for (const argument of definition.arguments?.(cli) ?? []) command.addArgument(argument);
    for (const option of definition.options?.(cli) ?? []) command.addOption(option);
    if (definition.passThrough) command.allowUnknownOption().passThroughOptions().helpOption(false);
    command.action(async () => {
      const options = { ...program.opts<GlobalOptions>(), ...command.opts<GlobalOptions>() } as never;
      const code = await definition.run(cli, options, command.args);
      onExit(code ?? exitCodes.ok);
    });
    program.addCommand(command, { hidden: definition.hidden ?? false });
  }
  return program;
}

/** Options and behaviour that every command has; a global option is understood before and after the command. */
function prepare(command: Command, cli: Cli): void {
  const { text, host } = cli;
  command.addOption(new Option("--data <dir>", text.optionData));
  command.addOption(new Option("--json", text.optionJson));
  command.addOption(new Option("--lang <lang>", text.optionLang).choices(["en", "ko"]));
  command.helpOption("-h, --help", text.helpOption);
  command.exitOverride();
  const titles: Record<string, string> = {
    "Usage:": text.titleUsage,
    "Options:": text.titleOptions,
    "Commands:": text.titleCommands,
    "Arguments:": text.titleArguments,
  };
  command.configureHelp({ styleTitle: (title) => cli.look("bold", titles[title] ?? title) });
  command.configureOutput({
    writeOut: (line) => void host.stdout.write(line),
    // Errors are written once, by `report`.
    writeErr: () => {},
  });
}

function report(cli: Cli, error: unknown, json: boolean): ExitCode {
  if (error instanceof CommanderError) {
    // Help and version are asked for, and end here too.
    if (error.exitCode === 0) return exitCodes.ok;
    return report(cli, usageError(cli.text, error), json);
  }
  const told =
    error instanceof CliError
      ? error
      : new CliError(cli.text.unexpected, { why: errorText(error), fix: cli.text.unexpectedFix, cause: error });
  const { message: what, why, fix } = told;
  if (json) {
    cli.note(JSON.stringify({ error: { what, why, fix, exitCode: told.exitCode } }));
    return told.exitCode;
  }
  cli.note(`${cli.look("red", "jikimi", cli.host.stderr)}: ${what}`);
  if (why) cli.note(`  ${cli.text.why}: ${why.replaceAll("\n", "\n       ")}`);
  if (fix) cli.note(`  ${cli.text.fix}: ${fix}`);
  if (told.cause instanceof Error && cli.host.env["JIKIMI_DEBUG"]) cli.note(String(told.cause.stack));
  return told.exitCode;
}

/** Needed before anything is parsed, because the descriptions are in that language. */
function askedLanguage(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === "--lang" || word.startsWith("--lang="));
  if (at < 0) return undefined;
  return argv[at]?.includes("=") ? argv[at].slice("--lang=".length) : argv[at + 1];
}

function wantsJson(argv: readonly string[]): boolean {
  return argv[0] !== "aws" && argv.includes("--json");
}
