import { existsSync, rmSync } from "node:fs";
import { Option } from "commander";
import { AlreadyRunning, claimDataFolder, releaseDataFolder, updateRunFile, type Claim } from "../../roles/runFile.ts";
import { identify, isRunning, type ProcessIdentity } from "../../roles/processIdentity.ts";
import { drainDeadlineMs } from "../../roles/processRole.ts";
import { RoleFailed } from "../../roles/processChild.ts";
import type { DemoReady } from "../../roles/demo.ts";
import { isDemo } from "../../roles/demoKept.ts";
import { roleLogPath } from "../../roles/processLog.ts";
import { dataPaths, type ApiReady } from "../../roles/role.ts";
import { SealKeeper } from "../../roles/sealSecrets.ts";
import { Supervisor, type SupervisorEvent } from "../../roles/supervisor.ts";
import { CliError, errorText, exitCodes, type ExitCode } from "../cliError.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { buildConsole } from "../consoleBuild.ts";
import { prepareDataFolder, removeStaleSockets } from "../dataFolder.ts";
import { checkPort, portError } from "../portCheck.ts";
import { rolesOf, withFollowers } from "../roleEntries.ts";
import { checkSeal, roleConfig, type ConfigOptions } from "../roleConfig.ts";
import { printReady } from "../readyText.ts";
import { upDetached, tellParent } from "../detach.ts";
import { defineCommand } from "../program.ts";
import { configOptions } from "./configOptions.ts";

const lookEveryMs = 50;

export type UpOptions = GlobalOptions & ConfigOptions & { detach?: boolean; demo?: boolean };

export const up = defineCommand<UpOptions>({
  name: "up",
  about: (cli) => cli.text.aboutUp,
  options: (cli) => [
    ...configOptions(cli),
    new Option("--ephemeral", cli.text.optionEphemeral),
    new Option("--demo", cli.text.optionDemo),
    new Option("-d, --detach", cli.text.optionDetach),
  ],
  run: (cli, options) => (options.detach ? upDetached(cli, options) : upHere(cli, options)),
});

async function upHere(cli: Cli, options: UpOptions): Promise<ExitCode> {
  // What is wrong with the options is said before anything is written.
  roleConfig(cli, options, cli.dataDir(options));
  const dataDir = prepareDataFolder(cli, options);
  const demo = options.demo ?? false;
  if (demo && existsSync(dataPaths.credentials(dataDir)) && !isDemo(dataDir)) {
    throw new CliError(cli.text.notADemo(dataDir), { fix: cli.text.notADemoFix, exitCode: exitCodes.usage });
  }
  const { run, leftovers } = claim(cli, dataDir, options.ephemeral ?? false);
  try {
    await untilGone(leftovers);
    removeStaleSockets(dataDir);
    const keeper = new SealKeeper();
    const config = { ...roleConfig(cli, options, dataDir), sealKeeper: keeper.publicKey };
    await checkSeal(cli, config);
    await checkPort(cli, config.host, config.port);
    const supervisor = new Supervisor({
      roles: withFollowers(rolesOf(cli.host.roles, demo), config.apiProcesses),
      config,
      onEvent: (event) => {
        if (event.type === "ready")
          updateRunFile(Object.assign(run, { roles: Object.values(supervisor.pids()).map(identify) }));
        tell(cli, event);
      },
    });
    const signals = stopOnSignals(supervisor);
    try {
      const said = await startAll(cli, supervisor, config, dataDir);
      const ready = said.get("api") as unknown as ApiReady;
      const shown = said.get("demo") as unknown as DemoReady | undefined;
      updateRunFile(Object.assign(run, { endpoint: ready.endpoint, consoleUrl: ready.consoleUrl }));
      const shares = ready.handedOut === undefined ? {} : { shares: keeper.lines(ready.handedOut) };
      const facts = { ...ready, ...shares, pid: process.pid, dataDir, ...(shown ? { demo: shown } : {}) };
      if (!tellParent({ type: "ready", facts })) printReady(cli, facts, options);
      const endBuild = buildConsole(cli);
      try {
        await supervisor.done;
      } finally {
        endBuild();
      }
    } catch (error) {
      // Stopped while it was starting: that is what was asked for.
      if (signals.seen()) return exitCodes.ok;
      throw error instanceof CliError ? error : new CliError(cli.text.crashed, { why: errorText(error), cause: error });
    } finally {
      signals.forget();
    }
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CliError) tellParent({ type: "failed", what: error.message, why: error.why, fix: error.fix });
    throw error;
  } finally {
    releaseDataFolder(dataDir);
    if (options.ephemeral) rmSync(dataDir, { recursive: true, force: true });
  }
}

function claim(cli: Cli, dataDir: string, ephemeral: boolean): Claim {
  try {
    return claimDataFolder({
      version: cli.host.version,
      dataDir,
      startedAt: new Date().toISOString(),
      ...(ephemeral ? { ephemeral } : {}),
    });
  } catch (error) {
    if (!(error instanceof AlreadyRunning)) throw error;
    throw new CliError(cli.text.alreadyRunning(dataDir, error.owner.pid), { fix: cli.text.alreadyRunningFix });
  }
}

/** Roles of a killed supervisor drain first; then they are ended, so that nobody else writes to the store. */
async function untilGone(leftovers: readonly ProcessIdentity[]): Promise<void> {
  const limit = performance.now() + drainDeadlineMs;
  while (leftovers.some(isRunning)) {
    if (performance.now() > limit) for (const each of leftovers.filter(isRunning)) process.kill(each.pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

async function startAll(
  cli: Cli,
  supervisor: Supervisor,
  config: { host: string; port: number },
  dataDir: string,
): Promise<Map<string, Record<string, unknown>>> {
  try {
    return await supervisor.start();
  } catch (error) {
    if (!(error instanceof RoleFailed)) throw error;
    if (error.code === "EADDRINUSE" || error.code === "EADDRNOTAVAIL") {
      throw portError(cli, config.host, config.port, Object.assign(new Error(error.message), { code: error.code }));
    }
    throw new CliError(cli.text.roleFailed(error.role), {
      why: error.message,
      fix: cli.text.roleFailedFix(roleLogPath(dataDir, error.role)),
    });
  }
}

/** The first signal drains, the second ends at once. */
function stopOnSignals(supervisor: Supervisor): { seen(): boolean; forget(): void } {
  let seen = false;
  const onSignal = (): void => {
    if (seen) supervisor.killAll();
    seen = true;
    void supervisor.stop();
  };
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    seen: () => seen,
    forget: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function tell(cli: Cli, event: SupervisorEvent): void {
  const { text } = cli;
  const dim = (line: string): void => cli.note(cli.look("dim", line, cli.host.stderr));
  switch (event.type) {
    case "starting":
      return dim(text.starting(event.role));
    case "ready":
      return dim(text.started(event.role, event.milliseconds));
    case "ended":
      return cli.warn(text.ended(event.role, event.how, event.againInMs));
    case "stopping":
      return dim(text.stopping(event.role));
    case "stopped":
      return event.clean ? dim(text.stopped(event.role, event.milliseconds)) : cli.warn(text.killed(event.role));
  }
}
