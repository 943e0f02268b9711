/** What commander says of a command line that it cannot read, in the chosen language. */
import type { CommanderError } from "commander";
import { CliError, exitCodes } from "./cliError.ts";
import type { Messages } from "./messages/en.ts";

/** Commander gives a code and an English sentence, which quotes the words that are wrong. */
export function usageError(text: Messages, error: CommanderError): CliError {
  const similar = /Did you mean (?:one of )?([^?]*)\?/.exec(error.message)?.[1];
  const fix = similar === undefined ? text.usageFix : text.didYouMean(similar);
  return new CliError(what(text, error), { fix, exitCode: exitCodes.usage });
}

function what(text: Messages, error: CommanderError): string {
  const sentence = error.message.replace(/^error: /, "");
  const quoted = /'([^']*)'/.exec(sentence)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownOption":
      return text.unknownOption(quoted);
    case "commander.excessArguments": {
      // Of the program itself, which takes none: the first is what was meant as a command.
      const [, command, words = ""] = /^too many arguments(?: for '([^']*)')?.* got \d+: (.*)\.$/s.exec(sentence) ?? [];
      return command === undefined ? text.unknownCommand(words.split(", ")[0]!) : text.tooManyArguments(words);
    }
    case "commander.missingArgument":
      return text.missingArgument(quoted);
    case "commander.optionMissingArgument":
      return text.optionNeedsValue(quoted);
    case "commander.missingMandatoryOptionValue":
      return text.optionNeeded(quoted);
    case "commander.invalidArgument": {
      const [, value, choices] = /'([^']*)' is invalid.*Allowed choices are (.*)\.$/s.exec(sentence) ?? [];
      return value === undefined || choices === undefined ? sentence : text.badChoice(value, choices);
    }
    default:
      return sentence;
  }
}
