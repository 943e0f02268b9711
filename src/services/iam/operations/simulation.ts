/**
 * The policy simulator. Decisions are `policy`'s, the same code that decides about real requests; here the
 * policies are gathered. Source: IAM API reference, SimulateCustomPolicy, SimulatePrincipalPolicy.
 */
import { parseArn } from "#kernel/arn.ts";
import type { NamedPolicy, PolicyKind } from "#policy/document.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Principal } from "#policy/principal.ts";
import { contextKeysOf, simulate, type EvaluationResult } from "#policy/simulate.ts";
import type { Input } from "#gateway/service.ts";
import { grantingPolicies, subjectOf, type GrantingPolicy, type Subject } from "../accessAdvisor.ts";
import { isAwsManaged } from "../awsManagedPolicies.ts";
import { keyOf } from "../entities.ts";
import { invalidInput, noSuchEntity } from "../errors.ts";
import { defaultDocument, findPolicy } from "../managedPolicy.ts";
import { pageOfArray, type PageInput } from "../paging.ts";
import type { IamHandlers, Sdk } from "../sdk.ts";
import { iamState, type IamState } from "../state.ts";

type CustomInput = Input<Sdk, "SimulateCustomPolicy">;
type PrincipalInput = Input<Sdk, "SimulatePrincipalPolicy">;

/** @throws InvalidInput for a document that is no policy: the simulator has no MalformedPolicyDocument. */
function compile(document: string, kind: PolicyKind, name: string): NamedPolicy {
  try {
    return { name, policy: parsePolicy(document, kind) };
  } catch (error) {
    throw invalidInput(error instanceof Error ? error.message : "Invalid policy.");
  }
}

function compileList(documents: readonly string[] | undefined, kind: PolicyKind, list: string): NamedPolicy[] {
  return (documents ?? []).map((document, i) => compile(document, kind, `${list}.${i + 1}`));
}

function boundaryOf(input: CustomInput | PrincipalInput): NamedPolicy | undefined {
  const list = input.PermissionsBoundaryPolicyInputList ?? [];
  if (list.length > 1) throw invalidInput("Only one permissions boundary policy can be simulated.");
  return list[0] === undefined ? undefined : compile(list[0], "boundary", "PermissionsBoundaryPolicyInputList.1");
}

function contextOf(input: CustomInput | PrincipalInput): Record<string, string | string[]> {
  const context: Record<string, string | string[]> = {};
  for (const entry of input.ContextEntries ?? []) {
    const values = entry.ContextKeyValues ?? [];
    if (entry.ContextKeyName === undefined) continue;
    context[entry.ContextKeyName] = entry.ContextKeyType?.endsWith("List") || values.length !== 1 ? values : values[0]!;
  }
  return context;
}

/** The caller to simulate: a user's ARN. @throws InvalidInput */
async function callerOf(state: IamState, arn: string): Promise<Principal> {
  const parsed = parseArn(arn);
  const [kind, ...rest] = parsed?.resource.split("/") ?? [];
  const name = rest.at(-1);
  if (!parsed || parsed.service !== "iam" || kind !== "user" || !name) {
    throw invalidInput(`Invalid Caller Arn: ${arn}. The ARN must be of an IAM user.`);
  }
  const user = parsed.account === state.account ? await state.get("user", keyOf(name)) : undefined;
  return {
    kind: "user",
    account: parsed.account,
    arn,
    id: user?.arn === arn ? user.id : "",
    name,
    ...(user ? { tags: Object.fromEntries(user.tags.map((tag) => [tag.Key, tag.Value])) } : {}),
  };
}

/** The subject itself when it is a user; roles and groups do not call without a session or a member. */
async function defaultCaller(state: IamState, subject: Subject, callerArn: string | undefined) {
  if (callerArn !== undefined) return callerOf(state, callerArn);
  return subject.kind === "user" ? callerOf(state, subject.entity.arn) : undefined;
}

function ownerOf(input: CustomInput | PrincipalInput): string | undefined {
  if (input.ResourceOwner === undefined) return undefined;
  const account = parseArn(input.ResourceOwner)?.account ?? input.ResourceOwner;
  if (!/^\d{12}$/.test(account)) throw invalidInput(`Invalid Resource Owner: ${input.ResourceOwner}`);
  return account;
}

function run(
  input: CustomInput | PrincipalInput,
  identity: NamedPolicy[],
  boundary: NamedPolicy | undefined,
  scps: NamedPolicy[][] | undefined,
  caller: Principal | undefined,
): EvaluationResult[] {
  if (input.ResourcePolicy !== undefined && caller === undefined) {
    throw invalidInput("A caller ARN must be specified when a resource policy is simulated.");
  }
  const owner = ownerOf(input);
  return simulate({
    actions: input.ActionNames ?? [],
    ...(input.ResourceArns === undefined ? {} : { resources: input.ResourceArns }),
    policies: {
      identity,
      ...(boundary === undefined ? {} : { boundary }),
      ...(scps === undefined ? {} : { scps }),
      ...(input.ResourcePolicy === undefined
        ? {}
        : { resource: [compile(input.ResourcePolicy, "resource", "ResourcePolicy")] }),
    },
    ...(caller === undefined ? {} : { caller }),
    ...(owner === undefined ? {} : { resourceOwner: owner }),
    context: contextOf(input),
  });
}

function answer(input: PageInput, results: readonly EvaluationResult[]) {
  const numbered = results.map((result, i) => ({ result, at: String(i).padStart(6, "0") }));
  const { items, paging } = pageOfArray(input, numbered, (each) => each.at);
  // The enum of SourcePolicyType in the SDK lists more values than the type of the answer's text.
  return { EvaluationResults: items.map((each) => each.result) as never[], ...paging };
}

type Exclusion = NonNullable<PrincipalInput["PolicyExclusionList"]>[number];

/** Whether a policy of the principal is left out of the simulation. */
function excluded(policy: GrantingPolicy, exclusions: readonly Exclusion[]): boolean {
  return exclusions.some((exclusion) => {
    if (exclusion.PolicyArn !== undefined) return exclusion.PolicyArn === policy.arn;
    if (exclusion.InlinePolicyIdentifier !== undefined) {
      const { PolicyName, AttachmentType, AttachmentName } = exclusion.InlinePolicyIdentifier;
      return (
        policy.owner?.kind === AttachmentType?.toLowerCase() &&
        policy.owner?.name === AttachmentName &&
        policy.name === PolicyName
      );
    }
    if (exclusion.PolicyType === "inline") return policy.arn === undefined;
    if (policy.arn === undefined) return false;
    return exclusion.PolicyType === (isAwsManaged(policy.arn) ? "aws-managed" : "user-managed");
  });
}

const excludesBoundary = (exclusions: readonly Exclusion[]) =>
  exclusions.some((exclusion) => exclusion.PolicyType === "permission-boundary");

async function ownBoundary(state: IamState, subject: Subject): Promise<NamedPolicy | undefined> {
  if ((subject.kind !== "user" && subject.kind !== "role") || subject.entity.boundary === undefined) return undefined;
  const policy = await findPolicy(state, subject.entity.boundary);
  if (!policy) throw noSuchEntity(`Scope ARN: ${subject.entity.boundary} does not exist or is not attachable.`);
  return compile(defaultDocument(policy), "boundary", policy.name);
}

export const simulation = {
  async SimulateCustomPolicy(input, ctx) {
    const state = iamState(ctx);
    const scps = input.OrderedOrganizationPolicyInputList?.map((level, i) =>
      compileList(level.ServiceControlPolicyInputList, "scp", `OrderedOrganizationPolicyInputList.${i + 1}`),
    );
    const caller = input.CallerArn === undefined ? undefined : await callerOf(state, input.CallerArn);
    const identity = compileList(input.PolicyInputList, "identity", "PolicyInputList");
    return answer(input, run(input, identity, boundaryOf(input), scps, caller));
  },

  async SimulatePrincipalPolicy(input, ctx) {
    const state = iamState(ctx);
    const subject = await subjectOf(state, input.PolicySourceArn!);
    if (subject.kind === "policy") throw invalidInput(`Invalid Entity Arn: ${input.PolicySourceArn}`);
    const exclusions = input.PolicyExclusionList ?? [];
    const own = (await grantingPolicies(state, subject)).filter((policy) => !excluded(policy, exclusions));
    const identity = [
      ...own.map((policy) => compile(policy.document, "identity", policy.name)),
      ...compileList(input.PolicyInputList, "identity", "PolicyInputList"),
    ];
    // A boundary in the request takes the place of the principal's own.
    const boundary =
      boundaryOf(input) ?? (excludesBoundary(exclusions) ? undefined : await ownBoundary(state, subject));
    const caller = await defaultCaller(state, subject, input.CallerArn);
    return answer(input, run(input, identity, boundary, undefined, caller));
  },

  async GetContextKeysForCustomPolicy(input) {
    const policies = compileList(input.PolicyInputList, "identity", "PolicyInputList");
    return { ContextKeyNames: contextKeysOf(policies.map((each) => each.policy)) };
  },

  async GetContextKeysForPrincipalPolicy(input, ctx) {
    const state = iamState(ctx);
    const subject = await subjectOf(state, input.PolicySourceArn!);
    if (subject.kind === "policy") throw invalidInput(`Invalid Entity Arn: ${input.PolicySourceArn}`);
    const policies = [
      ...(await grantingPolicies(state, subject)).map((policy) => compile(policy.document, "identity", policy.name)),
      ...compileList(input.PolicyInputList, "identity", "PolicyInputList"),
    ];
    return { ContextKeyNames: contextKeysOf(policies.map((each) => each.policy)) };
  },
} satisfies IamHandlers;
