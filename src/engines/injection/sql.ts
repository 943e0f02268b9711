/**
 * Whether a text carries injected SQL. The text is cut into pieces (`sqlTokens.ts`) and searched for what injections
 * look like (`sqlPatterns.ts`): a break out of the application's string or value, followed by something that SQL
 * understands. Time is linear in the text: every shape looks at a bounded number of pieces.
 *
 * Sensitivity as AWS WAF's: LOW keeps false positives down, HIGH finds more and mistakes more.
 * Source: AWS WAF Developer Guide, "SQL injection attack rule statement".
 */
import { sqlPatterns } from "./sqlPatterns.ts";
import { SqlReader } from "./sqlShapes.ts";
import { sqlTokens } from "./sqlTokens.ts";

/** Without one of these a text holds no SQL that could do anything. */
const worthReading =
  /['"`;#]|--|\/\*|@@|\b(?:or|and|xor|union|select|exec|execute|waitfor|having|where|order|group|case|if|sleep|benchmark|char|chr|insert|update|delete|drop|declare|intersect|except|minus)\b|\|\||&&|_sleep|_schema|\(\s*select/i;

/** The pieces that betray it, as they are in the text; `undefined` when there are none. */
export function findSqlInjection(text: string, sensitivity: "HIGH" | "LOW"): readonly string[] | undefined {
  if (text.length < 3 || !worthReading.test(text)) return undefined;
  const reader = new SqlReader(sqlTokens(text));
  for (let at = 0; at < reader.tokens.length; at++) {
    for (const pattern of sqlPatterns) {
      const found = pattern.match(reader, at);
      if (found && (found.strength === "strong" || sensitivity === "HIGH")) return reader.pieces(at === 0 ? 0 : at - 1, found.end, text);
    }
  }
  return undefined;
}
