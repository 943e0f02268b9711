/**
 * Parts of requests and their transformations.
 * Source: AWS WAF API Reference, FieldToMatch and its members; Developer Guide, "Request components".
 */
import type { PreParseTextTransformation, TextTransformation } from "@aws-sdk/client-wafv2";
import type { FieldToMatch } from "#engines/waf/model.ts";
import { reasons } from "../errors.ts";
import { distinct, need, onlyOne } from "./parts.ts";

export function checkField(field: FieldToMatch | undefined): void {
  onlyOne(field, "FIELD_TO_MATCH", "FieldToMatch");
  const { Headers, Cookies, JsonBody, SingleHeader, SingleQueryArgument } = field!;
  if (Headers) {
    onlyOne(Headers.MatchPattern, "HEADER_MATCH_PATTERN", "HeaderMatchPattern");
    const names = Headers.MatchPattern!.IncludedHeaders ?? Headers.MatchPattern!.ExcludedHeaders ?? [];
    need(
      distinct(names.map((name) => name.toLowerCase())),
      "HEADER_MATCH_PATTERN",
      "HeaderMatchPattern",
      reasons.duplicate,
    );
  }
  if (Cookies) {
    onlyOne(Cookies.MatchPattern, "COOKIE_MATCH_PATTERN", "CookieMatchPattern");
    const names = Cookies.MatchPattern!.IncludedCookies ?? Cookies.MatchPattern!.ExcludedCookies ?? [];
    need(distinct(names), "COOKIE_MATCH_PATTERN", "CookieMatchPattern", reasons.duplicate);
  }
  if (JsonBody) {
    onlyOne(JsonBody.MatchPattern, "JSON_MATCH_PATTERN", "JsonMatchPattern");
    for (const path of JsonBody.MatchPattern!.IncludedPaths ?? []) {
      need(/^(?:\/(?:[^~]|~[01])*)+$/.test(path), "JSON_MATCH_PATTERN", path);
    }
  }
  if (SingleHeader)
    need(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(SingleHeader.Name ?? ""), "SINGLE_HEADER", SingleHeader.Name ?? "");
  if (SingleQueryArgument) need((SingleQueryArgument.Name ?? "") !== "", "SINGLE_QUERY_ARGUMENT", "Name");
}

/** Source: AWS WAF quotas: 10 text transformations per statement. */
const mostTransformations = 10;

export function checkTransformations(given: readonly TextTransformation[] | undefined): void {
  const transformations = given ?? [];
  need(transformations.length > 0, "TEXT_TRANSFORMATION", "TextTransformation", reasons.minimum);
  need(transformations.length <= mostTransformations, "TEXT_TRANSFORMATION", "TextTransformation", reasons.maximum);
  need(distinct(transformations.map(({ Priority }) => Priority)), "TEXT_TRANSFORMATION", "Priority", reasons.duplicate);
}

export function checkPreParse(given: readonly PreParseTextTransformation[] | undefined, field: FieldToMatch): void {
  if (given === undefined) return;
  const parsed = field.SingleQueryArgument !== undefined || field.AllQueryArguments !== undefined;
  need(
    parsed,
    "PRE_PARSE_TEXT_TRANSFORMATION",
    "PreParseTextTransformations",
    "Pre-parse text transformations are only supported for SingleQueryArgument and AllQueryArguments.",
  );
  need(
    given.length <= mostTransformations,
    "PRE_PARSE_TEXT_TRANSFORMATION",
    "PreParseTextTransformations",
    reasons.maximum,
  );
  need(distinct(given.map(({ Priority }) => Priority)), "PRE_PARSE_TEXT_TRANSFORMATION", "Priority", reasons.duplicate);
}
