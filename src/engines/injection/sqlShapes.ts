/** Parts of SQL as they are recognised in a row of pieces: operands, calls, statements. */
import type { SqlToken } from "./sqlTokens.ts";

export interface Operand {
  /** Index behind it. */
  next: number;
  /** `open`: a string that the text does not close, for the application to close. */
  kind: "constant" | "string" | "open" | "name" | "call" | "query";
  text: string;
}

/** Pieces that are looked at for the end of a string or a parenthesis. */
const stringReach = 14;
const callReach = 80;

export class SqlReader {
  readonly tokens: readonly SqlToken[];

  constructor(tokens: readonly SqlToken[]) {
    this.tokens = tokens;
  }

  is(at: number, ...texts: readonly string[]): boolean {
    const token = this.tokens[at];
    return token !== undefined && token.type !== "quote" && texts.includes(token.text);
  }

  type(at: number): SqlToken["type"] | "end" {
    return this.tokens[at]?.type ?? "end";
  }

  skip(at: number, ...types: readonly SqlToken["type"][]): number {
    let next = at;
    while (types.includes(this.tokens[next]?.type as SqlToken["type"])) next++;
    return next;
  }

  /** One operand with the signs and parentheses before it, and those that close after it. */
  operand(from: number): Operand | undefined {
    let at = from;
    while (
      this.type(at) === "open" ||
      (this.type(at) === "operator" && this.is(at, "-", "+", "~", "!", "not", "binary", "all", "any", "some"))
    ) {
      at++;
    }
    const found = this.#bare(at);
    if (!found) return undefined;
    return { ...found, next: this.skip(found.next, "close") };
  }

  #bare(at: number): Operand | undefined {
    const token = this.tokens[at];
    if (!token) return undefined;
    if (token.type === "number" || token.type === "variable")
      return { next: at + 1, kind: "constant", text: token.text };
    if (token.type === "quote") return this.#string(at);
    if (token.type !== "word") return undefined;
    if (token.word === "select") return { next: at + 1, kind: "query", text: token.text };
    if (token.text === "case") return { next: this.#to(at, "end"), kind: "call", text: token.text };
    if (token.text === "exists" && this.type(at + 1) === "open")
      return { next: this.#closing(at + 1), kind: "call", text: token.text };
    if (this.type(at + 1) === "open") return { next: this.#closing(at + 1), kind: "call", text: token.text };
    if (token.word === "constant") return { next: at + 1, kind: "constant", text: token.text };
    if (token.word !== "name" && token.word !== "function" && token.word !== "catalog" && token.word !== "danger")
      return undefined;
    // N'text', x'4142', _utf8'text'
    if (
      /^(?:n|x|b|e|q|_\w+)$/.test(token.text) &&
      this.type(at + 1) === "quote" &&
      this.tokens[at + 1]!.at === token.end
    ) {
      return this.#string(at + 1);
    }
    let next = at + 1;
    while (this.type(next) === "dot" && this.type(next + 1) === "word") next += 2;
    if (next > at + 1 && this.type(next) === "open")
      return { next: this.#closing(next), kind: "call", text: token.text };
    return { next, kind: "name", text: token.text };
  }

  #string(at: number): Operand {
    const mark = this.tokens[at]!.text;
    for (let next = at + 1; next < this.tokens.length && next <= at + stringReach; next++) {
      const token = this.tokens[next]!;
      if (token.type === "quote" && token.text === mark) {
        return {
          next: next + 1,
          kind: "string",
          text: this.tokens
            .slice(at + 1, next)
            .map(({ text }) => text)
            .join(" "),
        };
      }
    }
    return { next: Math.min(this.tokens.length, at + stringReach), kind: "open", text: "" };
  }

  /** Behind the parenthesis that closes the one at `at`; the end of what is looked at when none does. */
  #closing(at: number): number {
    let depth = 0;
    const end = Math.min(this.tokens.length, at + callReach);
    for (let next = at; next < end; next++) {
      if (this.type(next) === "open") depth++;
      else if (this.type(next) === "close" && --depth === 0) return next + 1;
    }
    return end;
  }

  #to(at: number, word: string): number {
    const end = Math.min(this.tokens.length, at + callReach);
    for (let next = at; next < end; next++) if (this.is(next, word)) return next + 1;
    return end;
  }

  /** Nothing but closing marks, comments or what comes after the value in its envelope. */
  ends(at: number): boolean {
    const next = this.skip(at, "close");
    const type = this.type(next);
    return type === "end" || type === "comment" || type === "semicolon";
  }

  /** The text, from one piece to another, as pieces. */
  pieces(from: number, to: number, source: string): string[] {
    return this.tokens.slice(Math.max(0, from), Math.min(to, from + 8)).map(({ at, end }) => source.slice(at, end));
  }
}
