/** Takes a passphrase from a file, from standard input, or from a person who types it unseen. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CliError, exitCodes } from "./cliError.ts";
import type { Cli } from "./cli.ts";

/** One line end at the end does not belong to it: editors and `echo` add one. */
export async function takePassphrase(cli: Cli, file: string | undefined, prompt?: string): Promise<string> {
  const text = file === undefined ? await fromStandardInput(cli, prompt) : fromFile(cli, file);
  const passphrase = text.replace(/\r?\n$/, "");
  if (passphrase === "") {
    throw new CliError(cli.text.noPassphrase, {
      why: cli.text.noPassphraseWhy,
      fix: cli.text.noPassphraseFix,
      exitCode: exitCodes.usage,
    });
  }
  return passphrase;
}

function fromFile(cli: Cli, file: string): string {
  const path = resolve(cli.host.cwd, file);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(cli.text.noPassphraseFile(path), { why: (error as Error).message });
  }
}

/** What stands there, or is typed; nothing is an answer too. */
export async function fromStandardInput(cli: Cli, prompt = cli.text.unsealPrompt): Promise<string> {
  const { stdin } = cli.host;
  if (stdin.isTTY) return await typed(cli, prompt);
  let text = "";
  for await (const chunk of stdin) text += String(chunk);
  return text;
}

/** Raw mode: nothing is echoed. Ctrl-C and Ctrl-D give up. */
export function typed(cli: Cli, prompt: string): Promise<string> {
  const { stdin } = cli.host;
  cli.host.stderr.write(prompt);
  return new Promise((done) => {
    let text = "";
    const finish = (result: string): void => {
      stdin.setRawMode(false);
      stdin.off("data", onData);
      stdin.pause();
      cli.host.stderr.write("\n");
      done(result);
    };
    const onData = (chunk: Buffer): void => {
      for (const character of chunk.toString("utf8")) {
        if (character === "\r" || character === "\n") return finish(text);
        if (character === "\u0003" || character === "\u0004") return finish("");
        text = character === "\u007f" ? text.slice(0, -1) : text + character;
      }
    };
    stdin.setRawMode(true);
    stdin.resume();
    stdin.on("data", onData);
  });
}
