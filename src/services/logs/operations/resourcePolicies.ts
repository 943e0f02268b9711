/** Resource policies of the account: which services may write to its log groups. Source: CloudWatch Logs API Reference. */
import { AwsError } from "#kernel/errors.ts";
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { invalidParameter, limitExceeded, notFound } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { type ResourcePolicy, types } from "../state.ts";
import { checkName } from "../target.ts";

/** "Up to 10 resource policies per Region per account." */
const mostPolicies = 10;

export async function putResourcePolicy(
  input: Input<"PutResourcePolicy">,
  ctx: CallContext,
): Promise<Output<"PutResourcePolicy">> {
  if (input.resourceArn !== undefined || input.expectedRevisionId !== undefined) {
    throw invalidParameter("Resource policies of single log groups are not supported; leave resourceArn out.");
  }
  const { policyName: name, policyDocument: document } = input;
  if (name === undefined || document === undefined) {
    throw invalidParameter("policyName and policyDocument are required.");
  }
  checkName(name, "policyName");
  try {
    parsePolicy(document, "resource");
  } catch (error) {
    throw error instanceof AwsError ? invalidParameter(`Invalid policy document: ${error.message}`) : error;
  }
  const before = await ctx.state.get<ResourcePolicy>(types.resourcePolicy, name);
  if (!before && (await ctx.state.count(types.resourcePolicy)) >= mostPolicies) throw limitExceeded();
  const kept = await keepPolicy(ctx.identity, document, (principal) =>
    invalidParameter(`Invalid policy document: no such principal: ${principal}`),
  );
  const value: ResourcePolicy = { name, ...kept, updatedAt: ctx.now };
  ctx.state.put(types.resourcePolicy, name, value);
  return { resourcePolicy: await view(ctx, value) };
}

export async function describeResourcePolicies(
  input: Input<"DescribeResourcePolicies">,
  ctx: CallContext,
): Promise<Output<"DescribeResourcePolicies">> {
  if (input.policyScope === "RESOURCE") return { resourcePolicies: [] };
  const after = readToken("DescribeResourcePolicies", input.nextToken);
  const page = await ctx.state.list<ResourcePolicy>(types.resourcePolicy, {
    limit: input.limit ?? 50,
    ...(after === undefined ? {} : { after }),
  });
  return {
    resourcePolicies: await Promise.all(page.items.map(({ value }) => view(ctx, value))),
    ...nextToken("DescribeResourcePolicies", page.next),
  };
}

export async function deleteResourcePolicy(
  input: Input<"DeleteResourcePolicy">,
  ctx: CallContext,
): Promise<Output<"DeleteResourcePolicy">> {
  const name = input.policyName ?? "";
  if (!(await ctx.state.get<ResourcePolicy>(types.resourcePolicy, name))) {
    throw notFound(`Policy with name [${name}] does not exist.`);
  }
  ctx.state.delete(types.resourcePolicy, name);
  return {};
}

async function view(ctx: CallContext, { name, policy, boundPolicy, updatedAt }: ResourcePolicy) {
  return {
    policyName: name,
    policyDocument: await shownPolicy(ctx.identity, policy, boundPolicy),
    lastUpdatedTime: updatedAt,
    policyScope: "ACCOUNT" as const,
  };
}
