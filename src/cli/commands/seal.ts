import { Option } from "commander";
import { adminPaths } from "../../roles/adminContract.ts";
import { runningInstance } from "../instance.ts";
import { takePassphrase } from "../passphrase.ts";
import { defineCommand } from "../program.ts";

export const seal = defineCommand({
  name: "seal",
  about: (cli) => cli.text.aboutSeal,
  async run(cli, options) {
    const state = await runningInstance(cli, options).post(adminPaths.seal);
    if (options.json) cli.printJson(state);
    else cli.print(cli.text.sealed);
  },
});

export const unseal = defineCommand<{ passphraseFile?: string }>({
  name: "unseal",
  about: (cli) => cli.text.aboutUnseal,
  options: (cli) => [new Option("--passphrase-file <file>", cli.text.optionPassphraseFile)],
  async run(cli, options) {
    const instance = runningInstance(cli, options);
    const passphrase = await takePassphrase(cli, options.passphraseFile);
    const state = await instance.post(adminPaths.unseal, { passphrase });
    if (options.json) cli.printJson(state);
    else cli.print(cli.text.unsealed);
  },
});
