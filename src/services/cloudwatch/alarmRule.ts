/**
 * Rules of composite alarms: `ALARM("a") AND (NOT OK(b) OR TRUE)`. Source: CloudWatch API Reference,
 * PutCompositeAlarm, AlarmRule.
 */
import type { StateValue } from "./alarm.ts";
import { validation } from "./errors.ts";

export interface AlarmRule {
  /** Names of the alarms in it. */
  children: readonly string[];
  evaluate(state: (name: string) => StateValue | undefined): boolean;
}

const mostDepth = 100;
const mostChildren = 100;
const token =
  /\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)|(AND|OR|NOT|TRUE|FALSE|\(|\)))/y;

type Test = (state: (name: string) => StateValue | undefined) => boolean;
type Token = { symbol: string } | { wanted: StateValue; name: string };

/** @throws ValidationError */
export function parseRule(text: string): AlarmRule {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  let at = 0;
  while (text.slice(at).trim() !== "") {
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) throw invalid(text);
    at = token.lastIndex;
    const given = match[2] ?? match[3] ?? match[4];
    if (given === undefined) tokens.push({ symbol: match[5]! });
    else
      tokens.push({
        wanted: match[1] as StateValue,
        name: given.startsWith("arn:") ? (given.split(":alarm:")[1] ?? given) : given,
      });
  }
  const children = [...new Set(tokens.flatMap((each) => ("name" in each ? [each.name] : [])))];
  if (children.length > mostChildren) throw validation(`AlarmRule must not contain more than ${mostChildren} alarms.`);
  let position = 0;
  let depth = 0;
  const take = (symbol: string): boolean => {
    const next = tokens[position];
    if (!next || !("symbol" in next) || next.symbol !== symbol) return false;
    position++;
    return true;
  };
  const one = (): Test => {
    if (++depth > mostDepth) throw invalid(text);
    try {
      if (take("NOT")) {
        const inner = one();
        return (state) => !inner(state);
      }
      if (take("(")) {
        const inner = or();
        if (!take(")")) throw invalid(text);
        return inner;
      }
      if (take("TRUE")) return () => true;
      if (take("FALSE")) return () => false;
      const next = tokens[position++];
      if (!next || !("name" in next)) throw invalid(text);
      return (state) => (state(next.name) ?? "INSUFFICIENT_DATA") === next.wanted;
    } finally {
      depth--;
    }
  };
  const and = (): Test => {
    const tests = [one()];
    while (take("AND")) tests.push(one());
    return (state) => tests.every((test) => test(state));
  };
  const or = (): Test => {
    const tests = [and()];
    while (take("OR")) tests.push(and());
    return (state) => tests.some((test) => test(state));
  };
  const evaluate = or();
  if (position < tokens.length) throw invalid(text);
  return { children, evaluate };
}

const invalid = (text: string) => validation(`AlarmRule is not valid: ${text.slice(0, 200)}`);
