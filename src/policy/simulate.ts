/**
 * The core of SimulateCustomPolicy and SimulatePrincipalPolicy: decisions about many actions and resources, with
 * the statements that made them. Source: IAM API Reference, SimulateCustomPolicy, EvaluationResult,
 * ResourceSpecificResult, Statement; positions as the AWS CLI's examples and recorded answers show them.
 */
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import { buildContext, type ContextEntries, contextOf, type RequestContext } from "./context.ts";
import type { Decision, EvaluationRequest, PolicySet, Trust } from "./decision.ts";
import type { NamedPolicy, Policy, Statement } from "./document.ts";
import { decide, subjectOf } from "./evaluate.ts";
import { lineAndColumn } from "./json.ts";
import { PolicyEvaluationError } from "./operators.ts";
import { accountOf, type Principal } from "./principal.ts";
import { applies, type Subject } from "./statement-match.ts";

export interface Simulation {
  /** `s3:GetObject`, no wildcards. */
  actions: readonly string[];
  /** Left out or `*`: resources are not looked at one by one. */
  resources?: readonly string[];
  /** Identity policies by their source ids (`PolicyInputList.1`), boundary, SCPs, and the resource's policy. */
  policies: PolicySet;
  /** Who asks. Left out in SimulateCustomPolicy without CallerArn: then the context says all about the caller. */
  caller?: Principal;
  /** The account that owns the resources; the caller's own when left out. */
  resourceOwner?: string;
  /** From ContextEntries; unlike in a real request they may say what the keys of the principal are. */
  context: ContextEntries;
  trust?: Trust;
}

export type EvalDecision = "allowed" | "explicitDeny" | "implicitDeny";

export interface Position {
  Line: number;
  Column: number;
}

export interface MatchedStatement {
  SourcePolicyId: string;
  SourcePolicyType: string;
  StartPosition: Position;
  EndPosition: Position;
}

interface Result {
  MatchedStatements: MatchedStatement[];
  MissingContextValues: string[];
  /** Empty within one account, per type of policy across accounts, absent when no resource was named. */
  EvalDecisionDetails?: Record<string, EvalDecision>;
  PermissionsBoundaryDecisionDetail?: { AllowedByPermissionsBoundary: boolean };
}

export interface ResourceSpecificResult extends Result {
  EvalResourceName: string;
  EvalResourceDecision: EvalDecision;
}

export interface EvaluationResult extends Result {
  EvalActionName: string;
  EvalResourceName: string;
  EvalDecision: EvalDecision;
  OrganizationsDecisionDetail?: { AllowedByOrganizations: boolean };
  ResourceSpecificResults?: ResourceSpecificResult[];
}

/**
 * One result for each action, with one entry for each resource named.
 *
 * @throws AwsError `InvalidInput` for names that are none; `PolicyEvaluation` (500) when a policy cannot be evaluated
 */
export function simulate(simulation: Simulation): EvaluationResult[] {
  const resources = simulation.resources?.length ? simulation.resources : ["*"];
  for (const action of simulation.actions) {
    if (!/^[a-zA-Z0-9-]+:[a-zA-Z0-9]+$/.test(action)) throw invalid(`Invalid action name: ${action}`);
  }
  for (const resource of resources) {
    if (resource !== "*" && parseArn(resource) === undefined) throw invalid(`Invalid resource: ${resource}`);
  }
  try {
    return simulation.actions.map((action) => simulateAction(simulation, action, resources));
  } catch (error) {
    if (!(error instanceof PolicyEvaluationError)) throw error;
    throw new AwsError("PolicyEvaluation", error.message, 500);
  }
}

function invalid(message: string): AwsError {
  return new AwsError("InvalidInput", message, 400);
}

function simulateAction(simulation: Simulation, action: string, resources: readonly string[]): EvaluationResult {
  const results = resources.map((resource) => simulateResource(simulation, action, resource));
  const first = results[0]!;
  const whole: EvaluationResult = {
    EvalActionName: action,
    EvalResourceName: first.result.EvalResourceName,
    EvalDecision: worst(results.map(({ result }) => result.EvalResourceDecision)),
    MatchedStatements: first.result.MatchedStatements,
    MissingContextValues: resources[0] === "*" ? first.result.MissingContextValues : [],
  };
  if (first.result.PermissionsBoundaryDecisionDetail !== undefined) {
    whole.PermissionsBoundaryDecisionDetail = first.result.PermissionsBoundaryDecisionDetail;
  }
  if (simulation.policies.scps !== undefined) {
    whole.OrganizationsDecisionDetail = {
      AllowedByOrganizations: results.every(({ decision }) => decision.deciding?.type !== "service control policy"),
    };
  }
  if (resources[0] !== "*") {
    if (first.result.EvalDecisionDetails !== undefined) whole.EvalDecisionDetails = first.result.EvalDecisionDetails;
    whole.ResourceSpecificResults = results.map(({ result }) => result);
  }
  return whole;
}

/** The action is allowed when it is for every resource. */
function worst(decisions: readonly EvalDecision[]): EvalDecision {
  if (decisions.includes("explicitDeny")) return "explicitDeny";
  return decisions.includes("implicitDeny") ? "implicitDeny" : "allowed";
}

function simulateResource(
  simulation: Simulation,
  action: string,
  resource: string,
): { decision: Decision; result: ResourceSpecificResult } {
  const caller = simulation.caller ?? somebody;
  const account = accountOf(caller) ?? unknownAccount;
  const owner = simulation.resourceOwner ?? account;
  const { policies } = simulation;
  const request: EvaluationRequest = {
    principal: caller,
    action,
    resource,
    resourceAccount: owner,
    trust: simulation.trust ?? "either",
    context: simulation.context,
    policies,
  };
  const subject = subjectOf(request, contextFor(simulation, owner));
  const decision = decide(request, subject);
  if (decision.reason === "error") throw new PolicyEvaluationError(decision.error ?? "");

  const outcome: EvalDecision = decision.reason === "allow" ? "allowed" : decision.reason;
  const matched = outcome === "implicitDeny" ? [] : matchedStatements(simulation, subject, outcome);
  const result: ResourceSpecificResult = {
    EvalResourceName: resource,
    EvalResourceDecision: outcome,
    MatchedStatements: matched,
    MissingContextValues: missingKeys(simulation, subject),
  };
  if (resource !== "*" && decision.deciding?.type !== "service control policy") {
    result.EvalDecisionDetails = owner === account ? {} : detailsOf(policies, subject);
  }
  if (policies.boundary !== undefined) {
    result.PermissionsBoundaryDecisionDetail = {
      AllowedByPermissionsBoundary: decisionOf([policies.boundary], subject) === "allowed",
    };
  }
  return { decision, result };
}

const unknownAccount = "123456789012";

/** Stands for whoever the identity policies are attached to. Nothing in a policy can name it. */
const somebody: Principal = {
  kind: "user",
  account: unknownAccount,
  arn: `arn:aws:iam::${unknownAccount}:user/`,
  id: "",
  name: "",
};

function contextFor({ caller, context }: Simulation, owner: string): RequestContext {
  if (caller === undefined) return contextOf(context);
  return new Map([...buildContext(caller, owner, {}), ...contextOf(context)]);
}

const policyTypes = [
  ["IAM Policy", ({ identity = [] }: PolicySet) => identity],
  ["Resource Policy", ({ resource = [] }: PolicySet) => resource],
] as const;

/** "If only one statement denies that operation … the deny statement is the only entry included in the result." */
function matchedStatements(
  { policies }: Simulation,
  subject: Subject,
  outcome: "allowed" | "explicitDeny",
): MatchedStatement[] {
  const effect = outcome === "allowed" ? "Allow" : "Deny";
  return policyTypes.flatMap(([type, list]) =>
    list(policies).flatMap(({ name, policy }) =>
      policy.statements
        .filter((statement) => statement.effect === effect && applies(statement, subject) !== undefined)
        .map((statement) => ({ SourcePolicyId: name, SourcePolicyType: type, ...positionsOf(policy, statement) })),
    ),
  );
}

/** Columns count from 1 and the end is exclusive; a Statement that is one object begins after its brace. */
function positionsOf(policy: Policy, statement: Statement): Pick<MatchedStatement, "StartPosition" | "EndPosition"> {
  const start = lineAndColumn(policy.text, statement.span.start + (policy.single ? 1 : 0));
  const end = lineAndColumn(policy.text, statement.span.end);
  return {
    StartPosition: { Line: start.line, Column: start.column },
    EndPosition: { Line: end.line, Column: end.column },
  };
}

function detailsOf(policies: PolicySet, subject: Subject): Record<string, EvalDecision> {
  return Object.fromEntries(policyTypes.map(([type, list]) => [type, decisionOf(list(policies), subject)]));
}

function decisionOf(policies: readonly NamedPolicy[], subject: Subject): EvalDecision {
  let decision: EvalDecision = "implicitDeny";
  for (const statement of policies.flatMap(({ policy }) => policy.statements)) {
    if (applies(statement, subject) === undefined) continue;
    if (statement.effect === "Deny") return "explicitDeny";
    decision = "allowed";
  }
  return decision;
}

/** Keys that statements about this action ask for and nobody gave. */
function missingKeys({ policies }: Simulation, subject: Subject): string[] {
  const context = subject.context();
  const statements = policyTypes
    .flatMap(([, list]) => list(policies))
    .concat(policies.boundary ?? [])
    .flatMap(({ policy }) => policy.statements)
    .filter((statement) => statement.action.matches(subject.action));
  return keysOf(statements).filter((key) => !context.has(key.toLowerCase()));
}

/** GetContextKeysForCustomPolicy: every key that conditions and variables of the policies ask for, each once. */
export function contextKeysOf(policies: readonly Policy[]): string[] {
  return keysOf(policies.flatMap(({ statements }) => statements));
}

function keysOf(statements: readonly Statement[]): string[] {
  const keys = new Map<string, string>();
  for (const statement of statements) {
    const asked = [
      ...statement.conditions.flatMap((condition) => [condition.key, ...condition.variables]),
      ...(statement.resource?.templates.flatMap(({ variables }) => variables) ?? []),
    ];
    for (const key of asked) {
      if (!keys.has(key.toLowerCase())) keys.set(key.toLowerCase(), key);
    }
  }
  return [...keys.values()];
}
