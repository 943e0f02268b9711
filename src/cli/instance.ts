/** Talks to the Jikimi that owns a data folder, over its operator socket. */
import { dataPaths } from "../roles/role.ts";
import { readRunFile, type RunFile } from "../roles/runFile.ts";
import { isRunning } from "../roles/processIdentity.ts";
import { askUnix, type UnixAnswer } from "../roles/unixClient.ts";
import type { AdminError } from "../roles/adminContract.ts";
import { CliError, errorText, exitCodes } from "./cliError.ts";
import type { Cli, GlobalOptions } from "./cli.ts";

export interface Instance {
  dataDir: string;
  run: RunFile;
  get<T>(path: string, query?: Record<string, string>): Promise<T>;
  post<T>(path: string, body?: unknown, timeoutMs?: number): Promise<T>;
}

/** Longest wait for an answer; a backup takes as long as it takes. */
const answerMs = 30_000;

/** Throws a `CliError` with exit code 4 when none runs. */
export function runningInstance(cli: Cli, options: GlobalOptions): Instance {
  const dataDir = cli.dataDir(options);
  const run = readRunFile(dataDir);
  if (!run || !isRunning(run)) {
    throw new CliError(cli.text.notRunning(dataDir), {
      why: run ? cli.text.notRunningStale(run.pid) : cli.text.notRunningNever,
      fix: cli.text.notRunningFix,
      exitCode: exitCodes.notRunning,
    });
  }
  const socketPath = dataPaths.adminSocket(dataDir);
  return {
    dataDir,
    run,
    get: (path, query = {}) => {
      const search = new URLSearchParams(query).toString();
      return ask(cli, socketPath, "GET", search ? `${path}?${search}` : path, undefined, answerMs);
    },
    post: (path, body, timeoutMs = answerMs) => ask(cli, socketPath, "POST", path, body ?? {}, timeoutMs),
  };
}

async function ask<T>(
  cli: Cli,
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<T> {
  let answer: UnixAnswer;
  try {
    answer = await askUnix(socketPath, method, path, body, timeoutMs);
  } catch (error) {
    throw new CliError(cli.text.notAnswering, {
      why: errorText(error),
      fix: cli.text.notAnsweringFix,
      exitCode: exitCodes.notRunning,
      cause: error,
    });
  }
  const value = parse(answer.text);
  if (answer.status >= 200 && answer.status < 300) return value as T;
  throw new CliError(cli.text.refused, { why: refusal(value, answer) });
}

function refusal(value: unknown, answer: UnixAnswer): string {
  const error = value as Partial<AdminError> | undefined;
  return error?.message ? `${error.code ?? answer.status}: ${error.message}` : `HTTP ${answer.status} ${answer.text}`;
}

function parse(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}
