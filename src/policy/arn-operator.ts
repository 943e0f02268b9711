/**
 * ArnEquals and ArnLike, which behave identically: "Each of the six colon-delimited components of the ARN is
 * checked separately and each can include multi-character match wildcards or single-character match wildcards."
 * Source: IAM User Guide, "Condition operators", section on ARN operators.
 */
import type { RequestContext } from "./context.ts";
import { compileTemplate, parseTemplate, type Template } from "./template.ts";

/** A pattern that is no ARN matches nothing, except a lone `*`, which matches every ARN. */
export function arnTokenMatcher(template: Template): (value: string, context: RequestContext) => boolean {
  if (template.source === "*") return (value) => splitArn(value) !== undefined;
  const components = splitPattern(template.source);
  if (components === undefined) return () => false;
  // A template without variables keeps `${` as text only under version 2008-10-17.
  const withVariables = template.variables.length > 0 || template.pieces.some((piece) => piece.kind === "literal");
  const tests = components.map((component) => compileTemplate(parseTemplate(component, withVariables)));
  return (value, context) => {
    const parts = splitArn(value);
    return parts !== undefined && tests.every((test, index) => test(parts[index]!, context));
  };
}

function splitArn(value: string): string[] | undefined {
  const parts = value.split(":");
  if (parts.length < 6 || parts[0] !== "arn") return undefined;
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
}

/** Splits at colons outside `${…}`: variable names contain colons themselves. */
function splitPattern(source: string): string[] | undefined {
  const components: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < source.length && components.length < 5; i++) {
    if (source.startsWith("${", i)) depth++;
    else if (source[i] === "}" && depth > 0) depth--;
    else if (source[i] === ":" && depth === 0) {
      components.push(source.slice(from, i));
      from = i + 1;
    }
  }
  if (components.length < 5) return undefined;
  components.push(source.slice(from));
  return components;
}
