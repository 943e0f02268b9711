/**
 * Whether a text carries injected SQL. The text is cut into pieces (`sqlTokens.ts`) and searched for what injections
 * look like (`sqlPatterns.ts`): a break out of the application's string or value, followed by something that SQL
 * understands. Time is linear in the text: every shape looks at a bounded number of pieces.
 *
 * Sensitivity as AWS WAF's: LOW keeps false positives down, HIGH finds more and mistakes more.
 * Source: AWS WAF Developer Guide, "SQL injection attack rule statement".
 */
import { patternsAt } from "./sqlPatterns.ts";
import { SqlReader } from "./sqlShapes.ts";
import { sqlTokens } from "./sqlTokens.ts";

/**
 * Without one of these a text holds no SQL that could do anything: a word of SQL that English hardly needs, a logical
 * operator, or a quotation mark followed by what may go on after a string.
 */
const worthReading =
  /(?<![a-z_$])(?:or|and|xor|union|intersect|except|minus|select|exec|execute|waitfor|having|where|order|group|case|i?if|elt|insert|update|delete|drop|declare|create|alter|truncate|shutdown|grant|revoke|merge|replace|load|copy|call|attach|backup|restore|rename|handler|lock|set|limit|offset|procedure|outfile|dumpfile|n?char|chr|concat|concat_ws|cast|convert|sleep|benchmark|randomblob|extractvalue|updatexml|load_file|load_extension|xmltype|(?:xp|sp|pg|dbms|utl|sys|lo|gtid|row_to|query_to|database_to|get|release)_\w+|open(?:rowset|datasource|query)|httpuritype|ctxsys|ordsys|json_keys|information_schema)\b|\|\||&&|@@|['"`][\s)]*(?:[=<>!|+\-*/^%&~#;]|(?:not|is|in|like|rlike|regexp|between|div|mod|sounds|similar|glob|ilike|collate)\b)/i;

/** The pieces that betray it, as they are in the text; `undefined` when there are none. */
export function findSqlInjection(text: string, sensitivity: "HIGH" | "LOW"): readonly string[] | undefined {
  if (text.length < 3 || !worthReading.test(text)) return undefined;
  const reader = new SqlReader(sqlTokens(text));
  for (let at = 0; at < reader.tokens.length; at++) {
    for (const patterns of patternsAt(reader.tokens[at]!)) {
      for (const pattern of patterns) {
        const found = pattern.match(reader, at);
        if (found && (found.strength === "strong" || sensitivity === "HIGH")) {
          return reader.pieces(at === 0 ? 0 : at - 1, found.end, text);
        }
      }
    }
  }
  return undefined;
}
