/** Managed policies by ARN, whoever manages them, and what is attached to them. */
import type { Policy as ApiPolicy } from "@aws-sdk/client-iam";
import { parseArn } from "#kernel/arn.ts";
import { awsManagedPolicies, isAwsManaged } from "./awsManagedPolicies.ts";
import { keyOf } from "./entities.ts";
import { invalidInput, noSuch, validationError } from "./errors.ts";
import { tagsOf } from "./render.ts";
import { attachmentPrefix, type IamState, type ManagedPolicy } from "./state.ts";

/** @throws InvalidInput (or ValidationError where AWS says so) for what is no policy ARN. */
export function requirePolicyArn(arn: string, code: "InvalidInput" | "ValidationError" = "InvalidInput"): void {
  if (/^arn:[a-z-]+:iam::(aws|\d{12}):policy\/./.test(arn)) return;
  const message = `ARN ${arn} is not valid.`;
  throw code === "InvalidInput" ? invalidInput(message) : validationError(message);
}

/** A customer managed policy of this account, or an AWS managed one. */
export async function findPolicy(state: IamState, arn: string): Promise<ManagedPolicy | undefined> {
  const parsed = parseArn(arn);
  if (!parsed) return undefined;
  if (isAwsManaged(arn)) return awsManagedPolicies(parsed.partition).get(arn);
  if (parsed.account !== state.account) return undefined;
  const policy = await state.get("policy", keyOf(parsed.resource.split("/").at(-1) ?? ""));
  return policy?.arn === arn ? policy : undefined;
}

/** @throws InvalidInput, NoSuchEntity "… was not found." */
export async function requirePolicy(state: IamState, arn: string): Promise<ManagedPolicy> {
  requirePolicyArn(arn);
  const policy = await findPolicy(state, arn);
  if (!policy) throw noSuch.policy(arn);
  return policy;
}

export function defaultDocument(policy: ManagedPolicy): string {
  return policy.versions.find((version) => version.id === policy.defaultVersion)!.document;
}

/**
 * INVARIANT: an attachment to a customer managed policy is staged together with a check of the policy, so a
 * policy cannot be deleted while somebody attaches it.
 */
export function checkPolicy(state: IamState, policy: ManagedPolicy): void {
  if (!isAwsManaged(policy.arn)) state.check("policy", keyOf(policy.name));
}

export async function policyShape(
  state: IamState,
  policy: ManagedPolicy,
  view: "summary" | "new" | "detail",
): Promise<ApiPolicy> {
  const [attachments, boundaries] = await Promise.all([
    state.count("attachment", attachmentPrefix(policy.arn)),
    state.count("boundaryUse", attachmentPrefix(policy.arn)),
  ]);
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersion,
    AttachmentCount: attachments,
    PermissionsBoundaryUsageCount: boundaries,
    IsAttachable: true,
    ...(view === "detail" && policy.description !== undefined ? { Description: policy.description } : {}),
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
    ...(view === "detail" ? { Tags: [...policy.tags] } : view === "new" ? tagsOf(policy.tags) : {}),
  };
}
