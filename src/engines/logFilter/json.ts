/**
 * JSON patterns: `{ ($.eventName = "Put*") && $.error IS NULL }`. Source: CloudWatch Logs User Guide, "Using filter
 * patterns to match terms in JSON log events".
 */
import { comparison, type Operand, type Operator, operatorText } from "./comparison.ts";
import { InvalidFilterPattern } from "./invalid.ts";

type Test = (document: unknown) => boolean;
/** A member name, a position, or `*`: every one of them. */
type Step = string | number;

export interface JsonFilter {
  test: Test;
  /** Selectors of the pattern as they were written, for TestMetricFilter's extracted values. */
  selectors: readonly Selector[];
  regexes: number;
}

export interface Selector {
  text: string;
  steps: readonly Step[];
}

/** Depth of parentheses; a pattern has at most 1,024 characters. */
const mostDepth = 100;

/** @throws InvalidFilterPattern */
export function compileJson(pattern: string): JsonFilter {
  return new Parser(pattern.trim().slice(1, -1)).parse();
}

/** `$.a.b[0].*`. @throws InvalidFilterPattern */
export function parseSelector(text: string): Selector {
  const parser = new Parser(text.trim());
  const selector = parser.selector();
  parser.end();
  return selector;
}

/** Values that a selector finds; none when the path leads nowhere. */
export function select(document: unknown, { steps }: Selector): unknown[] {
  let found: unknown[] = [document];
  for (const step of steps) {
    found = found.flatMap((value): unknown[] => {
      if (value === null || typeof value !== "object") return [];
      if (step === "*") return Object.values(value);
      if (Array.isArray(value)) return typeof step === "number" && step < value.length ? [value[step]] : [];
      return typeof step === "string" && Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
    });
  }
  return found;
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #regexes = 0;
  readonly #selectors: Selector[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonFilter {
    if (this.#rest().trim() === "") throw new InvalidFilterPattern("The pattern is empty");
    const test = this.#or();
    this.end();
    const wildcards = this.#selectors.map(({ steps }) => steps.filter((step) => step === "*").length);
    // "up to one wildcard operator per property selector, up to three in a compound expression"
    if (wildcards.some((count) => count > 1) || wildcards.reduce((a, b) => a + b, 0) > 3) {
      throw new InvalidFilterPattern("Too many wildcards in property selectors");
    }
    return { test, selectors: this.#selectors, regexes: this.#regexes };
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected();
  }

  #or(): Test {
    const tests = [this.#and()];
    while (this.#take("||")) tests.push(this.#and());
    return tests.length === 1 ? tests[0]! : (document) => tests.some((test) => test(document));
  }

  #and(): Test {
    const tests = [this.#one()];
    while (this.#take("&&")) tests.push(this.#one());
    return tests.length === 1 ? tests[0]! : (document) => tests.every((test) => test(document));
  }

  #one(): Test {
    if (this.#take("(")) {
      if (++this.#depth > mostDepth) throw new InvalidFilterPattern("The pattern is nested too deeply");
      const test = this.#or();
      if (!this.#take(")")) throw this.#unexpected();
      this.#depth--;
      return test;
    }
    const selector = this.selector();
    this.#selectors.push(selector);
    this.#space();
    const word = /^(IS\s+NULL|IS\s+TRUE|IS\s+FALSE|NOT\s+EXISTS|EXISTS)\b/i.exec(this.#rest());
    if (word) {
      this.#at += word[0].length;
      return unary(word[1]!.toUpperCase().replaceAll(/\s+/g, " "), selector);
    }
    const operator = operatorText.exec(this.#rest())?.[0] as Operator | undefined;
    if (operator === undefined) throw this.#unexpected();
    this.#at += operator.length;
    const operand = this.#operand();
    if (operand.kind === "regex") this.#regexes++;
    const compare = comparison(operator, operand);
    const equality = operator === "=" || operator === "!=";
    return (document) =>
      select(document, selector).some((value) => {
        if (typeof value === "number") return operand.kind !== "quoted" && compare(String(value), true);
        if (typeof value === "string") return (equality || operand.kind === "text") && compare(value, false);
        if (typeof value === "boolean") return equality && operand.kind === "text" && compare(String(value), false);
        return false;
      });
  }

  selector(): Selector {
    this.#space();
    const start = this.#at;
    if (this.#text[this.#at] !== "$") throw this.#unexpected();
    this.#at++;
    const steps: Step[] = [];
    for (;;) {
      const rest = this.#rest();
      const named = /^\.([A-Za-z0-9_@:-]+|\*)/.exec(rest);
      const quoted = /^\.?\[(?:"([^"]+)"|'([^']+)')\]/.exec(rest);
      const indexed = /^\[(\d{1,9}|\*)\]/.exec(rest);
      const step = named ?? quoted ?? indexed;
      if (!step) break;
      this.#at += step[0].length;
      if (indexed) steps.push(indexed[1] === "*" ? "*" : Number(indexed[1]));
      else steps.push(named?.[1] ?? quoted?.[1] ?? quoted![2]!);
    }
    if (steps.length === 0) throw this.#unexpected();
    return { text: this.#text.slice(start, this.#at), steps };
  }

  #operand(): Operand {
    this.#space();
    const rest = this.#rest();
    const regex = /^%([^%]*)%/.exec(rest);
    const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(rest) ?? /^'((?:[^'\\]|\\.)*)'/.exec(rest);
    const bare = /^[A-Za-z0-9_.*+:/@#-]+/.exec(rest);
    const found = regex ?? quoted ?? bare;
    if (!found) throw this.#unexpected();
    this.#at += found[0].length;
    if (regex) return { kind: "regex", text: regex[1]! };
    if (quoted) return { kind: "quoted", text: quoted[1]!.replace(/\\(.)/g, "$1") };
    return { kind: "text", text: bare![0] };
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #take(token: string): boolean {
    this.#space();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #unexpected(): InvalidFilterPattern {
    const near = this.#text.slice(this.#at, this.#at + 20);
    return new InvalidFilterPattern(near === "" ? "The pattern ends too early" : `Unexpected '${near}'`);
  }
}

function unary(word: string, selector: Selector): Test {
  switch (word) {
    case "NOT EXISTS":
      return (document) => select(document, selector).length === 0;
    case "EXISTS":
      return (document) => select(document, selector).length > 0;
    default: {
      const wanted = word === "IS NULL" ? null : word === "IS TRUE";
      return (document) => select(document, selector).some((value) => value === wanted);
    }
  }
}
