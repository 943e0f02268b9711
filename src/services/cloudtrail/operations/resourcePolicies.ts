/** Resource policies of channels and event data stores. Source: CloudTrail API Reference, PutResourcePolicy. */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import { parsePolicy } from "#policy/parse.ts";
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { badResourceArn, badResourceType, invalidPolicy, noPolicy } from "../lake/errors.ts";
import { requireStore, type ResourcePolicy } from "../lake/state.ts";
import { resourceNotFound } from "../errors.ts";
import { requireChannel } from "../tagged.ts";
import type { Input, Output } from "../sdk.ts";

/** What each kind of resource lets others do. Source: User Guide, "Resource-based policies … for CloudTrail". */
const actions = {
  channel: ["cloudtrail-data:PutAuditEvents"],
  eventdatastore: [
    "cloudtrail:StartQuery",
    "cloudtrail:CancelQuery",
    "cloudtrail:ListQueries",
    "cloudtrail:DescribeQuery",
    "cloudtrail:GetQueryResults",
    "cloudtrail:GenerateQuery",
    "cloudtrail:GenerateQueryResultsSummary",
    "cloudtrail:GetEventDataStore",
  ],
};

interface Target {
  arn: string;
  account: string;
  region: string;
  kind: keyof typeof actions;
}

export async function putResourcePolicy(
  input: Input<"PutResourcePolicy">,
  ctx: CallContext,
): Promise<Output<"PutResourcePolicy">> {
  const target = await requireTarget(ctx, input.ResourceArn!);
  const policy = input.ResourcePolicy!;
  checkPolicy(target, policy);
  const { account, region } = target;
  const kept = await keepPolicy(ctx.identity, policy, (principal) => invalidPolicy(`No such principal: ${principal}`));
  ctx.state.put<ResourcePolicy>("resourcePolicy", target.arn, kept, { at: { account, region } });
  return { ResourceArn: target.arn, ResourcePolicy: policy };
}

export async function getResourcePolicy(
  input: Input<"GetResourcePolicy">,
  ctx: CallContext,
): Promise<Output<"GetResourcePolicy">> {
  const { arn, policy, boundPolicy } = await requirePolicy(ctx, input.ResourceArn!);
  return { ResourceArn: arn, ResourcePolicy: await shownPolicy(ctx.identity, policy, boundPolicy) };
}

export async function deleteResourcePolicy(
  input: Input<"DeleteResourcePolicy">,
  ctx: CallContext,
): Promise<Output<"DeleteResourcePolicy">> {
  const { arn, account, region } = await requirePolicy(ctx, input.ResourceArn!);
  ctx.state.delete("resourcePolicy", arn, { at: { account, region } });
  return {};
}

async function requirePolicy(ctx: CallContext, given: string): Promise<Target & ResourcePolicy> {
  const target = await requireTarget(ctx, given);
  const { account, region } = target;
  const found = await ctx.state.get<ResourcePolicy>("resourcePolicy", target.arn, { account, region });
  if (!found) throw noPolicy(`The resource-based policy was not found for ${given}.`);
  return { ...target, ...found.value };
}

/** @throws ResourceARNNotValidException, ResourceTypeNotSupportedException, ResourceNotFoundException */
async function requireTarget(ctx: CallContext, given: string): Promise<Target> {
  const arn = parseArn(given);
  if (arn?.service !== "cloudtrail") throw badResourceArn(`The resource ARN is not valid: ${given}`);
  const kind = arn.resource.split("/")[0]!;
  if (kind !== "channel" && kind !== "eventdatastore") {
    throw badResourceType("Resource-based policies are supported for channels and event data stores.");
  }
  try {
    const found = kind === "channel" ? await requireChannel(ctx, given) : await requireStore(ctx, given);
    return { arn: found.arn, account: found.account, region: found.region, kind };
  } catch (error) {
    if (error instanceof AwsError && error.status === 404) throw resourceNotFound(given);
    if (error instanceof AwsError) throw badResourceArn(`The resource ARN is not valid: ${given}`);
    throw error;
  }
}

/**
 * Every statement names principals and this resource, and allows or denies what can be done with it.
 * Source: User Guide, "Resource-based policy examples".
 */
function checkPolicy(target: Target, text: string): void {
  try {
    parsePolicy(text, "resource");
  } catch (error) {
    throw error instanceof AwsError ? invalidPolicy(error.message) : error;
  }
  const document = JSON.parse(text) as { Statement: Record<string, unknown> | Record<string, unknown>[] };
  const statements = listOf(document.Statement) as Record<string, unknown>[];
  for (const statement of statements) {
    const wrongAction = listOf(statement["Action"]).find((action) => !actions[target.kind].includes(String(action)));
    if (statement["Action"] === undefined || wrongAction !== undefined) {
      throw invalidPolicy(`The action ${String(wrongAction)} is not valid for the resource ${target.arn}.`);
    }
    const resources = listOf(statement["Resource"]);
    if (resources.length === 0 || resources.some((resource) => resource !== target.arn)) {
      throw invalidPolicy(`The resource in the policy does not match ${target.arn}.`);
    }
    if (statement["Principal"] === undefined) throw invalidPolicy("Each statement must name its principals.");
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}
