/**
 * One request as AWS WAF logs it, and as GetSampledRequests shows it.
 * Source: AWS WAF Developer Guide, "Log fields for web ACL traffic", "Log examples"; API Reference, SampledHTTPRequest.
 */
import type {
  InsertedHeader,
  MatchDetail,
  Origin,
  Program,
  RateMatch,
  RuleMatch,
  TokenOutcome,
  Verdict,
  WafRequest,
} from "./contract.ts";
import type { LoggingDocument } from "./model.ts";
import type { Redaction } from "./redaction.ts";
import { textOf } from "./transforms/bytes.ts";

export function logRecord(
  program: Program,
  request: WafRequest,
  verdict: Verdict,
  origin: Origin,
  now: number,
  redaction: Redaction,
): string {
  const own = verdict.matches.filter(({ group }) => group === undefined);
  const terminating = verdict.matches.find((match) => match.terminating);
  return JSON.stringify({
    timestamp: now,
    formatVersion: 1,
    webaclId: program.webAclArn,
    terminatingRuleId: verdict.terminatingRule.id,
    terminatingRuleType: verdict.terminatingRule.type,
    action: verdict.action,
    terminatingRuleMatchDetails: details(terminating?.group === undefined ? terminating?.details : [], redaction),
    httpSourceName: origin.sourceName,
    httpSourceId: origin.sourceId,
    ruleGroupList: verdict.groups.map(({ group, rule }) => groupEntry(group, rule, verdict.matches, redaction)),
    rateBasedRuleList: verdict.rates.map(rateEntry),
    nonTerminatingMatchingRules: own.filter((match) => !match.terminating).map((match) => matchEntry(match, redaction)),
    requestHeadersInserted: insertedOrNull(verdict.insertedHeaders),
    responseCodeSent: customStatus(verdict),
    httpRequest: {
      clientIp: request.clientAddress,
      country: verdict.country ?? "-",
      headers: headersOf(request, redaction),
      uri: redaction.uri(pathOf(request)),
      args: redaction.arguments(queryOf(request)),
      httpVersion: request.httpVersion,
      httpMethod: redaction.method(request.method),
      requestId: request.requestId,
      fragment: "",
      scheme: request.scheme,
      host: headerOf(request, "host"),
    },
    ...(verdict.labels.length > 0 ? { labels: verdict.labels.map((name) => ({ name })) } : {}),
    ...(verdict.captcha ? { captchaResponse: outcome(verdict.captcha) } : {}),
    ...(verdict.challenge ? { challengeResponse: outcome(verdict.challenge) } : {}),
    ...(request.tls?.ja3 === undefined ? {} : { ja3Fingerprint: request.tls.ja3 }),
    ...(request.tls?.ja4 === undefined ? {} : { ja4Fingerprint: request.tls.ja4 }),
    ...(verdict.asn === undefined ? {} : { clientAsn: verdict.asn }),
    ...(verdict.oversizeFields.length > 0 ? { oversizeFields: verdict.oversizeFields } : {}),
    ...(program.needsBody
      ? {
          requestBodySize: request.bodyLength ?? request.body?.byteLength ?? 0,
          requestBodySizeInspectedByWAF: request.body?.byteLength ?? 0,
        }
      : {}),
  });
}

const insertedOrNull = (headers: readonly InsertedHeader[]): readonly InsertedHeader[] | null =>
  headers.length > 0 ? headers : null;

/** Only a custom response says what was sent. */
function customStatus({ action, response }: Verdict): number | null {
  return action === "BLOCK" && response?.custom === true ? response.status : null;
}

function details(found: readonly MatchDetail[] | undefined, redaction: Redaction): object[] {
  return (found ?? []).map((detail) => {
    const show = redaction.detail(detail.location, detail.matchedFieldName);
    return {
      conditionType: detail.conditionType,
      ...(detail.sensitivityLevel ? { sensitivityLevel: detail.sensitivityLevel } : {}),
      location: detail.location,
      matchedData: detail.matchedData.map(show),
      matchedFieldName: detail.matchedFieldName ?? "",
    };
  });
}

function matchEntry(match: RuleMatch, redaction: Redaction): object {
  return {
    ruleId: match.rule,
    action: match.action,
    ruleMatchDetails: details(match.details, redaction),
    ...(match.overriddenAction ? { overriddenAction: match.overriddenAction } : {}),
    ...(match.insertedHeaders.length > 0 ? { requestHeadersInserted: match.insertedHeaders } : {}),
    ...(match.captcha ? { captchaResponse: outcome(match.captcha) } : {}),
    ...(match.challenge ? { challengeResponse: outcome(match.challenge) } : {}),
  };
}

function groupEntry(group: string, rule: string, matches: readonly RuleMatch[], redaction: Redaction): object {
  const inside = matches.filter((match) => match.group === group && match.groupRule === rule);
  const ended = inside.find((match) => match.terminating);
  const excluded = inside.filter(({ action }) => action === "EXCLUDED_AS_COUNT");
  return {
    ruleGroupId: group,
    terminatingRule: ended
      ? {
          ruleId: ended.rule,
          action: ended.action,
          ruleMatchDetails: ended.details.length > 0 ? details(ended.details, redaction) : null,
        }
      : null,
    nonTerminatingMatchingRules: inside
      .filter((match) => !match.terminating && match.action !== "EXCLUDED_AS_COUNT")
      .map((match) => matchEntry(match, redaction)),
    excludedRules:
      excluded.length > 0
        ? excluded.map((match) => ({ exclusionType: "EXCLUDED_AS_COUNT", ruleId: match.rule }))
        : null,
    customerConfig: null,
  };
}

function rateEntry(rate: RateMatch): object {
  return {
    rateBasedRuleId: rate.rule,
    rateBasedRuleName: rate.rule,
    limitKey: rate.limitKey,
    ...(rate.limitValue === undefined ? {} : { limitValue: rate.limitValue }),
    maxRateAllowed: rate.maxRateAllowed,
    evaluationWindowSec: String(rate.evaluationWindowSec),
    ...(rate.customValues ? { customValues: rate.customValues } : {}),
  };
}

function outcome({ responseCode, solveTimestamp, failureReason }: TokenOutcome): object {
  return {
    responseCode,
    ...(solveTimestamp === undefined ? {} : { solveTimestamp }),
    ...(failureReason ? { failureReason } : {}),
  };
}

function headersOf(request: WafRequest, redaction: Redaction): { name: string; value: string }[] {
  const headers: { name: string; value: string }[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!;
    headers.push({ name, value: textOf(redaction.header(name, request.rawHeaders[i + 1]!)) });
  }
  return headers;
}

function headerOf(request: WafRequest, name: string): string {
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]!.toLowerCase() === name) return request.rawHeaders[i + 1]!;
  }
  return "";
}

const pathOf = ({ target }: WafRequest): string => textOf(/^[^?#]*/.exec(target)![0]);
const queryOf = ({ target }: WafRequest): string => textOf(/^[^?#]*\?([^#]*)/.exec(target)?.[1] ?? "");

/** A `SampledHTTPRequest` without time and weight, for one rule that matched, or for the default action. */
export function sampledRequest(
  request: WafRequest,
  verdict: Verdict,
  match: RuleMatch | undefined,
  redaction: Redaction,
): Record<string, unknown> {
  const query = redaction.arguments(queryOf(request));
  const path = redaction.uri(pathOf(request));
  return {
    Request: {
      ClientIP: request.clientAddress,
      Country: verdict.country ?? "-",
      URI: query === "" ? path : `${path}?${query}`,
      Method: redaction.method(request.method),
      HTTPVersion: request.httpVersion,
      Headers: headersOf(request, redaction).map(({ name, value }) => ({ Name: name, Value: value })),
    },
    Action: match?.action ?? verdict.action,
    ...(match?.group === undefined ? {} : { RuleNameWithinRuleGroup: `${groupName(match.group)}#${match.rule}` }),
    ...(match && match.insertedHeaders.length > 0
      ? { RequestHeadersInserted: match.insertedHeaders.map(({ name, value }) => ({ Name: name, Value: value })) }
      : {}),
    ...((match === undefined || match.terminating) && customStatus(verdict) !== null
      ? { ResponseCodeSent: customStatus(verdict) }
      : {}),
    ...(verdict.labels.length > 0 ? { Labels: verdict.labels.map((Name) => ({ Name })) } : {}),
    ...(match?.captcha ? { CaptchaResponse: sampledOutcome(match.captcha) } : {}),
    ...(match?.challenge ? { ChallengeResponse: sampledOutcome(match.challenge) } : {}),
    ...(match?.overriddenAction ? { OverriddenAction: match.overriddenAction } : {}),
  };
}

const groupName = (arn: string): string => arn.split("/")[2] ?? arn;

function sampledOutcome({ responseCode, solveTimestamp, failureReason }: TokenOutcome): object {
  return {
    ResponseCode: responseCode,
    ...(solveTimestamp === undefined ? {} : { SolveTimestamp: solveTimestamp }),
    ...(failureReason ? { FailureReason: failureReason } : {}),
  };
}

/** Whether a record is kept: the first filter that fits decides. Source: API Reference, LoggingFilter. */
export function isLogged({ filter }: LoggingDocument, verdict: Verdict): boolean {
  if (!filter) return true;
  const actions = new Set<string>([verdict.action, ...verdict.matches.map(({ action }) => action)]);
  for (const { Behavior, Requirement, Conditions } of filter.Filters ?? []) {
    const holds = (Conditions ?? []).map(({ ActionCondition, LabelNameCondition }) =>
      ActionCondition
        ? actions.has(ActionCondition.Action!)
        : verdict.labels.includes(LabelNameCondition?.LabelName ?? ""),
    );
    if (Requirement === "MEETS_ALL" ? holds.every(Boolean) : holds.some(Boolean)) return Behavior === "KEEP";
  }
  return filter.DefaultBehavior === "KEEP";
}
