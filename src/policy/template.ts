/**
 * Policy variables: `${aws:username}`, with a default `${aws:username, 'nobody'}`, and the escapes `${*}`, `${?}`
 * and `${$}`. They exist since language version 2012-10-17; before it the text stands for itself.
 * Source: IAM User Guide, "IAM policy elements: Variables and tags".
 */
import type { RequestContext } from "./context.ts";
import { compileTokens, type Matcher, type Token, textToken, tokensOf } from "./wildcard.ts";

type Piece =
  | { kind: "pattern"; text: string }
  | { kind: "literal"; text: string }
  | { kind: "variable"; key: string; fallback: string | undefined };

export interface Template {
  /** As written in the policy. */
  readonly source: string;
  readonly pieces: readonly Piece[];
  /** Context keys the template asks for, as written. */
  readonly variables: readonly string[];
}

const escapes = new Set(["*", "?", "$"]);
const variable = /^\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?$/;

/** @param withVariables false for a policy of version 2008-10-17, where `${…}` is plain text. */
export function parseTemplate(source: string, withVariables: boolean): Template {
  const pieces: Piece[] = [];
  const variables: string[] = [];
  let from = 0;
  for (let at = withVariables ? source.indexOf("${") : -1; at >= 0; at = source.indexOf("${", at)) {
    const end = closingBrace(source, at + 2);
    if (end < 0) break;
    const inner = source.slice(at + 2, end);
    const found = variable.exec(inner);
    if (!escapes.has(inner) && found === null) {
      at += 2;
      continue;
    }
    if (at > from) pieces.push({ kind: "pattern", text: source.slice(from, at) });
    if (escapes.has(inner)) {
      pieces.push({ kind: "literal", text: inner });
    } else {
      pieces.push({ kind: "variable", key: found![1]!.toLowerCase(), fallback: found![2] });
      variables.push(found![1]!);
    }
    at = from = end + 1;
  }
  if (from < source.length || pieces.length === 0) pieces.push({ kind: "pattern", text: source.slice(from) });
  return { source, pieces, variables };
}

function closingBrace(source: string, from: number): number {
  let quoted = false;
  for (let i = from; i < source.length; i++) {
    if (source[i] === "'") quoted = !quoted;
    else if (source[i] === "}" && !quoted) return i;
  }
  return -1;
}

/**
 * What a variable stands for. A key that is absent or has several values has none ("You can use any available
 * single-valued context key as a policy variable, but you can't use a multivalued context key").
 */
function valueOf(piece: { key: string; fallback: string | undefined }, context: RequestContext): string | undefined {
  const values = context.get(piece.key);
  return values?.length === 1 ? values[0] : piece.fallback;
}

export function isStatic(template: Template): boolean {
  return template.variables.length === 0;
}

/** The text with every variable filled in and wildcards left as plain characters; undefined when one has no value. */
export function resolveText(template: Template, context: RequestContext): string | undefined {
  let text = "";
  for (const piece of template.pieces) {
    const part = piece.kind === "variable" ? valueOf(piece, context) : piece.text;
    if (part === undefined) return undefined;
    text += part;
  }
  return text;
}

/** How wildcards of one pattern piece become tokens; differs between strings and ARNs. */
export type Tokenizer = () => (text: string) => Token[];

export const plainTokenizer: Tokenizer = () => tokensOf;

/**
 * Compiles a template into a matcher of (text, context). Values of variables are matched literally: a user whose
 * name contained `*` must not match everybody's resources.
 *
 * The matcher of a template with variables is remembered for the values last seen, as one principal tends to make
 * many requests in a row.
 */
export function compileTemplate(
  template: Template,
  tokenizer: Tokenizer = plainTokenizer,
): (text: string, context: RequestContext) => boolean {
  if (isStatic(template)) {
    const matcher = compileTokens(tokensFor(template, tokenizer, []));
    return (text) => matcher(text);
  }
  const variables = template.pieces.filter((piece) => piece.kind === "variable");
  let lastValues: readonly string[] = [];
  let last: Matcher | undefined;
  return (text, context) => {
    const values: string[] = [];
    for (const piece of variables) {
      const value = valueOf(piece, context);
      if (value === undefined) return false;
      values.push(value);
    }
    if (last === undefined || values.some((value, index) => value !== lastValues[index])) {
      last = compileTokens(tokensFor(template, tokenizer, values));
      lastValues = values;
    }
    return last(text);
  };
}

function tokensFor(template: Template, tokenizer: Tokenizer, values: readonly string[]): Token[] {
  const tokens: Token[] = [];
  const tokenize = tokenizer();
  let next = 0;
  for (const piece of template.pieces) {
    if (piece.kind === "pattern") tokens.push(...tokenize(piece.text));
    else tokens.push(textToken(piece.kind === "literal" ? piece.text : values[next++]!));
  }
  return tokens;
}
