import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Argument } from "commander";
import { adminPaths, type AdminBackup } from "../../roles/adminContract.ts";
import { formatBytes } from "../cli.ts";
import { CliError } from "../cliError.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

/** Copying may take as long as the disk needs. */
const patienceMs = 24 * 3600 * 1000;

export const backup = defineCommand({
  name: "backup",
  about: (cli) => cli.text.aboutBackup,
  arguments: (cli) => [new Argument("<path>", cli.text.argumentBackupPath)],
  async run(cli, options, [path = ""]) {
    const absolute = resolve(cli.host.cwd, path);
    const instance = runningInstance(cli, options);
    for (const each of [absolute, `${absolute}.keys`]) {
      if (existsSync(each)) throw new CliError(cli.text.pathExists(each), { fix: cli.text.pathExistsFix });
    }
    const made = await instance.post<AdminBackup>(adminPaths.backup, { path: absolute }, patienceMs);
    if (options.json) return cli.printJson(made);
    cli.print(cli.text.backupDone(made.path, formatBytes(made.bytes)));
    cli.print(cli.text.backupKeys(made.keysPath));
  },
});
