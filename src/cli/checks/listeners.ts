/** Whether everything that should be listened on is. */
import { adminPaths, type AdminStatus } from "../../roles/adminContract.ts";
import { runningOwner } from "../../roles/runFile.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { runningInstance } from "../instance.ts";
import type { Check, CheckResult } from "./check.ts";

export const listenerChecks: readonly Check[] = [
  { id: "listeners", name: (cli) => cli.text.checkListeners, run: listeners },
];

async function listeners(cli: Cli, options: GlobalOptions): Promise<CheckResult> {
  const { text } = cli;
  if (!runningOwner(cli.dataDir(options))) return { state: "ok", detail: text.listenersNotRunning };
  const { listeners: answer } = await runningInstance(cli, options).get<AdminStatus>(adminPaths.status);
  const [first] = answer.troubled;
  if (!first) return { state: "ok", detail: text.listenersServed(answer.served) };
  const state = answer.troubled.some((each) => each.state === "failed") ? "unavailable" : "warning";
  const detail = answer.troubled.map(({ listener, reason }) => text.listenerTrouble(listener, reason)).join("\n");
  return { state, detail, fix: text.listenersFix };
}
