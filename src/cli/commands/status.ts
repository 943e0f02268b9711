import { adminPaths, type AdminStatus } from "../../roles/adminContract.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

export const status = defineCommand({
  name: "status",
  about: (cli) => cli.text.aboutStatus,
  async run(cli, options) {
    const { text } = cli;
    const instance = runningInstance(cli, options);
    const answer = await instance.get<AdminStatus>(adminPaths.status);
    if (options.json) {
      cli.printJson({ ...answer, pid: instance.run.pid, dataDir: instance.dataDir });
      return;
    }
    const sealText = answer.seal.sealed
      ? text.sealClosed(answer.seal.seal, answer.seal.reason)
      : text.sealOpen(answer.seal.seal);
    cli.printRows([
      [text.labelEndpoint, answer.endpoint],
      [text.labelConsole, answer.consoleUrl],
      [text.labelAccount, answer.accountId],
      [text.labelRegion, answer.region],
      [text.labelPid, String(instance.run.pid)],
      [text.labelUptime, formatDuration(answer.uptimeMs)],
      [text.labelTime, new Date(answer.now).toISOString()],
      [text.labelSeal, sealText],
      [text.labelData, instance.dataDir],
      [text.labelServices, answer.services.map((each) => each.id).join(" ")],
      [text.labelListeners, String(answer.listeners.served)],
    ]);
    for (const { listener, reason } of answer.listeners.troubled) cli.warn(text.listenerTrouble(listener, reason));
    if (answer.seal.sealed) cli.warn(text.sealClosedMeans);
    if (answer.seal.development) cli.warn(text.developmentSeal);
  },
});

/** `1d 2h 3m 4s`, the parts that are not zero. */
export function formatDuration(milliseconds: number): string {
  let seconds = Math.floor(milliseconds / 1000);
  const parts: string[] = [];
  for (const [unit, length] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(seconds / length);
    seconds -= count * length;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join(" ") || "0s";
}
