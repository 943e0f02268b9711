/** Passwords of an HSM's officers and users: from files, typed unseen, or one a line from standard input, in the order they are asked for. */
import { CliError, exitCodes } from "../cliError.ts";
import type { Cli } from "../cli.ts";
import { fromStandardInput, takePassphrase, typed } from "../passphrase.ts";

export class HsmPasswords {
  readonly #cli: Cli;
  /** Of standard input, once it was read. */
  #lines: string[] | undefined;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  async of(user: string, file: string | undefined): Promise<string> {
    const prompt = this.#cli.text.hsmPasswordOf(user);
    return file === undefined && !this.#cli.host.stdin.isTTY
      ? this.#nextLine()
      : takePassphrase(this.#cli, file, prompt);
  }

  /** Typed twice at a terminal: nobody can see what was typed. */
  async newOf(user: string, file: string | undefined): Promise<string> {
    const { text, host } = this.#cli;
    if (file === undefined && !host.stdin.isTTY) return this.#nextLine();
    const password = await takePassphrase(this.#cli, file, text.hsmNewPasswordOf(user));
    if (file === undefined && (await typed(this.#cli, text.againPrompt)) !== password) {
      throw new CliError(text.passphrasesDiffer, { fix: text.usageFix, exitCode: exitCodes.usage });
    }
    return password;
  }

  async #nextLine(): Promise<string> {
    this.#lines ??= (await fromStandardInput(this.#cli)).split(/\r?\n/);
    const line = this.#lines.shift();
    if (line !== undefined && line !== "") return line;
    const { text } = this.#cli;
    throw new CliError(text.hsmPasswordMissing, { fix: text.hsmPasswordFix, exitCode: exitCodes.usage });
  }
}
