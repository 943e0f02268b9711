/**
 * Conditions of routing rules, compiled once per configuration.
 * Source: Elastic Load Balancing User Guide, "Condition types for listener rules".
 */
import type { RoutingCondition } from "./config.ts";
import { contains, networks } from "./networks.ts";
import { regularExpression, wildcard } from "./patterns.ts";

/** What conditions look at. */
export interface RoutedRequest {
  method: string;
  /** Host header without its port, in lower case. */
  host: string;
  /** As sent, without the query. */
  path: string;
  /** As sent, without the question mark; empty where there is none. */
  query: string;
  /** Name, value, name, value … */
  rawHeaders: readonly string[];
  clientAddress: string;
}

export type Condition = (request: RoutedRequest) => boolean;

export function compileCondition(condition: RoutingCondition): Condition {
  switch (condition.field) {
    case "host-header":
      return anyOf(texts(condition, false), (request) => [request.host]);
    case "path-pattern":
      return anyOf(texts(condition, true), (request) => [request.path]);
    case "http-header": {
      const name = condition.name.toLowerCase();
      return anyOf(texts(condition, false), (request) => headerValues(request.rawHeaders, name));
    }
    case "query-string":
      return queryCondition(condition.values);
    case "http-request-method":
      return (request) => condition.values.includes(request.method);
    case "source-ip": {
      const list = networks(condition.values);
      return (request) => contains(list, request.clientAddress);
    }
  }
}

type Matcher = (text: string) => boolean;

/** An expression that cannot be served matches nothing. */
function texts(
  { values, regexValues = [] }: { values: readonly string[]; regexValues?: readonly string[] },
  caseSensitive: boolean,
): Matcher[] {
  const expressions = regexValues.flatMap((source) => regularExpression(source, caseSensitive) ?? []);
  return [
    ...values.map((value) => wildcard(value, caseSensitive)),
    ...expressions.map((expression) => (text: string) => expression.test(text)),
  ];
}

function anyOf(matchers: readonly Matcher[], read: (request: RoutedRequest) => readonly string[]): Condition {
  return (request) => {
    const candidates = read(request);
    return matchers.some((matches) => candidates.some(matches));
  };
}

export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const found: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) found.push(rawHeaders[index + 1] ?? "");
  }
  return found;
}

/** Keys and values are compared as they were sent: not decoded. */
function queryCondition(values: readonly { key?: string; value: string }[]): Condition {
  const wanted = values.map(({ key, value }) => ({
    key: key === undefined ? undefined : wildcard(key, false),
    value: wildcard(value, false),
  }));
  return ({ query }) => {
    if (query === "") return false;
    const pairs = query.split("&").map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? ([pair, ""] as const) : ([pair.slice(0, at), pair.slice(at + 1)] as const);
    });
    return wanted.some(({ key, value }) => pairs.some(([name, text]) => (key?.(name) ?? true) && value(text)));
  };
}
