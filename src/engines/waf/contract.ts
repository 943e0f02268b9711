/**
 * What the edge and the firewall say to each other. The edge hands over a request and gets a verdict; everything else
 * (rules, fields, tokens, log records) is the engine's. Pure types; `index.ts` has the functions.
 *
 *     const program = compile(source);                       // once per change of the web ACL
 *     const verdict = program.inspect(request, facilities);  // once per request, before routing
 *     reporter.record(program, request, verdict, origin);    // counts, samples, log records
 *     for (const report of reporter.flush(now))              // about once a second
 *       append(reportStream, report.webAclArn, await sealReport(report, keys.protect));
 */
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Location } from "./geo/location.ts";
import type { WebAclSource } from "./model.ts";

/** A request as it came in, before the edge adds or removes anything. */
export interface WafRequest {
  /** As sent: `GET`. */
  method: string;
  /** Request target in origin form, undecoded, with its query: `/search?q=1`. */
  target: string;
  /** `HTTP/1.1`, `HTTP/2.0`. */
  httpVersion: string;
  scheme: "http" | "https";
  /** Name, value, name, value … in the order they were sent, as `IncomingMessage.rawHeaders`; HTTP/2 pseudo-headers left out, `host` from `:authority`. */
  rawHeaders: readonly string[];
  /** Address of the peer, IPv4 in dotted form also when it came in mapped. */
  clientAddress: string;
  /** Given to the request by the edge, for the log. */
  requestId: string;
  /** Fingerprints of the ClientHello; absent where they could not be had. */
  tls?: { ja3?: string; ja4?: string };
  /** The first bytes of the body, at most `program.bodyLimit`; absent when there is none or the program does not want it. */
  body?: Uint8Array;
  /** The body goes on after `body`. */
  bodyTruncated?: boolean;
  /** Bytes of the whole body where the client said so. */
  bodyLength?: number;
}

/** What came of one request. */
export interface Verdict {
  /** ALLOW: forward it. Otherwise `response` is the answer. */
  action: TerminatingAction;
  /** Answer instead of forwarding; there for every action but ALLOW. */
  response?: WafResponse;
  /** To be added to the forwarded request; names already carry the prefix `x-amzn-waf-`. */
  insertedHeaders: readonly InsertedHeader[];
  /** `Default_Action` when no rule ended it. */
  terminatingRule: TerminatingRule;
  /** Fully qualified, in the order they were added. */
  labels: readonly string[];
  /** Every rule that matched, in the order of evaluation, the terminating one included. */
  matches: readonly RuleMatch[];
  /** Rule groups that were entered, in order. */
  groups: readonly GroupVisit[];
  /** Rate-based rules whose limit this request's key is over. */
  rates: readonly RateMatch[];
  /** Of the last CAPTCHA or challenge that was applied. */
  captcha?: TokenOutcome;
  challenge?: TokenOutcome;
  /** Parts that were larger than what is inspected: `REQUEST_BODY`, `REQUEST_HEADERS`, `REQUEST_COOKIES`. */
  oversizeFields: readonly string[];
  /** Two letters, where there is a database of countries and the address is in it. */
  country?: string;
  /** Where a statement asked for it. */
  asn?: number;
  /** Something went wrong inside: the request was refused for it. The front end may be set to let it through. */
  failed?: unknown;
}

export type TerminatingAction = "ALLOW" | "BLOCK" | "CAPTCHA" | "CHALLENGE";
export type RuleAction = TerminatingAction | "COUNT" | "EXCLUDED_AS_COUNT";

export interface WafResponse {
  status: number;
  /** Name and value pairs; Content-Type and Content-Length are among them where there is a body. */
  headers: readonly (readonly [string, string])[];
  /** UTF-8. */
  body: string;
  /** The rule's own response, not AWS's. */
  custom?: boolean;
}

export interface InsertedHeader {
  name: string;
  value: string;
}

export type TerminatingRuleType = "REGULAR" | "RATE_BASED" | "GROUP" | "MANAGED_RULE_GROUP";

export interface TerminatingRule {
  id: string;
  type: TerminatingRuleType;
}

export interface RuleMatch {
  /** Name of the rule; within a group, its name there. */
  rule: string;
  /** ARN of the rule group it belongs to; absent for rules of the web ACL itself. */
  group?: string;
  /** Name in the web ACL of the rule that holds the group. */
  groupRule?: string;
  /** Under which metrics and samples it is found; absent where its visibility says neither is wanted. */
  metric: string;
  sampled: boolean;
  counted: boolean;
  action: RuleAction;
  /** The rule's own action, where the group's user put another in its place. */
  overriddenAction?: RuleAction;
  terminating: boolean;
  /** Only SQL injection and cross-site scripting tell what they found. */
  details: readonly MatchDetail[];
  type: "REGULAR" | "RATE_BASED";
  insertedHeaders: readonly InsertedHeader[];
  captcha?: TokenOutcome;
  challenge?: TokenOutcome;
}

export interface MatchDetail {
  conditionType: "SQL_INJECTION" | "XSS";
  sensitivityLevel?: "HIGH" | "LOW";
  /** `HEADER`, `BODY`, `QUERY_STRING`, `URI`, `ALL_QUERY_ARGS`, … */
  location: string;
  matchedData: readonly string[];
  /** The header, cookie or argument that held it, where the location alone does not tell. */
  matchedFieldName?: string;
}

export interface GroupVisit {
  /** ARN of the group. */
  group: string;
  /** Name in the web ACL of the rule that holds the group. */
  rule: string;
}

export interface RateMatch {
  /** ARN of the web ACL or rule group, with the rule: what the counters are kept under. */
  counter: string;
  rule: string;
  limitKey: "IP" | "FORWARDEDIP" | "CONSTANT" | "CUSTOMKEYS";
  limitValue?: string;
  maxRateAllowed: number;
  evaluationWindowSec: number;
  customValues?: readonly { key: string; name?: string; value: string }[];
}

export interface TokenOutcome {
  /** The status that was answered; 0 when the token was good. */
  responseCode: number;
  /** Epoch seconds at which the puzzle was solved. */
  solveTimestamp?: number;
  failureReason?: "TOKEN_MISSING" | "TOKEN_EXPIRED" | "TOKEN_INVALID" | "TOKEN_DOMAIN_MISMATCH";
}

/** What the engine needs of the process it runs in. */
export interface Facilities {
  clock: Clock;
  random: Random;
  counters: RateCounters;
  /** 32 bytes that sign tokens; the same in every process that serves the web ACL, and kept over restarts. */
  tokenKey: Uint8Array;
  /** Where addresses are; absent without a database. */
  location?: Location;
}

/**
 * How many requests a key has made lately. `MemoryRateCounters` is the one for a single process; where several serve
 * one listener, an implementation over shared memory takes its place.
 */
export interface RateCounters {
  /** Counts one more request of `key` and gives how many there were within the last `windowSeconds`, this one included. */
  hit(counter: string, key: string, windowSeconds: number, nowMs: number): number;
  /** Keys with more than `limit` requests within the last `windowSeconds`, most first. */
  over(counter: string, windowSeconds: number, limit: number, nowMs: number, most: number): string[];
}

/** A compiled web ACL. */
export interface Program {
  readonly webAclArn: string;
  readonly source: WebAclSource;
  /** The rate-based rules, by the name their counters have. */
  readonly rateRules: readonly RateRule[];
  /** Whether some rule looks at the body; if not, the edge need not wait for it. */
  readonly needsBody: boolean;
  /** Bytes of the body that are inspected: 8,192 behind a load balancer. */
  readonly bodyLimit: number;
  /** INVARIANT: never throws, whatever the request holds. A rule that cannot be evaluated counts as what its fallback says. */
  inspect(request: WafRequest, facilities: Facilities): Verdict;
}

export interface RateRule {
  counter: string;
  windowSeconds: number;
  limit: number;
  /** Keys are addresses: they can be listed. */
  keyedByAddress: boolean;
}

/** Where a request was seen: goes into log records. */
export interface Origin {
  /** `ALB`, `APIGW`, `CF`. */
  sourceName: string;
  /** `123456789012-app/name/50dc6c495c0c9188` */
  sourceId: string;
}

/** The stream of `WafReportEvent`, under the key `webAclArn`. */
export const reportStream = "edge-waf";

/** What happened under one web ACL since the last report of this process; large ones come in parts. */
export interface WafReport {
  webAclArn: string;
  /** Epoch milliseconds of the first and the last request in it. */
  from: number;
  to: number;
  counts: readonly ReportedCount[];
  samples: readonly ReportedSample[];
  /** Log records as JSON text, each what AWS WAF would write; only when the web ACL is logged. */
  logs: readonly string[];
  /** Log records left out because there was no room. */
  logsDropped: number;
  /** Addresses that are over the limits of rate-based rules at the end of the report, per counter; absent in further parts. */
  rateKeys?: Readonly<Record<string, readonly string[]>>;
}

/** A report as it travels and is kept: what it shows of requests (cookies, credentials) is sealed. */
export interface WafReportEvent extends Omit<WafReport, "samples" | "logs"> {
  /** Metric names of the rules there are samples of. */
  sampled: readonly string[];
  logCount: number;
  /** Base64 of `{ samples, logs }`, packed, under the key holder. */
  sealed: string;
}

export interface ReportedCount {
  /** CloudWatch metric: `AllowedRequests`, `BlockedRequests`, `CountedRequests`, `PassedRequests`, `CaptchaRequests`, … */
  metric: string;
  dimensions: Readonly<Record<string, string>>;
  count: number;
  /** Epoch milliseconds of the minute. */
  minute: number;
}

export interface ReportedSample {
  /** Metric name of the rule, or of the web ACL for its default action. */
  ruleMetric: string;
  /** Epoch milliseconds. */
  time: number;
  /** How many requests this one stands for. */
  weight: number;
  /** A `SampledHTTPRequest` without Timestamp and Weight. */
  sample: Readonly<Record<string, unknown>>;
}

/** Where the documents are from which a web ACL is compiled: `source.ts` finds and resolves them. */
export const wafDocuments = {
  service: "wafv2",
  types: {
    webAcl: "webAcl",
    ipSet: "ipSet",
    regexPatternSet: "regexPatternSet",
    ruleGroup: "ruleGroup",
    /** Id: ARN of the protected resource. Value: `Association`. */
    association: "association",
    /** Id: `<regional|global>/<web ACL id>`. */
    logging: "logging",
  },
} as const;

/** Which web ACL protects a resource. */
export interface Association {
  resourceArn: string;
  webAclArn: string;
}
