/** What belongs to this installation: its port, its folder, its seal. */
import { chmodSync, existsSync, statSync } from "node:fs";
import { adminPaths, type AdminStatus } from "../../roles/adminContract.ts";
import { runningOwner } from "../../roles/runFile.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { CliError } from "../cliError.ts";
import { runningInstance } from "../instance.ts";
import { checkPort } from "../portCheck.ts";
import { roleConfig } from "../roleConfig.ts";
import type { Check, CheckResult } from "./check.ts";

export const installationChecks: readonly Check[] = [
  { id: "port", name: (cli) => cli.text.checkPort, run: port },
  { id: "data-folder", name: (cli) => cli.text.checkData, run: dataFolder },
  { id: "seal", name: (cli) => cli.text.checkSeal, run: sealState },
];

async function port(cli: Cli, options: GlobalOptions): Promise<CheckResult> {
  const dataDir = cli.dataDir(options);
  const config = roleConfig(cli, {}, dataDir);
  const owner = runningOwner(dataDir);
  const ownPort = owner?.endpoint ? Number(new URL(owner.endpoint).port) : undefined;
  if (ownPort !== undefined) return { state: "ok", detail: cli.text.portOurs(ownPort) };
  try {
    await checkPort(cli, config.host, config.port);
    return { state: "ok", detail: cli.text.portFree(config.port) };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const detail = error.why ? `${error.message}: ${error.why}` : error.message;
    return { state: "unavailable", detail, ...(error.fix === undefined ? {} : { fix: error.fix }) };
  }
}

function dataFolder(cli: Cli, options: GlobalOptions): CheckResult {
  const { text } = cli;
  const dataDir = cli.dataDir(options);
  if (!existsSync(dataDir)) return { state: "ok", detail: `${dataDir}: ${text.dataAbsent}` };
  const { mode, uid } = statSync(dataDir);
  const mine = process.getuid === undefined || process.getuid() === 0 || uid === process.getuid();
  if (!mine) return { state: "unavailable", detail: text.dataNotWritable(dataDir), fix: text.dataNotWritableFix };
  if ((mode & 0o077) === 0) return { state: "ok", detail: `${dataDir}: ${text.dataFine}` };
  return {
    state: "warning",
    detail: text.dataOpenToOthers(dataDir),
    fix: text.dataFix(dataDir),
    repair: () => chmodSync(dataDir, 0o700),
  };
}

async function sealState(cli: Cli, options: GlobalOptions): Promise<CheckResult> {
  const { text } = cli;
  if (!runningOwner(cli.dataDir(options))) return { state: "ok", detail: text.sealNotRunning };
  const { seal } = await runningInstance(cli, options).get<AdminStatus>(adminPaths.status);
  if (seal.sealed)
    return { state: "unavailable", detail: text.sealClosed(seal.seal, seal.reason), fix: text.sealClosedFix };
  if (seal.development) return { state: "warning", detail: text.developmentSeal };
  return { state: "ok", detail: text.sealOpen(seal.seal) };
}
