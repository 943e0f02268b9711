/** Makes and looks at the data folder before anything is started in it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dataPaths } from "../roles/role.ts";
import { CliError } from "./cliError.ts";
import type { Cli, GlobalOptions } from "./cli.ts";

/** `sun_path` holds 108 bytes with its terminating zero on Linux (unix(7)), 104 on macOS. */
const socketPathLimit = process.platform === "darwin" ? 103 : 107;

export function prepareDataFolder(cli: Cli, options: GlobalOptions & { ephemeral?: boolean }): string {
  const { text } = cli;
  const named = options.data !== undefined;
  const dataDir = options.ephemeral && !named ? mkdtempSync(join(tmpdir(), "jikimi-")) : cli.dataDir(options);
  const longest = Math.max(
    ...[dataPaths.internalSocket, dataPaths.adminSocket].map((path) => Buffer.byteLength(path(dataDir))),
  );
  if (longest > socketPathLimit) {
    throw new CliError(text.pathTooLong(dataDir), {
      why: text.pathTooLongWhy(socketPathLimit),
      fix: text.pathTooLongFix,
    });
  }
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    mkdirSync(join(dataDir, "run"), { recursive: true, mode: 0o700 });
    if (options.ephemeral && named) refuseUsed(cli, dataDir);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(text.dataNotWritable(dataDir), { why: (error as Error).message, fix: text.dataNotWritableFix });
  }
  if ((statSync(dataDir).mode & 0o077) !== 0) cli.warn(text.dataOpenToOthers(dataDir));
  return dataDir;
}

/** INVARIANT: `--ephemeral` removes only what it made. */
function refuseUsed(cli: Cli, dataDir: string): void {
  const { text } = cli;
  if (readdirSync(dataDir).every((name) => name === "run")) return;
  throw new CliError(text.ephemeralNotEmpty(dataDir), {
    why: text.ephemeralNotEmptyWhy,
    fix: text.ephemeralNotEmptyFix,
  });
}

/** Sockets that a killed process left behind. Only the owner of the folder may call this. */
export function removeStaleSockets(dataDir: string): void {
  for (const path of [dataPaths.internalSocket(dataDir), dataPaths.adminSocket(dataDir)]) rmSync(path, { force: true });
}
