/** SqliMatchStatement and XssMatchStatement: our own detectors, `src/engines/injection`. */
import type { SqliMatchStatement, XssMatchStatement } from "@aws-sdk/client-wafv2";
import { findSqlInjection } from "../../injection/sql.ts";
import { findCrossSiteScripting } from "../../injection/xss.ts";
import { type Build, slotOf } from "../build.ts";
import type { MatchDetail } from "../contract.ts";
import type { Check } from "../evaluation.ts";
import type { Slot } from "../plan.ts";
import { textOf } from "../transforms/bytes.ts";

export function sqliMatch(statement: SqliMatchStatement, build: Build): Check {
  const sensitivity = statement.SensitivityLevel ?? "LOW";
  return detecting(
    slotOf(statement, build),
    { conditionType: "SQL_INJECTION", sensitivityLevel: sensitivity },
    (value) => findSqlInjection(value, sensitivity),
  );
}

export function xssMatch(statement: XssMatchStatement, build: Build): Check {
  return detecting(slotOf(statement, build), { conditionType: "XSS" }, findCrossSiteScripting);
}

/** `find` gives the pieces of the text that betray it. */
function detecting(
  slot: Slot,
  base: Pick<MatchDetail, "conditionType" | "sensitivityLevel">,
  find: (value: string) => readonly string[] | undefined,
): Check {
  return (evaluation) => {
    const { values, extract } = evaluation.values(slot);
    if (extract.forced !== undefined) return extract.forced;
    for (let i = 0; i < values.length; i++) {
      const pieces = find(values[i]!);
      if (!pieces) continue;
      const name = extract.names?.[i];
      evaluation.details.push({
        ...base,
        location: slot.component.location,
        matchedData: pieces.map(textOf),
        ...(name === undefined ? {} : { matchedFieldName: textOf(name) }),
      });
      return true;
    }
    return false;
  };
}
