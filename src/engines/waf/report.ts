/**
 * What happened under each web ACL since the last report: counts for metrics, samples, log records. Kept in memory
 * within bounds, and taken by the edge about once a second.
 * Source of the metrics: AWS WAF Developer Guide, "AWS WAF metrics and dimensions".
 */
import type {
  Origin,
  Program,
  RateCounters,
  ReportedCount,
  ReportedSample,
  RuleMatch,
  Verdict,
  WafReport,
  WafRequest,
} from "./contract.ts";
import { isLogged, logRecord, sampledRequest } from "./logRecord.ts";
import { Redaction } from "./redaction.ts";

/** Samples per rule and report; more of them stand for one another by their weight. */
const samplesPerRule = 20;
/** Characters of samples in one report, and of log records in each part of it: an event of a stream holds 320 KB. */
const mostSampleCharacters = 100_000;
const logCharactersPerPart = 180_000;
/** Characters of log records between two reports; what is beyond is counted as dropped. */
const mostLogCharacters = 8_000_000;

interface Running {
  program: Program;
  redaction: { logs: Redaction; samples: Redaction };
  from: number;
  to: number;
  counts: Map<string, ReportedCount>;
  samples: Map<string, { seen: number; kept: Omit<ReportedSample, "weight">[] }>;
  logs: string[];
  logCharacters: number;
  logsDropped: number;
  /** The last report told of keys over a limit: one that tells of none has to follow. */
  hadKeys: boolean;
}

const metricOf: Readonly<Record<string, string>> = {
  ALLOW: "AllowedRequests",
  BLOCK: "BlockedRequests",
  COUNT: "CountedRequests",
  EXCLUDED_AS_COUNT: "CountedRequests",
  CAPTCHA: "CaptchaRequests",
  CHALLENGE: "ChallengeRequests",
};

export class WafReporter {
  readonly #running = new Map<string, Running>();
  readonly #counters: RateCounters;

  constructor(counters: RateCounters) {
    this.#counters = counters;
  }

  record(program: Program, request: WafRequest, verdict: Verdict, origin: Origin, now: number): void {
    const running = this.#of(program, now);
    running.to = now;
    this.#count(running, verdict, now);
    const { webAcl, logging } = program.source;
    for (const match of verdict.matches) {
      if (match.sampled) this.#sample(running, match.metric, request, verdict, match, now);
    }
    if (verdict.terminatingRule.id === "Default_Action" && webAcl.visibility.SampledRequestsEnabled) {
      this.#sample(running, webAcl.visibility.MetricName!, request, verdict, undefined, now);
    }
    if (!logging || !isLogged(logging, verdict)) return;
    const text = logRecord(program, request, verdict, origin, now, running.redaction.logs);
    if (running.logCharacters + text.length > mostLogCharacters) {
      running.logsDropped++;
      return;
    }
    running.logs.push(text);
    running.logCharacters += text.length;
  }

  /** What happened under each web ACL that saw a request or has keys above a limit. Begins anew. */
  flush(now: number): WafReport[] {
    const reports: WafReport[] = [];
    for (const [arn, running] of this.#running) {
      const rateKeys = this.#rateKeys(running.program, now);
      const quiet = running.counts.size === 0 && running.logs.length === 0;
      // Nothing happened since the last turn, which told of no keys, or of the last ones.
      if (quiet && Object.keys(rateKeys).length === 0 && !running.hadKeys) {
        this.#running.delete(arn);
        continue;
      }
      const base = { webAclArn: arn, from: running.from, to: quiet ? now : running.to };
      const [first = [], ...more] = parts(running.logs);
      reports.push({
        ...base,
        counts: [...running.counts.values()],
        samples: samplesOf(running),
        logs: first,
        logsDropped: running.logsDropped,
        rateKeys,
      });
      for (const logs of more) reports.push({ ...base, counts: [], samples: [], logs, logsDropped: 0 });
      this.#running.set(arn, begin(running.program, now, Object.keys(rateKeys).length > 0));
    }
    return reports;
  }

  #rateKeys(program: Program, now: number): Record<string, readonly string[]> {
    const found: Record<string, readonly string[]> = {};
    for (const { counter, windowSeconds, limit, keyedByAddress } of program.rateRules) {
      const keys = keyedByAddress ? this.#counters.over(counter, windowSeconds, limit, now, mostKeys) : [];
      if (keys.length > 0) found[counter] = keys;
    }
    return found;
  }

  #of(program: Program, now: number): Running {
    let running = this.#running.get(program.webAclArn);
    if (!running) this.#running.set(program.webAclArn, (running = begin(program, now, false)));
    else if (running.program !== program) {
      running.program = program;
      running.redaction = redactionOf(program);
    }
    return running;
  }

  #count(running: Running, verdict: Verdict, now: number): void {
    const { webAcl } = running.program.source;
    const { CloudWatchMetricsEnabled, MetricName } = webAcl.visibility;
    const base = { WebACL: MetricName!, Region: webAcl.region };
    const minute = Math.floor(now / 60_000) * 60_000;
    const add = (metric: string, dimensions: Record<string, string>): void => {
      const key = `${minute}|${metric}|${Object.values(dimensions).join("|")}`;
      const known = running.counts.get(key);
      if (known) known.count++;
      else running.counts.set(key, { metric, dimensions, count: 1, minute });
    };
    for (const match of verdict.matches) if (match.counted) countMatch(match, verdict, base, add);
    if (!CloudWatchMetricsEnabled) return;
    add(metricOf[verdict.action]!, { ...base, Rule: "ALL" });
    if (verdict.terminatingRule.id === "Default_Action")
      add(metricOf[verdict.action]!, { ...base, Rule: "Default_Action" });
    if (verdict.matches.some(({ action }) => action === "COUNT")) add("CountedRequests", { ...base, Rule: "ALL" });
    for (const { group, rule } of verdict.groups) {
      if (!verdict.matches.some((match) => match.group === group && match.groupRule === rule)) {
        add("PassedRequests", { ...base, RuleGroup: group.split("/")[2] ?? group });
      }
    }
  }

  #sample(
    running: Running,
    ruleMetric: string,
    request: WafRequest,
    verdict: Verdict,
    match: RuleMatch | undefined,
    now: number,
  ): void {
    let samples = running.samples.get(ruleMetric);
    if (!samples) running.samples.set(ruleMetric, (samples = { seen: 0, kept: [] }));
    samples.seen++;
    if (samples.kept.length >= samplesPerRule) return;
    samples.kept.push({
      ruleMetric,
      time: now,
      sample: sampledRequest(request, verdict, match, running.redaction.samples),
    });
  }
}

function samplesOf({ samples }: Running): ReportedSample[] {
  const all = [...samples.values()].flatMap(({ seen, kept }) =>
    kept.map((sample) => ({ ...sample, weight: Math.max(1, Math.round(seen / kept.length)) })),
  );
  let characters = 0;
  return all.filter(({ sample }) => (characters += JSON.stringify(sample).length) <= mostSampleCharacters);
}

/** Records in the order they came, in parts that fit an event; the first part leaves room for the samples. */
function parts(logs: readonly string[]): string[][] {
  const found: string[][] = [[]];
  let room = logCharactersPerPart - mostSampleCharacters;
  for (const log of logs) {
    if (log.length > room && (found.at(-1)!.length > 0 || found.length === 1)) {
      found.push([]);
      room = logCharactersPerPart;
    }
    found.at(-1)!.push(log);
    room -= log.length;
  }
  return found;
}

/** Source: API Reference, GetRateBasedStatementManagedKeys: up to 10,000 addresses. */
const mostKeys = 10_000;

function countMatch(
  match: RuleMatch,
  verdict: Verdict,
  base: Record<string, string>,
  add: (metric: string, dimensions: Record<string, string>) => void,
): void {
  const token = match.captcha ?? match.challenge;
  const passedToken = token !== undefined && token.failureReason === undefined;
  const metric = passedToken
    ? match.captcha
      ? "RequestsWithValidCaptchaToken"
      : "RequestsWithValidChallengeToken"
    : metricOf[match.action]!;
  add(metric, { ...base, Rule: match.metric });
  if (match.group !== undefined) {
    add(metric, { Region: base["Region"]!, RuleGroup: match.group.split("/")[2] ?? match.group, Rule: match.metric });
  }
  for (const label of match.terminating ? verdict.labels : []) {
    const at = label.lastIndexOf(":");
    add(metric, { ...base, LabelNamespace: label.slice(0, at), Label: label.slice(at + 1) });
  }
}

const redactionOf = (program: Program): Running["redaction"] => {
  const { webAcl, logging } = program.source;
  return {
    logs: new Redaction(logging?.redactedFields, webAcl.dataProtection),
    samples: new Redaction(undefined, webAcl.dataProtection),
  };
};

function begin(program: Program, now: number, hadKeys: boolean): Running {
  return {
    program,
    redaction: redactionOf(program),
    from: now,
    to: now,
    counts: new Map(),
    samples: new Map(),
    logs: [],
    logCharacters: 0,
    logsDropped: 0,
    hadKeys,
  };
}
