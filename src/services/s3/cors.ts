/**
 * Cross-origin resource sharing, pure: which rule a request matches and which headers answer it.
 * Source: Amazon S3 User Guide, "Using cross-origin resource sharing (CORS)": the first rule that allows origin,
 * method and every requested header decides.
 */
import type { CorsRule } from "./state.ts";

export interface CorsQuestion {
  origin: string;
  /** The method of the request, or the one a preflight asks for. */
  method: string;
  /** Names from `access-control-request-headers`; empty for an actual request. */
  headers: readonly string[];
}

export function matchCors(rules: readonly CorsRule[], question: CorsQuestion): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.AllowedOrigins.some((origin) => matches(origin, question.origin)) &&
      rule.AllowedMethods.includes(question.method) &&
      question.headers.every((header) =>
        (rule.AllowedHeaders ?? []).some((allowed) => matches(allowed.toLowerCase(), header.toLowerCase())),
      ),
  );
}

/** One `*` stands for any text. */
function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === text;
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

/** Headers of the answer under a rule; `preflight` adds what only a preflight tells. */
export function corsHeaders(rule: CorsRule, question: CorsQuestion, preflight: boolean): Record<string, string> {
  const anyOrigin = rule.AllowedOrigins.includes("*");
  return {
    "access-control-allow-origin": anyOrigin ? "*" : question.origin,
    ...(anyOrigin ? {} : { "access-control-allow-credentials": "true" }),
    "access-control-allow-methods": rule.AllowedMethods.join(", "),
    ...(rule.ExposeHeaders?.length ? { "access-control-expose-headers": rule.ExposeHeaders.join(", ") } : {}),
    ...(preflight && question.headers.length > 0
      ? { "access-control-allow-headers": question.headers.map((header) => header.toLowerCase()).join(", ") }
      : {}),
    ...(preflight && rule.MaxAgeSeconds !== undefined ? { "access-control-max-age": String(rule.MaxAgeSeconds) } : {}),
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  };
}
