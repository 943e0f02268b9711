import { join, resolve } from "node:path";
import { Argument, Option } from "commander";
import { systemClock } from "#kernel/clock.ts";
import { BackupDamaged } from "../../roles/backupFormat.ts";
import { restore as restoreBackup, TargetNotEmpty } from "../../roles/restore.ts";
import { CliError } from "../cliError.ts";
import { defineCommand } from "../program.ts";

export const restore = defineCommand<{ keys?: string }>({
  name: "restore",
  about: (cli) => cli.text.aboutRestore,
  arguments: (cli) => [new Argument("<path>", cli.text.argumentRestorePath)],
  options: (cli) => [new Option("--keys <file>", cli.text.optionKeys)],
  async run(cli, options, [path = ""]) {
    const { text } = cli;
    const dataDir = cli.dataDir(options);
    const absolute = resolve(cli.host.cwd, path);
    try {
      const manifest = await restoreBackup({
        path: absolute,
        keysPath: options.keys === undefined ? `${absolute}.keys` : resolve(cli.host.cwd, options.keys),
        dataDir,
        // Loaded here: it brings an HTTP client along that no other command needs.
        openBlobs: async (folder) => {
          const { openBlobs } = await import("#blob/open.ts");
          return await openBlobs(`file:${join(folder, "blobs")}`, { clock: systemClock });
        },
        onProgress: (file) => {
          if (cli.host.stderr.isTTY && !options.json) cli.note(cli.look("dim", text.restoring(file), cli.host.stderr));
        },
      });
      if (options.json) cli.printJson({ dataDir, createdAt: manifest.createdAt, version: manifest.version });
      else cli.print(text.restoreDone(dataDir));
    } catch (error) {
      if (error instanceof TargetNotEmpty) {
        throw new CliError(text.restoreNotEmpty(dataDir), {
          why: text.restoreNotEmptyWhy,
          fix: text.restoreNotEmptyFix,
        });
      }
      if (error instanceof BackupDamaged) {
        throw new CliError(text.restoreDamaged, { why: error.message, fix: text.restoreDamagedFix });
      }
      throw error;
    }
  },
});
