/** `up --detach`: the same `up` in a session of its own, which tells this process when it is ready. */
import { fork } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { roleLogPath } from "../roles/processLog.ts";
import { CliError, exitCodes, type ExitCode } from "./cliError.ts";
import type { Cli } from "./cli.ts";
import { prepareDataFolder } from "./dataFolder.ts";
import { printReady, type ReadyFacts } from "./readyText.ts";
import type { UpOptions } from "./commands/up.ts";

type FromDetached =
  | { type: "ready"; facts: ReadyFacts }
  | { type: "failed"; what: string; why?: string | undefined; fix?: string | undefined };

const mark = "JIKIMI_DETACHED";

/** Says it to the process that waits for `--detach`; false when nobody does. */
export function tellParent(message: FromDetached): boolean {
  if (process.env[mark] !== "1" || !process.connected) return false;
  process.send?.(message, undefined, {}, () => {
    if (process.connected) process.disconnect?.();
  });
  return true;
}

export async function upDetached(cli: Cli, options: UpOptions): Promise<ExitCode> {
  // The folder is decided here, so that an ephemeral one is known to both.
  const dataDir = prepareDataFolder(cli, options);
  const logPath = roleLogPath(dataDir, "supervisor");
  if (!options.ephemeral) mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
  const log = options.ephemeral ? openSync("/dev/null", "a") : openSync(logPath, "a", 0o600);
  const child = fork(cli.host.script, detachedArguments(options, dataDir), {
    cwd: cli.host.cwd,
    env: { ...cli.host.env, [mark]: "1" },
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const answer = await new Promise<FromDetached>((resolve) => {
    child.once("message", (message) => resolve(message as FromDetached));
    child.once("exit", (code, signal) =>
      resolve({
        type: "failed",
        what: cli.text.detachFailed,
        why: signal ?? `exit code ${code}`,
        fix: cli.text.roleFailedFix(logPath),
      }),
    );
  });
  if (child.connected) child.disconnect();
  child.unref();
  if (answer.type === "failed") {
    throw new CliError(answer.what, {
      ...(answer.why === undefined ? {} : { why: answer.why }),
      ...(answer.fix === undefined ? {} : { fix: answer.fix }),
    });
  }
  printReady(cli, answer.facts, options, true);
  return exitCodes.ok;
}

/** URLs may hold passwords, but they came in as arguments already; nothing secret is added here. */
function detachedArguments(options: UpOptions, dataDir: string): string[] {
  const args = ["up", "--data", dataDir];
  const values: [string, string | undefined][] = [
    ["--port", options.port],
    ["--host", options.host],
    ["--region", options.region],
    ["--store", options.store],
    ["--stream", options.stream],
    ["--blob", options.blob],
    ["--passphrase-file", options.passphraseFile],
    ["--seal", options.seal],
    ["--lang", options.lang],
  ];
  for (const [name, value] of values) if (value !== undefined) args.push(name, value);
  if (options.adjustableClock) args.push("--adjustable-clock");
  if (options.ephemeral) args.push("--ephemeral");
  return args;
}
