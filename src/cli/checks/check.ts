/** One question about this machine, as `jikimi doctor` asks it. */
import type { Cli, GlobalOptions } from "../cli.ts";

export type CheckState = "ok" | "warning" | "unavailable";

export interface CheckResult {
  state: CheckState;
  /** What was found. */
  detail: string;
  /** What a person can do about it. */
  fix?: string;
  /** Repairs it; present only where that needs no decision of a person. */
  repair?: () => void;
}

export interface Check {
  id: string;
  name(cli: Cli): string;
  run(cli: Cli, options: GlobalOptions): Promise<CheckResult> | CheckResult;
}
