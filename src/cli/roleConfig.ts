/** From options and environment to what the roles are told. */
import { accessSync, constants, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { isAccountId } from "#kernel/arn.ts";
import { regionName } from "#kernel/regions.ts";
import { BadBindPolicy, edgeBind } from "../roles/edgeBind.ts";
import type { RoleConfig } from "../roles/role.ts";
import { parseSeal, sealKindOf } from "../roles/seal.ts";
import { CliError, exitCodes } from "./cliError.ts";
import type { Cli } from "./cli.ts";

export interface ConfigOptions {
  port?: string;
  host?: string;
  region?: string;
  store?: string;
  stream?: string;
  blob?: string;
  account?: string;
  apiProcesses?: string;
  adjustableClock?: boolean;
  ephemeral?: boolean;
  passphraseFile?: string;
  seal?: string;
}

/** The port LocalStack made known; AWS tools' examples use it. */
export const defaultPort = 4566;

/**
 * `JIKIMI_<NAME>` where the option is absent. URLs with passwords belong into the environment: everybody on the
 * machine can read arguments.
 */
export function roleConfig(cli: Cli, options: ConfigOptions, dataDir: string): RoleConfig {
  const env = (name: string): string | undefined => cli.host.env[`JIKIMI_${name}`] || undefined;
  const storeUrl = options.store ?? env("STORE") ?? `sqlite:${join(dataDir, "store.sqlite")}`;
  // Events live in the store's file. A folder from before keeps the file of its own, with the events that wait in it.
  const earlier = join(dataDir, "stream.sqlite");
  const streamUrl = options.stream ?? env("STREAM") ?? (existsSync(earlier) ? `sqlite:${earlier}` : storeUrl);
  const blobUrl = options.blob ?? env("BLOB") ?? `file:${join(dataDir, "blobs")}`;
  for (const url of [storeUrl, streamUrl, blobUrl]) {
    if (!/^[a-z][a-z0-9+]*:./.test(url)) {
      throw new CliError(cli.text.badUrl(url), { fix: cli.text.usageFix, exitCode: exitCodes.usage });
    }
  }
  checkEdgeBind(cli);
  const apiProcesses = parseProcesses(cli, options.apiProcesses ?? env("API_PROCESSES") ?? "1", storeUrl);
  const config: RoleConfig = {
    dataDir,
    apiProcesses,
    host: options.host ?? env("HOST") ?? "127.0.0.1",
    port: parsePort(cli, options.port ?? env("PORT") ?? String(defaultPort)),
    storeUrl,
    streamUrl,
    blobUrl,
    defaultRegion: parseRegion(cli, options.region ?? env("REGION") ?? "us-east-1"),
    adjustableClock: options.adjustableClock ?? false,
    ephemeral: options.ephemeral ?? false,
  };
  const accountId = options.account ?? env("ACCOUNT");
  if (accountId !== undefined) config.accountId = parseAccount(cli, accountId);
  const passphraseFile = options.passphraseFile ?? env("PASSPHRASE_FILE");
  if (passphraseFile !== undefined) config.passphraseFile = readableFile(cli, passphraseFile);
  const seal = options.seal ?? env("SEAL");
  if (seal !== undefined) {
    if (!parseSeal(seal)) {
      throw new CliError(cli.text.badSeal(seal), { fix: cli.text.badSealFix, exitCode: exitCodes.usage });
    }
    config.seal = seal;
  }
  return config;
}

/** @throws CliError when the folder is under another seal than it is started with, or a new one cannot be opened again */
export async function checkSeal(cli: Cli, config: RoleConfig): Promise<void> {
  const { text } = cli;
  const has = await sealKindOf(config.dataDir);
  const told = config.seal === undefined ? undefined : parseSeal(config.seal)?.kind;
  const wanted = told ?? (config.passphraseFile === undefined ? undefined : "passphrase");
  if (has !== undefined && wanted !== undefined && has !== wanted) {
    throw new CliError(text.otherSeal(has, wanted), { fix: text.otherSealFix, exitCode: exitCodes.usage });
  }
  if (has !== undefined) return;
  if (told !== undefined && told !== "passphrase" && config.passphraseFile !== undefined) {
    throw new CliError(text.otherSeal(told, "passphrase"), { fix: text.usageFix, exitCode: exitCodes.usage });
  }
  if (told === "passphrase" && config.passphraseFile === undefined) {
    throw new CliError(text.firstPassphrase, { fix: text.firstPassphraseFix, exitCode: exitCodes.usage });
  }
  if (told === "shamir" && config.sealKeeper === undefined) {
    throw new CliError(text.firstShares, { fix: text.firstSharesFix, exitCode: exitCodes.usage });
  }
}

/** The edge starts later, when nobody looks: what it cannot use is said now. */
function checkEdgeBind(cli: Cli): void {
  try {
    edgeBind(cli.host.env);
  } catch (error) {
    if (!(error instanceof BadBindPolicy)) throw error;
    throw new CliError(error.message, { exitCode: exitCodes.usage });
  }
}

/** Requests signed for a name of another form are refused: nobody could call an installation of that Region. */
function parseRegion(cli: Cli, text: string): string {
  if (!regionName.test(text)) {
    throw new CliError(cli.text.badRegion(text), { fix: cli.text.usageFix, exitCode: exitCodes.usage });
  }
  return text;
}

function parsePort(cli: Cli, text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new CliError(cli.text.badPort(text), { fix: cli.text.usageFix, exitCode: exitCodes.usage });
  }
  return Number(text);
}

/** Several processes may write PostgreSQL; an SQLite file has one writer. */
function parseProcesses(cli: Cli, text: string, storeUrl: string): number {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new CliError(cli.text.badProcesses(text), { fix: cli.text.usageFix, exitCode: exitCodes.usage });
  if (count > 1 && storeUrl.startsWith("sqlite:")) {
    throw new CliError(cli.text.oneWriter, { fix: cli.text.oneWriterFix, exitCode: exitCodes.usage });
  }
  return count;
}

function parseAccount(cli: Cli, text: string): string {
  if (!isAccountId(text))
    throw new CliError(cli.text.badAccount(text), { fix: cli.text.usageFix, exitCode: exitCodes.usage });
  return text;
}

function readableFile(cli: Cli, path: string): string {
  const absolute = resolve(cli.host.cwd, path);
  try {
    accessSync(absolute, constants.R_OK);
  } catch (error) {
    throw new CliError(cli.text.noPassphraseFile(absolute), { why: (error as Error).message });
  }
  return absolute;
}
