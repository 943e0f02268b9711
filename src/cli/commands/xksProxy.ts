import { Argument, Option } from "commander";
import { type AdminXksConfiguration, type AdminXksProxies, adminPaths } from "../../roles/adminContract.ts";
import { CliError, exitCodes } from "../cliError.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

interface Options {
  key?: string;
  arn?: string;
  usage?: string;
  accessKeyId?: string;
}

const actions = ["list", "create", "delete", "add-credential", "remove-credential", "put-key", "remove-key"] as const;
/** Their answer holds the secret, this once. */
const making: readonly string[] = ["create", "add-credential"];

/** Keys of this installation as external keys of another one, or of AWS. */
export const xksProxy = defineCommand<Options>({
  name: "xks-proxy",
  about: (cli) => cli.text.aboutXksProxy,
  arguments: (cli) => [
    new Argument("[action]", cli.text.argumentXksAction).choices(actions).default("list"),
    new Argument("[name]", cli.text.argumentXksName),
  ],
  options: (cli) => [
    new Option("--key <id>", cli.text.optionXksKey),
    new Option("--arn <arn>", cli.text.optionXksArn),
    new Option("--usage <uses>", cli.text.optionXksUsage),
    new Option("--access-key-id <id>", cli.text.optionXksCredential),
  ],
  async run(cli, options, [action = "list", name]) {
    const instance = runningInstance(cli, options);
    if (action === "list") {
      const found = await instance.get<AdminXksProxies>(adminPaths.xksProxies);
      if (options.json) return cli.printJson(found);
      if (found.proxies.length === 0) return cli.print(cli.text.noXksProxies);
      for (const proxy of found.proxies) {
        cli.print(`${proxy.name}  ${proxy.uriPath}  ${proxy.accessKeyIds.join(" ")}`);
        cli.printRows(proxy.keys.map((key) => [key.externalKeyId, `${key.usage.join("+") || "-"}  ${key.keyArn}`]));
      }
      return;
    }
    if (name === undefined)
      throw new CliError(cli.text.xksNameNeeded, { fix: cli.text.usageFix, exitCode: exitCodes.usage });
    const answer = await instance.post<AdminXksConfiguration>(adminPaths.xksProxies, {
      action,
      name,
      ...(options.key === undefined ? {} : { externalKeyId: options.key }),
      ...(options.arn === undefined ? {} : { keyArn: options.arn }),
      ...(options.usage === undefined ? {} : { usage: options.usage.split(",").filter(Boolean) }),
      ...(options.accessKeyId === undefined ? {} : { accessKeyId: options.accessKeyId }),
    });
    if (options.json || making.includes(action)) cli.printJson(answer);
    if (making.includes(action)) cli.note(cli.text.xksSecretOnce);
    else if (!options.json) cli.print(cli.text.xksDone);
  },
});
