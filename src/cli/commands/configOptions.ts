import { Option } from "commander";
import type { Cli } from "../cli.ts";

/** Options of `up` and `run`. */
export function configOptions(cli: Cli): Option[] {
  const { text } = cli;
  return [
    new Option("--port <port>", text.optionPort),
    new Option("--host <address>", text.optionHost),
    new Option("--region <region>", text.optionRegion),
    new Option("--store <url>", text.optionStore),
    new Option("--stream <url>", text.optionStream),
    new Option("--blob <url>", text.optionBlob),
    new Option("--account <id>", text.optionAccount),
    new Option("--api-processes <n>", text.optionApiProcesses),
    new Option("--seal <seal>", text.optionSeal),
    new Option("--passphrase-file <file>", text.optionPassphraseFile),
    new Option("--adjustable-clock", text.optionAdjustableClock),
  ];
}
