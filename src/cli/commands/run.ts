import { Option } from "commander";
import { serveAlone, serveSupervised, type RoleProcessHost } from "../../roles/processRole.ts";
import { prepareDataFolder } from "../dataFolder.ts";
import { defineCommand } from "../program.ts";
import { isRoleName, roleModule, roleNames } from "../roleEntries.ts";
import { checkSeal, roleConfig, type ConfigOptions } from "../roleConfig.ts";
import { configOptions } from "./configOptions.ts";

/** One role in this process: for the supervisor that forked it, or by itself on one of several machines. */
export const run = defineCommand<ConfigOptions & { role: string }>({
  name: "run",
  about: (cli) => cli.text.aboutRun,
  options: (cli) => [
    new Option("--role <role>", cli.text.optionRole).choices(roleNames).makeOptionMandatory(),
    ...configOptions(cli),
  ],
  async run(cli, options) {
    if (!isRoleName(options.role)) return;
    const module = await roleModule(options.role);
    const { createLogger } = await import("#kernel/log.ts");
    const log = createLogger(options.role);
    if (process.send) return serveSupervised(options.role, module, log, roleProcessHost());
    const dataDir = prepareDataFolder(cli, options);
    const config = roleConfig(cli, options, dataDir);
    if (options.role === "api") await checkSeal(cli, config);
    const running = await serveAlone(options.role, module, config, log, roleProcessHost());
    if (options.json) cli.printJson({ role: options.role, ...running.ready, pid: process.pid });
  },
});

function roleProcessHost(): RoleProcessHost {
  return {
    send: process.send && ((message, sent) => process.send?.(message, undefined, {}, sent)),
    on: (event: string, listener: (message: unknown) => void) => void process.on(event, listener),
    exit: (code) => process.exit(code),
  };
}
