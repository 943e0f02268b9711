/** What holds the keys of clusters of hardware security modules here. */
import { adminPaths, type AdminHsms } from "../../roles/adminContract.ts";
import { runningOwner } from "../../roles/runFile.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { runningInstance } from "../instance.ts";
import type { Check, CheckResult } from "./check.ts";

export const hsmChecks: readonly Check[] = [{ id: "hsm", name: (cli) => cli.text.checkHsm, run: backend }];

async function backend(cli: Cli, options: GlobalOptions): Promise<CheckResult> {
  const { text } = cli;
  if (!runningOwner(cli.dataDir(options))) return { state: "ok", detail: text.hsmNotRunning };
  const view = await runningInstance(cli, options).get<AdminHsms>(adminPaths.hsm);
  if (!view.backend.available) {
    return { state: "unavailable", detail: text.hsmUnavailable(view.backend.reason), fix: text.hsmUnavailableFix };
  }
  const { description } = view.backend;
  const silent = view.clusters
    .flatMap(({ hsms }) => hsms)
    .filter(({ alive, state }) => !alive && state !== "CREATE_IN_PROGRESS");
  if (silent.length === 0) return { state: "ok", detail: description };
  return {
    state: "warning",
    detail: `${description}; ${text.hsmSilent(silent.map(({ hsmId }) => hsmId).join(", "))}`,
    fix: text.hsmSilentFix,
  };
}
