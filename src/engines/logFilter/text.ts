/**
 * Unstructured patterns: words and quoted phrases that must all occur, `?any` of which one must, `-none` of which
 * none may. Words are whole words and case counts. Source: CloudWatch Logs User Guide, "Using filter patterns to
 * match terms in unstructured log events".
 */
import { InvalidFilterPattern } from "./invalid.ts";
import { compileRegex } from "./regex.ts";

type Test = (message: string) => boolean;

const wordCharacter = /[\p{L}\p{N}_]/u;

/** @throws InvalidFilterPattern */
export function compileText(pattern: string): { test: Test; regexes: number } {
  const all: Test[] = [];
  const any: Test[] = [];
  const none: Test[] = [];
  let regexes = 0;
  let rest = pattern.trim();
  while (rest !== "") {
    const sign = /^[-?]/.exec(rest)?.[0] ?? "";
    rest = rest.slice(sign.length);
    if (rest.startsWith("%")) regexes++;
    const [test, length] = term(rest);
    (sign === "?" ? any : sign === "-" ? none : all).push(test);
    rest = rest.slice(length);
    if (rest !== "" && !/^\s/.test(rest)) throw new InvalidFilterPattern("Terms are separated by spaces");
    rest = rest.trimStart();
  }
  // "You can't combine ?term with other terms: it is ignored then."
  const choices = all.length > 0 || none.length > 0 ? [] : any;
  const test: Test = (message) =>
    all.every((test) => test(message)) &&
    !none.some((test) => test(message)) &&
    (choices.length === 0 || choices.some((test) => test(message)));
  return { test, regexes };
}

function term(text: string): [Test, number] {
  if (text[0] === "%") {
    const end = text.indexOf("%", 1);
    if (end < 0) throw new InvalidFilterPattern("A regex is not closed");
    return [compileRegex(text.slice(1, end)), end + 1];
  }
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(text);
  if (quoted) return [phrase(quoted[1]!.replace(/\\(.)/g, "$1")), quoted[0].length];
  const word = /^[\p{L}\p{N}_]+/u.exec(text)?.[0];
  if (word === undefined)
    throw new InvalidFilterPattern("Terms with other characters than letters and digits need quotes");
  return [phrase(word), word.length];
}

function phrase(text: string): Test {
  if (text === "") return () => true;
  const opens = wordCharacter.test(text[0]!);
  const closes = wordCharacter.test(text.at(-1)!);
  return (message) => {
    for (let at = message.indexOf(text); at >= 0; at = message.indexOf(text, at + 1)) {
      const before = message[at - 1];
      const after = message[at + text.length];
      if (opens && before !== undefined && wordCharacter.test(before)) continue;
      if (closes && after !== undefined && wordCharacter.test(after)) continue;
      return true;
    }
    return false;
  };
}
