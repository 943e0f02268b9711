/** What a failed statement means for the caller. */
export type Failure =
  /** Rolled back by the server for the sake of another transaction: run it again. */
  | "retry"
  /** Rolled back: this server does not take writes (a standby, a former primary). */
  | "readOnly"
  /** The connection or the server went away: a commit may or may not have happened. */
  | "lost"
  /** Rolled back: the server cannot serve now (disk full, too many connections, starting up, statement timeout). */
  | "unavailable"
  /** Rolled back: the statement itself is at fault. */
  | "statement";

/**
 * Classes by SQLSTATE. Source: PostgreSQL manual, "Appendix A. PostgreSQL Error Codes". 57P01 and 57P02 count
 * as lost: a commit that waits for its standby when the server stops is already durable on the primary
 * ("The transaction has already committed locally, but might not have been replicated to the standby").
 */
const byState: readonly (readonly [prefix: string, failure: Failure])[] = [
  ["40001", "retry"],
  ["40P01", "retry"],
  ["25006", "readOnly"],
  ["57P01", "lost"],
  ["57P02", "lost"],
  ["57P03", "unavailable"],
  ["57P04", "lost"],
  ["57P05", "lost"],
  ["57014", "unavailable"],
  ["08", "lost"],
  ["53", "unavailable"],
  ["55P03", "unavailable"],
  ["58", "unavailable"],
  ["XX", "unavailable"],
];

/** Without a reply of the server there is no SQLSTATE, so the outcome is not known. */
export function classifyFailure(error: unknown): Failure {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  if (severity === undefined) return typeof code === "string" ? "lost" : "statement";
  const state = String(code);
  return byState.find(([prefix]) => state.startsWith(prefix))?.[1] ?? "statement";
}
