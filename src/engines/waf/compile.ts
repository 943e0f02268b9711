/**
 * From a web ACL to a program, and a request's way through it: rules in the order of their priority until one ends it.
 * Source: AWS WAF Developer Guide, "Setting rule priority", "How AWS WAF handles rule and rule group actions".
 */
import type { CustomResponseBody } from "@aws-sdk/client-wafv2";
import { blockResponse, failedResponse, insertedHeaders } from "./actions.ts";
import { type Build, UnresolvedReference } from "./build.ts";
import type {
  Facilities,
  GroupVisit,
  InsertedHeader,
  Program,
  RateRule,
  RuleMatch,
  TerminatingAction,
  TerminatingRule,
  TokenOutcome,
  Verdict,
  WafRequest,
  WafResponse,
} from "./contract.ts";
import { Evaluation } from "./evaluation.ts";
import { labelPrefix, type WebAclSource } from "./model.ts";
import { Plan } from "./plan.ts";
import { puzzleResponse, puzzleStatus } from "./puzzlePages.ts";
import { byPriority, compileGroup, compileRule, type CompiledGroup, type CompiledRule, type Owner } from "./rules.ts";
import { checkToken, tokenCookie, type TokenKind } from "./tokens.ts";
import { RequestView } from "./view.ts";

/** Behind a load balancer the limit is fixed. Source: AWS WAF Developer Guide, "Considerations for managing body inspection". */
const bodyLimit = 8_192;

/** @throws UnresolvedReference when a set or group is not in the source */
export function compile(source: WebAclSource, options: { prefilter?: boolean } = {}): Program {
  return new CompiledAcl(source, options.prefilter ?? true);
}

class CompiledAcl implements Program {
  readonly webAclArn: string;
  readonly source: WebAclSource;
  readonly needsBody: boolean;
  readonly bodyLimit = bodyLimit;
  readonly rateRules: RateRule[] = [];
  readonly #rules: readonly (CompiledRule | CompiledGroup)[];

  constructor(source: WebAclSource, prefilter: boolean) {
    const { webAcl } = source;
    this.source = source;
    this.webAclArn = webAcl.arn;
    const plan = new Plan(prefilter);
    const build: Build = {
      plan,
      ipSet: (arn) => resolved(source.ipSets, arn),
      regexPatternSet: (arn) => resolved(source.regexPatternSets, arn),
    };
    const own: Owner = {
      counterPrefix: webAcl.arn,
      labelPrefix: labelPrefix(webAcl, "webacl"),
      captcha: webAcl.captcha,
      challenge: webAcl.challenge,
      rateRules: this.rateRules,
    };
    this.#rules = byPriority(webAcl.rules).map((rule) => {
      const reference = rule.Statement.RuleGroupReferenceStatement;
      if (!reference) return compileRule(rule, own, build);
      const group = resolved(source.ruleGroups, reference.ARN!);
      const owner = {
        ...own,
        counterPrefix: `${webAcl.arn}|${rule.Name!}`,
        labelPrefix: labelPrefix(group, "rulegroup"),
      };
      return compileGroup(rule, group, owner, build);
    });
    plan.seal();
    this.needsBody = plan.needsBody;
  }

  inspect(request: WafRequest, facilities: Facilities): Verdict {
    try {
      return new Inspection(this.source, this.#rules, request, facilities).run();
    } catch (error) {
      // A decision that cannot be made is a refusal.
      return {
        action: "BLOCK",
        response: failedResponse,
        insertedHeaders: [],
        terminatingRule: defaultRule,
        labels: [],
        matches: [],
        groups: [],
        rates: [],
        oversizeFields: [],
        failed: error,
      };
    }
  }
}

function resolved<T>(documents: ReadonlyMap<string, T>, arn: string): T {
  const found = documents.get(arn);
  if (found === undefined) throw new UnresolvedReference(arn);
  return found;
}

const defaultRule: TerminatingRule = { id: "Default_Action", type: "REGULAR" };

/** What ends the evaluation of a list of rules. */
interface Ending {
  action: TerminatingAction;
  rule: CompiledRule;
  response: WafResponse | undefined;
}

class Inspection {
  readonly #source: WebAclSource;
  readonly #rules: readonly (CompiledRule | CompiledGroup)[];
  readonly #evaluation: Evaluation;
  readonly #matches: RuleMatch[] = [];
  readonly #groups: GroupVisit[] = [];
  readonly #inserted: InsertedHeader[] = [];
  #captcha: TokenOutcome | undefined;
  #challenge: TokenOutcome | undefined;

  constructor(
    source: WebAclSource,
    rules: readonly (CompiledRule | CompiledGroup)[],
    request: WafRequest,
    facilities: Facilities,
  ) {
    this.#source = source;
    this.#rules = rules;
    this.#evaluation = new Evaluation(new RequestView(request), facilities);
  }

  run(): Verdict {
    const bodies = this.#source.webAcl.customResponseBodies ?? {};
    for (const rule of this.#rules) {
      if (rule.kind === "rule") {
        const ending = this.#apply(rule, bodies, undefined);
        if (ending) return this.#verdict(ending.action, { id: rule.name, type: rule.type }, ending.response);
      } else {
        const ending = this.#enter(rule);
        if (ending) return this.#verdict(ending.action, { id: rule.name, type: "GROUP" }, ending.response);
      }
    }
    const { Allow, Block } = this.#source.webAcl.defaultAction;
    if (Block) return this.#verdict("BLOCK", defaultRule, blockResponse(Block, bodies));
    this.#inserted.push(...insertedHeaders(Allow?.CustomRequestHandling));
    return this.#verdict("ALLOW", defaultRule, undefined);
  }

  /** A group that only counts ends nothing, whatever its rules say. */
  #enter(group: CompiledGroup): Ending | undefined {
    this.#groups.push({ group: group.arn, rule: group.name });
    for (const rule of group.rules) {
      const ending = this.#apply(rule, group.bodies, group);
      if (ending) return group.countOnly ? undefined : ending;
    }
    return undefined;
  }

  #apply(
    rule: CompiledRule,
    bodies: Readonly<Record<string, CustomResponseBody>>,
    group: CompiledGroup | undefined,
  ): Ending | undefined {
    const evaluation = this.#evaluation;
    evaluation.details = [];
    if (!rule.check(evaluation)) return undefined;
    for (const label of rule.labels) evaluation.label(label);

    const { action, settings, inserted } = rule.applied;
    let ending: Ending | undefined;
    let token: TokenOutcome | undefined;
    if (action === "BLOCK") ending = { action, rule, response: blockResponse(settings.Block, bodies) };
    else if (action === "ALLOW") ending = { action, rule, response: undefined };
    else if (action === "CAPTCHA" || action === "CHALLENGE") {
      const kind: TokenKind = action === "CAPTCHA" ? "captcha" : "challenge";
      const seconds = kind === "captcha" ? rule.captchaSeconds : rule.challengeSeconds;
      token = this.#token(kind, seconds);
      if (token.failureReason) ending = { action, rule, response: this.#puzzle(kind, seconds) };
    }
    const terminating = ending !== undefined && group?.countOnly !== true;
    if (!terminating || action === "ALLOW") this.#inserted.push(...inserted);
    if (token && action === "CAPTCHA") this.#captcha = token;
    if (token && action === "CHALLENGE") this.#challenge = token;
    this.#matches.push({
      rule: rule.name,
      ...(group ? { group: group.arn, groupRule: group.name } : {}),
      metric: rule.metric,
      sampled: rule.sampled,
      counted: rule.counted,
      action: ending && !terminating ? "COUNT" : action,
      ...(rule.overridden
        ? { overriddenAction: rule.overridden }
        : ending && !terminating
          ? { overriddenAction: action }
          : {}),
      terminating,
      details: evaluation.details,
      type: rule.type,
      insertedHeaders: inserted,
      ...(token ? { [action === "CAPTCHA" ? "captcha" : "challenge"]: token } : {}),
    });
    return ending;
  }

  #token(kind: TokenKind, immunitySeconds: number): TokenOutcome {
    const { view, facilities, now } = this.#evaluation;
    const found = checkToken({
      kind,
      cookies: view.cookie(tokenCookie),
      domains: [this.#host(), ...(this.#source.webAcl.tokenDomains ?? []).filter((each) => covers(each, this.#host()))],
      immunitySeconds,
      nowMs: now,
      key: facilities.tokenKey,
    });
    return { responseCode: found.failureReason ? puzzleStatus[kind] : 0, ...found };
  }

  #puzzle(kind: TokenKind, immunitySeconds: number): WafResponse {
    const { view, facilities, now } = this.#evaluation;
    const host = this.#host();
    return puzzleResponse({
      kind,
      request: view.request,
      accept: view.header("accept").join(","),
      domain: (this.#source.webAcl.tokenDomains ?? []).find((each) => covers(each, host)) ?? host,
      host,
      immunitySeconds,
      nowMs: now,
      random: facilities.random,
      key: facilities.tokenKey,
    });
  }

  /** Without port, in lower case. Nothing else than a host name's characters gets into a page. */
  #host(): string {
    const host = (this.#evaluation.view.header("host")[0] ?? "").toLowerCase();
    return /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::\d{1,5})?$/.exec(host)?.[1] ?? "";
  }

  #verdict(action: TerminatingAction, terminatingRule: TerminatingRule, response: WafResponse | undefined): Verdict {
    const { labels, rates, oversize, asn, facilities, view } = this.#evaluation;
    const country = facilities.location?.country(view.request.clientAddress);
    return {
      action,
      ...(response ? { response } : {}),
      insertedHeaders: action === "ALLOW" ? this.#inserted : [],
      terminatingRule,
      labels,
      matches: this.#matches,
      groups: this.#groups,
      rates,
      ...(this.#captcha ? { captcha: this.#captcha } : {}),
      ...(this.#challenge ? { challenge: this.#challenge } : {}),
      oversizeFields: [...oversize],
      ...(country === undefined ? {} : { country }),
      ...(asn === undefined ? {} : { asn }),
    };
  }
}

/** A token for a domain is good for the hosts below it. */
const covers = (domain: string, host: string): boolean =>
  host === domain.toLowerCase() || host.endsWith(`.${domain.toLowerCase()}`);
