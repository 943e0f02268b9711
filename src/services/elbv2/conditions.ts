/**
 * Conditions of rules, from a request to what is kept and back.
 * Source: Elastic Load Balancing User Guide, "Condition types for listener rules", "Quotas"; texts recorded by moto.
 */
import { parseCidrText } from "./addresses.ts";
import { validation } from "./errors.ts";
import { quotas } from "./quotas.ts";
import type { GivenCondition } from "./sdk.ts";
import type { Condition } from "./state.ts";

const fields = [
  "path-pattern",
  "host-header",
  "http-header",
  "http-request-method",
  "query-string",
  "source-ip",
] as const;
type Field = (typeof fields)[number];

const configs = {
  "path-pattern": "PathPatternConfig",
  "host-header": "HostHeaderConfig",
  "http-header": "HttpHeaderConfig",
  "http-request-method": "HttpRequestMethodConfig",
  "query-string": "QueryStringConfig",
  "source-ip": "SourceIpConfig",
} as const satisfies Record<Field, keyof GivenCondition>;

/** @throws ValidationError */
export function readConditions(given: readonly GivenCondition[]): Condition[] {
  const conditions = given.map(readCondition);
  for (const field of ["host-header", "path-pattern", "http-request-method", "source-ip"]) {
    if (conditions.filter((each) => each.field === field).length > 1) {
      throw validation(`A rule can only have one '${field}' condition`);
    }
  }
  const values = conditions.reduce((sum, { values: own, ...rest }) => sum + own.length + expressionsOf(rest).length, 0);
  const most = quotas["condition-values-per-alb-rule"];
  if (values > most) throw validation(`A rule can only have '${most}' condition values`);
  const wildcards = conditions.flatMap(wildcardTexts).join("").replace(/[^*?]/g, "").length;
  if (wildcards > quotas["condition-wildcards-per-alb-rule"]) {
    throw validation(`A rule can only have '${quotas["condition-wildcards-per-alb-rule"]}' condition wildcards`);
  }
  return conditions;
}

const expressionsOf = (condition: { regexValues?: readonly string[] } | object): readonly string[] =>
  "regexValues" in condition ? (condition.regexValues ?? []) : [];

function wildcardTexts(condition: Condition): string[] {
  if (condition.field === "http-request-method" || condition.field === "source-ip") return [];
  return condition.values.map((value) => (typeof value === "string" ? value : `${value.key ?? ""}${value.value}`));
}

function readCondition(given: GivenCondition): Condition {
  const field = given.Field as Field | undefined;
  if (field === undefined || !fields.includes(field)) {
    throw validation(`Condition field '${field ?? ""}' must be one of '[${fields.join(",")}]'`);
  }
  for (const other of fields) {
    if (other !== field && given[configs[other]] !== undefined) {
      throw validation(`The '${configs[other]}' field is not compatible with '${field}'`);
    }
  }
  const config = given[configs[field]];
  if (given.Values?.length && field !== "host-header" && field !== "path-pattern") {
    throw validation(`The 'Values' field is not compatible with '${field}'`);
  }
  if (given.Values?.length && config !== undefined) {
    throw validation(`You cannot specify both 'Values' and '${configs[field]}'`);
  }
  switch (field) {
    case "host-header":
    case "path-pattern": {
      const { Values = given.Values ?? [], RegexValues = given.RegexValues ?? [] } =
        given.HostHeaderConfig ?? given.PathPatternConfig ?? {};
      requireSome(Values, RegexValues);
      const check = field === "host-header" ? checkHost : checkPath;
      return {
        field,
        values: Values.map(check),
        regexValues: RegexValues.map(checkExpression),
        old: config === undefined,
      };
    }
    case "http-header": {
      const { HttpHeaderName: name, Values = [], RegexValues = [] } = given.HttpHeaderConfig ?? {};
      if (!name) throw validation("A 'HttpHeaderName' must be specified");
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}$/.test(name)) {
        throw validation(`The header name '${name}' is not valid: at most 40 characters of RFC 7230`);
      }
      if (name.toLowerCase() === "host") throw validation("Use the 'host-header' condition for the Host header");
      requireSome(Values, RegexValues);
      return {
        field,
        name,
        values: Values.map((value) => checkLength(value, "header")),
        regexValues: RegexValues.map(checkExpression),
      };
    }
    case "query-string": {
      const values = given.QueryStringConfig?.Values ?? [];
      requireSome(values, []);
      return {
        field,
        values: values.map(({ Key, Value }) => {
          if (!Value) throw validation("A 'Value' must be specified for a 'query-string' condition");
          const value = checkLength(Value, "query string");
          return Key ? { key: checkLength(Key, "query string"), value } : { value };
        }),
      };
    }
    case "http-request-method": {
      const values = given.HttpRequestMethodConfig?.Values ?? [];
      requireSome(values, []);
      for (const value of values) {
        if (!/^[A-Z_-]{1,40}$/.test(value)) {
          throw validation(`The request method '${value}' is not valid: up to 40 characters of A-Z, '-' and '_'`);
        }
      }
      return { field, values };
    }
    case "source-ip": {
      const values = given.SourceIpConfig?.Values ?? [];
      requireSome(values, []);
      for (const value of values) if (!parseCidrText(value)) throw validation(`The CIDR '${value}' is not valid`);
      return { field, values };
    }
  }
}

function requireSome(values: readonly unknown[], expressions: readonly string[]): void {
  if (values.length + expressions.length === 0) throw validation("A condition value must be specified");
}

function checkLength(value: string, what: string): string {
  if (value === "") throw validation("A condition value cannot be empty");
  if (value.length > 128) throw validation(`The ${what} value '${value}' cannot be longer than '128' characters`);
  return value;
}

function checkHost(value: string): string {
  checkLength(value, "host");
  if (!/^[A-Za-z0-9.*?_-]+$/.test(value))
    throw validation(`The host '${value}' contains characters that are not valid`);
  if (!value.includes(".")) throw validation(`The host '${value}' must contain at least one '.'`);
  return value;
}

function checkPath(value: string): string {
  checkLength(value, "path");
  if (!/^[A-Za-z0-9_\-.$/~"'@:+&*?=%,;()!]+$/.test(value)) {
    throw validation(`The path '${value}' contains characters that are not valid`);
  }
  return value;
}

/** What has no bound on its running time is refused, as AWS refuses it. */
export function checkExpression(value: string): string {
  checkLength(value, "regular expression");
  if (/\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</.test(value)) {
    throw validation(`The regular expression '${value}' is not valid: no look-around and no back-references`);
  }
  try {
    new RegExp(value);
  } catch {
    throw validation(`The regular expression '${value}' is not valid`);
  }
  return value;
}

/** The two that came first can be given, and are shown, both ways. */
export function showCondition(condition: Condition): GivenCondition {
  const { field } = condition;
  switch (field) {
    case "host-header":
    case "path-pattern": {
      const config = {
        ...(condition.values.length > 0 || condition.regexValues.length === 0 ? { Values: condition.values } : {}),
        ...(condition.regexValues.length > 0 ? { RegexValues: condition.regexValues } : {}),
      };
      return { Field: field, ...(condition.old ? config : { Values: condition.values }), [configs[field]]: config };
    }
    case "http-header":
      return {
        Field: field,
        HttpHeaderConfig: {
          HttpHeaderName: condition.name,
          Values: condition.values,
          ...(condition.regexValues.length > 0 ? { RegexValues: condition.regexValues } : {}),
        },
      };
    case "query-string":
      return {
        Field: field,
        QueryStringConfig: {
          Values: condition.values.map(({ key, value }) => ({
            ...(key === undefined ? {} : { Key: key }),
            Value: value,
          })),
        },
      };
    case "http-request-method":
      return { Field: field, HttpRequestMethodConfig: { Values: condition.values } };
    case "source-ip":
      return { Field: field, SourceIpConfig: { Values: condition.values } };
  }
}
