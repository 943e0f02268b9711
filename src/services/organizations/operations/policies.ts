/** Control policies and where they are attached. Source: AWS Organizations API Reference. */
import { base36Id } from "#kernel/ids.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Accounts } from "#gateway/accounts.ts";
import { arns, kindOf } from "../documents.ts";
import { constraint, fault, invalidInput } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { defaultPolicyType, isAvailable, policyTypes, type PolicyTypeName } from "../policyTypes.ts";
import { renderDefaultPolicy, renderPolicy } from "../render.ts";
import type { Ctx, Operations } from "../sdk.ts";
import { callersOrganization, changeOrganization, type ControlPolicy, type OrganizationState } from "../state.ts";
import { addTags } from "../tags.ts";

/** @throws MalformedPolicyDocumentException, ConstraintViolationException */
function checkContent(type: PolicyTypeName, content: string): void {
  const { longest, grammar } = policyTypes[type];
  if (content.length > longest) {
    throw constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum policy size.");
  }
  parsePolicy(content, grammar);
}

function requireAvailable(type: string | undefined): PolicyTypeName {
  if (!isAvailable(type!)) throw fault("PolicyTypeNotAvailableForOrganizationException");
  return type;
}

const policyId = /^p-[0-9a-zA-Z_]{8,128}$/;

async function requireOwnPolicy(organization: OrganizationState, id: string | undefined): Promise<ControlPolicy> {
  if (!policyId.test(id ?? "")) throw invalidInput("INVALID_PATTERN");
  if (defaultPolicyType(id!)) {
    throw invalidInput("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.");
  }
  const policy = await organization.get("policy", id!);
  if (!policy) throw fault("PolicyNotFoundException");
  return policy;
}

async function requireType(organization: OrganizationState, id: string | undefined): Promise<PolicyTypeName> {
  if (!policyId.test(id ?? "")) throw invalidInput("INVALID_PATTERN");
  const type = defaultPolicyType(id!) ?? (await organization.get("policy", id!))?.type;
  if (!type) throw fault("PolicyNotFoundException");
  return type;
}

async function requireTarget(organization: OrganizationState, id: string | undefined): Promise<string> {
  if (kindOf(id ?? "") === undefined) throw invalidInput("INVALID_PATTERN_TARGET_ID");
  if (!(await organization.exists(id!))) throw fault("TargetNotFoundException");
  return id!;
}

async function requireFreeName(organization: OrganizationState, type: PolicyTypeName, name: string, except?: string) {
  const policies = (await organization.all("policy")).filter((policy) => policy.type === type);
  const taken = policies.some((policy) => policy.name === name && policy.id !== except);
  if (taken || policyTypes[type].default.name === name) throw fault("DuplicatePolicyException");
  return policies.length;
}

/** Targets of a policy. INVARIANT: a type that is switched off is attached nowhere. */
async function targetsOf(organization: OrganizationState, id: string, type: PolicyTypeName): Promise<string[]> {
  if (!organization.isEnabled(type)) return [];
  const attachments = new Map((await organization.documents("attachments")).map(({ key, value }) => [key.id, value]));
  const standard = policyTypes[type].default.id;
  return (await organization.targets()).filter((target) =>
    (attachments.get(target)?.[type] ?? [standard]).includes(id),
  );
}

export const policyOperations = (accounts: Accounts): Operations => ({
  async CreatePolicy(input, ctx) {
    const organization = await changeOrganization(ctx);
    const type = requireAvailable(input.Type);
    if (organization.organization.featureSet !== "ALL") throw fault("PolicyTypeNotAvailableForOrganizationException");
    checkContent(type, input.Content!);
    if ((await requireFreeName(organization, type, input.Name!)) >= policyTypes[type].inOrganization) {
      throw constraint("POLICY_NUMBER_LIMIT_EXCEEDED", "You have exceeded the number of policies that you can have.");
    }
    const policy: ControlPolicy = {
      id: base36Id("p-", 8, ctx.random),
      type,
      name: input.Name!,
      description: input.Description ?? "",
      content: input.Content!,
      createdAt: ctx.now,
    };
    organization.put("policy", policy.id, policy);
    await addTags(organization, policy.id, input.Tags);
    return { Policy: { PolicySummary: renderPolicy(organization, policy), Content: policy.content } };
  },

  async UpdatePolicy(input, ctx) {
    const organization = await changeOrganization(ctx);
    const policy = await requireOwnPolicy(organization, input.PolicyId);
    if (input.Content !== undefined) checkContent(policy.type, input.Content);
    const name = input.Name ?? policy.name;
    await requireFreeName(organization, policy.type, name, policy.id);
    const updated = {
      ...policy,
      name,
      description: input.Description ?? policy.description,
      content: input.Content ?? policy.content,
    };
    organization.put("policy", policy.id, updated);
    return { Policy: { PolicySummary: renderPolicy(organization, updated), Content: updated.content } };
  },

  async DeletePolicy(input, ctx) {
    const organization = await changeOrganization(ctx);
    const { id, type } = await requireOwnPolicy(organization, input.PolicyId);
    if ((await targetsOf(organization, id, type)).length > 0) throw fault("PolicyInUseException");
    organization.delete("policy", id);
    organization.delete("tags", id);
    return {};
  },

  async DescribePolicy(input, ctx) {
    const organization = await callersOrganization(ctx);
    const standard = defaultPolicyType(input.PolicyId ?? "");
    if (standard) {
      const { content: Content } = policyTypes[standard].default;
      return { Policy: { PolicySummary: renderDefaultPolicy(organization, standard), Content } };
    }
    const policy = await requireOwnPolicy(organization, input.PolicyId);
    return { Policy: { PolicySummary: renderPolicy(organization, policy), Content: policy.content } };
  },

  async ListPolicies(input, ctx) {
    const organization = await callersOrganization(ctx);
    // Of a type that is not available here there is no policy.
    if (!isAvailable(input.Filter!)) return { Policies: [] };
    const own = (await organization.all("policy")).filter(({ type }) => type === input.Filter);
    const summaries = [
      ...(organization.organization.featureSet === "ALL" ? [renderDefaultPolicy(organization, input.Filter)] : []),
      ...own.map((policy) => renderPolicy(organization, policy)),
    ];
    const { items, next } = pageOf(input, summaries, ({ Id }) => Id);
    return { Policies: items, ...next };
  },

  async AttachPolicy(input, ctx) {
    const organization = await changeOrganization(ctx);
    const type = await requireType(organization, input.PolicyId);
    const target = await requireTarget(organization, input.TargetId);
    if (!organization.isEnabled(type)) throw fault("PolicyTypeNotEnabledException");
    const attached = await organization.attached(target, type);
    if (attached.includes(input.PolicyId!)) throw fault("DuplicatePolicyAttachmentException");
    if (attached.length >= policyTypes[type].most) {
      throw constraint(
        "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
        "You have attached the maximum number of policies to the specified target.",
      );
    }
    await organization.putAttached(target, type, [...attached, input.PolicyId!]);
    return {};
  },

  async DetachPolicy(input, ctx) {
    const organization = await changeOrganization(ctx);
    const type = await requireType(organization, input.PolicyId);
    const target = await requireTarget(organization, input.TargetId);
    const attached = organization.isEnabled(type) ? await organization.attached(target, type) : [];
    if (!attached.includes(input.PolicyId!)) throw fault("PolicyNotAttachedException");
    if (policyTypes[type].defaultStays && defaultPolicyType(input.PolicyId!)) {
      throw invalidInput("NON_DETACHABLE_POLICY", "You can't detach this policy from the specified target.");
    }
    if (attached.length <= policyTypes[type].fewest) {
      throw constraint(
        "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
        "You cannot remove the last policy attached to the specified target. You should have at least one attached always.",
      );
    }
    await organization.putAttached(
      target,
      type,
      attached.filter((id) => id !== input.PolicyId),
    );
    return {};
  },

  async ListPoliciesForTarget(input, ctx) {
    const organization = await callersOrganization(ctx);
    const target = await requireTarget(organization, input.TargetId);
    const type = input.Filter!;
    if (!isAvailable(type) || !organization.isEnabled(type)) return { Policies: [] };
    const summaries = [];
    for (const id of await organization.attached(target, type)) {
      const policy = await organization.get("policy", id);
      summaries.push(policy ? renderPolicy(organization, policy) : renderDefaultPolicy(organization, type));
    }
    const { items, next } = pageOf(input, summaries, ({ Id }) => Id);
    return { Policies: items, ...next };
  },

  async ListTargetsForPolicy(input, ctx) {
    const organization = await callersOrganization(ctx);
    const type = await requireType(organization, input.PolicyId);
    const { items, next } = pageOf(input, await targetsOf(organization, input.PolicyId!, type), (id) => id);
    return { Targets: await Promise.all(items.map((id) => describeTarget(ctx, accounts, organization, id))), ...next };
  },
});

async function describeTarget(ctx: Ctx, accounts: Accounts, organization: OrganizationState, id: string) {
  const o = organization.organization;
  switch (kindOf(id)) {
    case "root":
      return { TargetId: id, Arn: arns.root(o, id), Name: "Root", Type: "ROOT" as const };
    case "unit": {
      const Name = (await organization.get("unit", id))?.name;
      return { TargetId: id, Arn: arns.unit(o, id), Name, Type: "ORGANIZATIONAL_UNIT" as const };
    }
    default: {
      const Name = (await accounts.get(ctx.state, id))?.name;
      return { TargetId: id, Arn: arns.account(o, id), Name, Type: "ACCOUNT" as const };
    }
  }
}
