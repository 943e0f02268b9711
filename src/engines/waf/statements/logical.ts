/** AndStatement, OrStatement, NotStatement. */
import type { Check } from "../evaluation.ts";

export function and(checks: readonly Check[]): Check {
  return (evaluation) => {
    for (const check of checks) if (!check(evaluation)) return false;
    return true;
  };
}

export function or(checks: readonly Check[]): Check {
  return (evaluation) => {
    for (const check of checks) if (check(evaluation)) return true;
    return false;
  };
}

/** What detectors found below a negation is no reason for the match. */
export function not(check: Check): Check {
  return (evaluation) => {
    const { details } = evaluation;
    evaluation.details = [];
    const holds = !check(evaluation);
    evaluation.details = details;
    return holds;
  };
}
