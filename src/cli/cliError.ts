/** Exit codes of every command. Documented in docs/operations.md. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** Findings over the asked threshold. */
  findings: 3,
  notRunning: 4,
} as const;

export type ExitCode = number;

/** What a person is told: what happened, why, and what to do about it. */
export class CliError extends Error {
  readonly why: string | undefined;
  readonly fix: string | undefined;
  readonly exitCode: ExitCode;

  constructor(what: string, more: { why?: string; fix?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(what, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = "CliError";
    this.why = more.why;
    this.fix = more.fix;
    this.exitCode = more.exitCode ?? exitCodes.failure;
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
