/**
 * A strict JSON reader that also remembers where each object begins and ends, because the policy simulator
 * answers with the position of the statement that decided, and refuses what `JSON.parse` lets pass: an element
 * given twice ("Individual elements must not contain multiple instances of the same key").
 * Source: RFC 8259; IAM User Guide, "Grammar of the IAM JSON policy language".
 *
 * INVARIANT: nesting is limited, so no document can exhaust the stack.
 */
export interface Span {
  /** Offsets into the text, end exclusive. */
  start: number;
  end: number;
}

export class JsonError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at offset ${offset}`);
    this.name = "JsonError";
    this.offset = offset;
  }
}

export interface PositionedJson {
  value: unknown;
  /** Where each object of the value stands in the text. */
  spans: WeakMap<object, Span>;
}

const deepest = 24;

/** @throws JsonError on anything that is not one JSON value, on a key given twice, and on deep nesting. */
export function parseJson(text: string): PositionedJson {
  const spans = new WeakMap<object, Span>();
  let at = 0;

  const fail = (message: string): never => {
    throw new JsonError(message, at);
  };
  const skip = (): void => {
    while (at < text.length && " \t\n\r".includes(text[at]!)) at++;
  };
  const expect = (character: string): void => {
    if (text[at] !== character) fail(`expected ${character}`);
    at++;
  };

  const readString = (): string => {
    const start = at;
    expect('"');
    while (text[at] !== '"') {
      if (at >= text.length || text.charCodeAt(at) < 0x20) fail("unterminated string");
      at += text[at] === "\\" ? 2 : 1;
    }
    at++;
    try {
      return JSON.parse(text.slice(start, at)) as string;
    } catch {
      at = start;
      return fail("bad string");
    }
  };

  const readObject = (depth: number): object => {
    const start = at;
    // No prototype: a key named __proto__ is a key like any other.
    const result = Object.create(null) as Record<string, unknown>;
    expect("{");
    skip();
    if (text[at] !== "}") {
      for (;;) {
        skip();
        const key = readString();
        if (key in result) fail(`element ${JSON.stringify(key)} given twice`);
        skip();
        expect(":");
        result[key] = readValue(depth + 1);
        skip();
        if (text[at] !== ",") break;
        at++;
      }
    }
    expect("}");
    spans.set(result, { start, end: at });
    return result;
  };

  const readArray = (depth: number): unknown[] => {
    const result: unknown[] = [];
    expect("[");
    skip();
    if (text[at] !== "]") {
      for (;;) {
        result.push(readValue(depth + 1));
        skip();
        if (text[at] !== ",") break;
        at++;
      }
    }
    expect("]");
    return result;
  };

  const readValue = (depth: number): unknown => {
    if (depth > deepest) fail("nested too deeply");
    skip();
    const character = text[at];
    if (character === "{") return readObject(depth);
    if (character === "[") return readArray(depth);
    if (character === '"') return readString();
    const word = /[^\s,\]}]*/y;
    word.lastIndex = at;
    const found = word.exec(text)?.[0] ?? "";
    try {
      const value: unknown = JSON.parse(found);
      at += found.length;
      return value;
    } catch {
      return fail("unexpected character");
    }
  };

  const value = readValue(0);
  skip();
  if (at < text.length) fail("unexpected text after the value");
  return { value, spans };
}

/** One-based line and column of an offset. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) {
    line++;
    lineStart = i + 1;
  }
  return { line, column: offset - lineStart + 1 };
}
