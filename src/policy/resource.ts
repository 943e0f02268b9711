/**
 * The Resource and NotResource elements. Source: IAM User Guide, "IAM JSON policy elements: Resource": wildcards
 * stand within one colon-separated segment, except that a `*` that ends a segment "can expand to match beyond the
 * colon boundaries". In the resource part, after the fifth colon, a `*` matches everything, as S3 keys and log
 * group names contain colons themselves.
 */
import type { RequestContext } from "./context.ts";
import { compileTemplate, isStatic, parseTemplate, type Template, type Tokenizer } from "./template.ts";
import { type Token, tokensOf } from "./wildcard.ts";

export interface ResourceElement {
  readonly negated: boolean;
  readonly templates: readonly Template[];
  /** Whether any pattern has a policy variable; without one the request context is not looked at. */
  readonly hasVariables: boolean;
  /** Whether the statement covers the resource, NotResource already taken into account. */
  matches(resource: string, context: RequestContext): boolean;
}

const resourceTokenizer: Tokenizer = () => {
  let colons = 0;
  return (text) => {
    const tokens: Token[] = [];
    for (const [index, segment] of text.split(":").entries()) {
      if (index > 0) {
        tokens.push({ kind: "text", text: ":" });
        colons++;
      }
      const parts = tokensOf(segment);
      for (const [position, token] of parts.entries()) {
        const endsSegment = position === parts.length - 1;
        tokens.push(token.kind === "star" && colons < 5 && !endsSegment ? { kind: "starWithin" } : token);
      }
    }
    return tokens;
  };
};

export function compileResource(
  patterns: readonly string[],
  negated: boolean,
  withVariables: boolean,
): ResourceElement {
  const templates = patterns.map((pattern) => parseTemplate(pattern, withVariables));
  const everything = templates.some((template) => template.source === "*");
  const tests = templates.map((template) => compileTemplate(template, resourceTokenizer));
  return {
    negated,
    templates,
    hasVariables: templates.some((template) => !isStatic(template)),
    matches: (resource, context) => {
      if (everything) return !negated;
      for (const test of tests) {
        if (test(resource, context)) return !negated;
      }
      return negated;
    },
  };
}
