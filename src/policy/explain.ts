/**
 * Why a decision came out as it did: every statement that was considered, and what in it did or did not match.
 * Worked out again from the request when asked for, so that decisions cost nothing for it.
 */
import type { RequestContext } from "./context.ts";
import type { Decision, EvaluationRequest, PolicyType } from "./decision.ts";
import type { NamedPolicy, Statement } from "./document.ts";
import { applicablePolicies, subjectOf } from "./evaluate.ts";
import { articles } from "./message.ts";
import type { Subject } from "./statement-match.ts";

export interface ConditionTrace {
  operator: string;
  key: string;
  expected: readonly string[];
  /** Undefined when the key was not part of the request. */
  actual: readonly string[] | undefined;
  held: boolean;
  error?: string;
}

export interface StatementTrace {
  type: PolicyType;
  /** From 0: the level of the organization for control policies, 0 for all others. */
  level: number;
  policy: { name: string; arn?: string };
  /** Undefined when the policy could not be read at all; `error` says why. */
  statement: { index: number; sid?: string; effect: "Allow" | "Deny" } | undefined;
  /** Every part matched: the statement had its effect. */
  applied: boolean;
  action: boolean;
  principal: boolean;
  resource: boolean;
  conditions: readonly ConditionTrace[];
  /** What the statement asks for, as written, for the parts that did not match. */
  wanted: { action: readonly string[]; principal: readonly string[]; resource: readonly string[] };
  error?: string;
}

/** Every statement of every policy that bears on the request, in the order in which policy types are evaluated. */
export function traceOf(request: EvaluationRequest): StatementTrace[] {
  const subject = subjectOf(request);
  return applicablePolicies(request).flatMap(({ type, levels }) =>
    levels.flatMap((policies, level) => policies.flatMap((policy) => tracePolicy(type, level, policy, subject))),
  );
}

function tracePolicy(type: PolicyType, level: number, named: NamedPolicy, subject: Subject): StatementTrace[] {
  const policy = named.arn === undefined ? { name: named.name } : { name: named.name, arn: named.arn };
  if (named.policy.broken !== undefined) {
    const nothing = { action: [], principal: [], resource: [] };
    return [
      {
        type,
        level,
        policy,
        statement: undefined,
        applied: false,
        action: false,
        principal: false,
        resource: false,
        conditions: [],
        wanted: nothing,
        error: named.policy.broken,
      },
    ];
  }
  return named.policy.statements.map((statement) => ({ type, level, policy, ...traceStatement(statement, subject) }));
}

function traceStatement(statement: Statement, subject: Subject): Omit<StatementTrace, "type" | "level" | "policy"> {
  const { principal: element, resource: resourceElement, effect, index, sid } = statement;
  const context = subject.context();
  const action = statement.action.matches(subject.action);
  const principal =
    element === undefined || element.match(subject.principal, effect === "Deny", subject.hasBoundary) !== undefined;
  const resource = resourceElement === undefined || resourceElement.matches(subject.resource, context);
  const conditions = statement.conditions.map((condition) => traceCondition(condition, context));
  return {
    statement: sid === undefined ? { index, effect } : { index, sid, effect },
    applied: action && principal && resource && conditions.every(({ held }) => held),
    action,
    principal,
    resource,
    conditions,
    wanted: {
      action: negated(statement.action.negated, statement.action.patterns),
      principal: negated(element?.negated === true, element?.source ?? []),
      resource: negated(
        resourceElement?.negated === true,
        resourceElement?.templates.map(({ source }) => source) ?? [],
      ),
    },
  };
}

function negated(isNegated: boolean, values: readonly string[]): readonly string[] {
  return isNegated ? values.map((value) => `not ${value}`) : values;
}

function traceCondition(condition: Statement["conditions"][number], context: RequestContext): ConditionTrace {
  const { operator, key, values } = condition;
  const trace = { operator, key, expected: values, actual: context.get(key.toLowerCase()) };
  try {
    return { ...trace, held: condition.holds(context) };
  } catch (error) {
    return { ...trace, held: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** Lines for a person; what `jikimi why-denied` prints. */
export function explain(decision: Decision, language: "en" | "ko" = "en"): string[] {
  const words = vocabulary[language];
  const { request } = decision;
  const lines = [words.verdict(decision, request)];
  const traces = traceOf(request);
  // Statements about other actions say nothing; everything else is shown, the decisive ones first.
  const relevant = traces.filter((trace) => trace.applied || trace.action || trace.error !== undefined);
  for (const trace of relevant.toSorted((a, b) => Number(b.applied) - Number(a.applied))) {
    lines.push(words.statement(trace));
    lines.push(...reasonsOf(trace, words).map((reason) => `  ${reason}`));
  }
  if (relevant.length === 0) lines.push(words.nothing(traces.length));
  return lines;
}

function reasonsOf(trace: StatementTrace, words: Vocabulary): string[] {
  if (trace.error !== undefined) return [words.broken(trace.error)];
  const reasons: string[] = [];
  if (!trace.principal) reasons.push(words.principal(trace.wanted.principal));
  if (!trace.resource) reasons.push(words.resource(trace.wanted.resource));
  for (const condition of trace.conditions) {
    if (!condition.held) reasons.push(words.condition(condition));
  }
  return reasons;
}

interface Vocabulary {
  verdict(decision: Decision, request: EvaluationRequest): string;
  statement(trace: StatementTrace): string;
  principal(wanted: readonly string[]): string;
  resource(wanted: readonly string[]): string;
  condition(trace: ConditionTrace): string;
  broken(message: string): string;
  nothing(count: number): string;
}

const koreanTypes: Readonly<Record<PolicyType, string>> = {
  "identity-based policy": "자격 증명 기반 정책",
  "resource-based policy": "리소스 기반 정책",
  "role trust policy": "역할 신뢰 정책",
  "permissions boundary": "권한 경계",
  "session policy": "세션 정책",
  "service control policy": "서비스 제어 정책(SCP)",
  "resource control policy": "리소스 제어 정책(RCP)",
  "VPC endpoint policy": "VPC 엔드포인트 정책",
};

function listed(values: readonly string[]): string {
  return values.join(", ");
}

function place(trace: Pick<StatementTrace, "policy" | "statement">, word: string): string {
  const { policy, statement } = trace;
  const name = policy.arn ?? policy.name;
  if (statement === undefined) return name;
  return `${name}, ${word} ${statement.index + 1}${statement.sid === undefined ? "" : ` (${statement.sid})`}`;
}

const vocabulary: Readonly<Record<"en" | "ko", Vocabulary>> = {
  en: {
    verdict: ({ reason, deciding, error }, { action, resource }) => {
      const what = `${action} on ${resource}`;
      if (reason === "allow") {
        return deciding === undefined
          ? `Allowed: ${what}: the root user needs no policy in its own account`
          : `Allowed: ${what}: by ${articles[deciding.type]}, ${deciding.policy?.name}`;
      }
      const which = deciding === undefined ? "" : articles[deciding.type];
      if (reason === "explicitDeny") return `Denied: ${what}: ${which} denies it explicitly`;
      if (reason === "error") return `Denied: ${what}: ${which} could not be evaluated: ${error}`;
      return `Denied: ${what}: no ${deciding?.type} allows it`;
    },
    statement: (trace) =>
      `${trace.type}: ${place(trace, "statement")}: ${trace.statement?.effect ?? "unreadable"}${trace.applied ? ", applies" : ", does not apply"}`,
    principal: (wanted) => `the principal is not among: ${listed(wanted)}`,
    resource: (wanted) => `the resource does not match: ${listed(wanted)}`,
    condition: ({ operator, key, expected, actual, error }) =>
      error ??
      `condition ${operator} on ${key} failed: expected ${listed(expected)}, ${actual === undefined ? "the request has no such key" : `the request has ${listed(actual)}`}`,
    broken: (message) => `the policy cannot be read: ${message}`,
    nothing: (count) => `None of ${count} statements is about this action.`,
  },
  ko: {
    verdict: ({ reason, deciding, error }, { action, resource }) => {
      const what = `${resource}에 대한 ${action}`;
      const type = deciding === undefined ? "" : koreanTypes[deciding.type];
      if (reason === "allow") {
        return deciding === undefined
          ? `허용: ${what}: 루트 사용자는 자기 계정에서 정책이 필요하지 않습니다`
          : `허용: ${what}: ${type} ${deciding.policy?.name}이(가) 허용합니다`;
      }
      if (reason === "explicitDeny") return `거부: ${what}: ${type}에 명시적 거부가 있습니다`;
      if (reason === "error") return `거부: ${what}: ${type}을(를) 평가할 수 없습니다: ${error}`;
      return `거부: ${what}: 허용하는 ${type}이(가) 없습니다`;
    },
    statement: (trace) =>
      `${koreanTypes[trace.type]}: ${place(trace, "문")}: ${trace.statement?.effect ?? "읽을 수 없음"}${trace.applied ? ", 적용됨" : ", 적용되지 않음"}`,
    principal: (wanted) => `보안 주체가 다음에 없습니다: ${listed(wanted)}`,
    resource: (wanted) => `리소스가 일치하지 않습니다: ${listed(wanted)}`,
    condition: ({ operator, key, expected, actual, error }) =>
      error ??
      `조건 ${operator} ${key} 불일치: 기대값 ${listed(expected)}, ${actual === undefined ? "요청에 이 키가 없습니다" : `요청 값 ${listed(actual)}`}`,
    broken: (message) => `정책을 읽을 수 없습니다: ${message}`,
    nothing: (count) => `문 ${count}개 중 이 작업에 관한 것이 없습니다.`,
  },
};
