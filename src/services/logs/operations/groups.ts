/** Log groups: their life, retention and encryption. Source: CloudWatch Logs API Reference. */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import { base36Id } from "#kernel/ids.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { exists, invalidParameter, limitExceeded, unusableKey } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { callKeys, newDataKey } from "../sealing.ts";
import { type Garbage, type Group, groupArn, type MetricFilter, type Stream, types } from "../state.ts";
import { withTags } from "../tags.ts";
import { groupName, requireGroup } from "../target.ts";

/** "Log groups per account and Region: 1,000,000". */
const mostGroups = 1_000_000;

export async function createLogGroup(
  input: Input<"CreateLogGroup">,
  ctx: CallContext,
): Promise<Output<"CreateLogGroup">> {
  const name = input.logGroupName!;
  const logGroupClass = input.logGroupClass ?? "STANDARD";
  if (logGroupClass !== "STANDARD") {
    throw invalidParameter(`The log group class ${logGroupClass} is not supported by this installation.`);
  }
  if (await ctx.state.get<Group>(types.group, name)) throw exists("log group");
  if ((await ctx.state.count(types.group)) >= mostGroups) throw limitExceeded();
  const arn = groupArn(ctx, name);
  const kmsKeyId = input.kmsKeyId === undefined ? undefined : await keyArn(ctx, input.kmsKeyId, arn);
  const group: Group = {
    name,
    gid: base36Id("", 12, ctx.random),
    arn,
    account: ctx.account,
    region: ctx.region,
    createdAt: ctx.now,
    deletionProtection: input.deletionProtectionEnabled ?? false,
    dataKeys: [await newDataKey(callKeys(ctx, arn), arn, kmsKeyId)],
    metricFilters: 0,
    tags: withTags({}, input.tags),
  };
  ctx.state.put(types.group, name, group);
  return {};
}

/** AWS takes key ARNs only. @throws InvalidParameterException, AccessDeniedException */
async function keyArn(ctx: CallContext, keyId: string, arn: string): Promise<string> {
  const parsed = parseArn(keyId);
  if (!parsed || parsed.service !== "kms" || !parsed.resource.startsWith("key/")) {
    throw invalidParameter("The specified KMS Key Id could not be found.");
  }
  try {
    const { KeyMetadata: key } = await ctx.aws.kms.DescribeKey({ KeyId: keyId });
    if (!key?.Enabled || key.KeySpec !== "SYMMETRIC_DEFAULT") throw unusableKey(arn);
    return key.Arn!;
  } catch (error) {
    if (error instanceof AwsError && error.code === "NotFoundException") {
      throw invalidParameter("The specified KMS Key Id could not be found.");
    }
    throw error;
  }
}

export async function deleteLogGroup(
  input: Input<"DeleteLogGroup">,
  ctx: CallContext,
): Promise<Output<"DeleteLogGroup">> {
  const { value: group } = await requireGroup(ctx, input.logGroupName!);
  if (group.deletionProtection) {
    throw new AwsError("ValidationException", "The log group has deletion protection enabled and cannot be deleted.");
  }
  ctx.state.delete(types.group, group.name);
  await removeFilters(ctx, group);
  const garbage: Garbage = { prefix: `${group.gid}/`, streams: true };
  ctx.state.put(types.garbage, group.gid, garbage);
  return {};
}

async function removeFilters(ctx: CallContext, { gid }: Group): Promise<void> {
  const { items } = await ctx.state.list<MetricFilter>(types.metricFilter, { prefix: `${gid}/` });
  for (const { key } of items) ctx.state.delete(types.metricFilter, key.id);
}

async function change(ctx: CallContext, name: string, edit: (group: Group) => Group): Promise<void> {
  const { value } = await requireGroup(ctx, name);
  ctx.state.put(types.group, value.name, edit(value));
}

/** Days that AWS takes. Source: API Reference, PutRetentionPolicy. */
const retentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export async function putRetentionPolicy(
  input: Input<"PutRetentionPolicy">,
  ctx: CallContext,
): Promise<Output<"PutRetentionPolicy">> {
  const days = input.retentionInDays!;
  if (!retentions.includes(days)) {
    throw invalidParameter(
      `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${retentions.join(", ")}]`,
    );
  }
  await change(ctx, input.logGroupName!, (group) => ({ ...group, retentionDays: days }));
  return {};
}

export async function deleteRetentionPolicy(
  input: Input<"DeleteRetentionPolicy">,
  ctx: CallContext,
): Promise<Output<"DeleteRetentionPolicy">> {
  await change(ctx, input.logGroupName!, ({ retentionDays: _gone, ...group }) => group);
  return {};
}

export async function putDeletionProtection(
  input: Input<"PutLogGroupDeletionProtection">,
  ctx: CallContext,
): Promise<Output<"PutLogGroupDeletionProtection">> {
  const deletionProtection = input.deletionProtectionEnabled!;
  await change(ctx, groupName(input.logGroupIdentifier!), (group) => ({ ...group, deletionProtection }));
  return {};
}

/** The group that AssociateKmsKey and DisassociateKmsKey name; query results are the other kind of resource. */
function encrypted(input: { logGroupName?: string | undefined; resourceIdentifier?: string | undefined }): string {
  const { logGroupName: name, resourceIdentifier: resource } = input;
  if ((name === undefined) === (resource === undefined)) {
    throw invalidParameter("Exactly one of logGroupName and resourceIdentifier must be specified.");
  }
  if (resource?.includes(":query-result:")) {
    throw invalidParameter("Query results cannot be encrypted with a key of their own in this installation.");
  }
  return groupName(name ?? resource!);
}

export async function associateKmsKey(
  input: Input<"AssociateKmsKey">,
  ctx: CallContext,
): Promise<Output<"AssociateKmsKey">> {
  const { value: group } = await requireGroup(ctx, encrypted(input));
  const kmsKeyId = await keyArn(ctx, input.kmsKeyId!, group.arn);
  const key = await newDataKey(callKeys(ctx, group.arn), group.arn, kmsKeyId);
  ctx.state.put(types.group, group.name, { ...group, dataKeys: [...group.dataKeys, key] });
  return {};
}

/** What was encrypted under the KMS key stays so: it needs the key to be read. */
export async function disassociateKmsKey(
  input: Input<"DisassociateKmsKey">,
  ctx: CallContext,
): Promise<Output<"DisassociateKmsKey">> {
  const { value: group } = await requireGroup(ctx, encrypted(input));
  if (group.dataKeys.at(-1)!.kmsKeyId === undefined) return {};
  const key = await newDataKey(callKeys(ctx, group.arn), group.arn, undefined);
  ctx.state.put(types.group, group.name, { ...group, dataKeys: [...group.dataKeys, key] });
  return {};
}

export async function describeLogGroups(
  input: Input<"DescribeLogGroups">,
  ctx: CallContext,
): Promise<Output<"DescribeLogGroups">> {
  const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, logGroupIdentifiers: identifiers } = input;
  if (prefix !== undefined && pattern !== undefined) {
    throw invalidParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
  }
  if (input.logGroupClass !== undefined && input.logGroupClass !== "STANDARD") return { logGroups: [] };
  if (identifiers && identifiers.length > 0) {
    const names = identifiers.map(groupName);
    const found = (await ctx.state.getMany<Group>(types.group, names)).filter((group) => group !== undefined);
    return { logGroups: await Promise.all(found.map((group) => view(ctx, group))) };
  }
  const page = await groupsPage(ctx, "DescribeLogGroups", input, prefix, pattern);
  return {
    logGroups: await Promise.all(page.items.map((group) => view(ctx, group))),
    ...nextToken("DescribeLogGroups", page.next),
  };
}

export async function listLogGroups(input: Input<"ListLogGroups">, ctx: CallContext): Promise<Output<"ListLogGroups">> {
  if (input.dataSources?.length || input.fieldIndexNames?.length || input.logGroupTags?.length) {
    throw invalidParameter("Filtering log groups by data source, field index or tag is not supported.");
  }
  if (input.logGroupClass !== undefined && input.logGroupClass !== "STANDARD") return { logGroups: [] };
  const test = input.logGroupNamePattern === undefined ? undefined : namePattern(input.logGroupNamePattern);
  const page = await groupsPage(ctx, "ListLogGroups", input, undefined, undefined, test);
  return {
    logGroups: page.items.map(({ value }) => ({
      logGroupName: value.name,
      logGroupArn: value.arn,
      logGroupClass: "STANDARD" as const,
    })),
    ...nextToken("ListLogGroups", page.next),
  };
}

/** `^` anchors at the start, `|` separates alternatives. Source: API Reference, ListLogGroups `logGroupNamePattern`. */
function namePattern(pattern: string): (name: string) => boolean {
  const parts = pattern.split("|");
  return (name) => parts.some((part) => (part[0] === "^" ? name.startsWith(part.slice(1)) : name.includes(part)));
}

async function groupsPage(
  ctx: CallContext,
  operation: string,
  input: { nextToken?: string | undefined; limit?: number | undefined },
  prefix: string | undefined,
  pattern: string | undefined,
  test: (name: string) => boolean = () => true,
): Promise<{ items: Document<Group>[]; next?: string }> {
  const limit = input.limit ?? 50;
  const wanted = pattern?.toLowerCase();
  const items: Document<Group>[] = [];
  let after = readToken(operation, input.nextToken);
  for (;;) {
    const page = await ctx.state.list<Group>(types.group, {
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
      limit: 500,
    });
    for (const group of page.items) {
      if (!test(group.value.name)) continue;
      if (wanted !== undefined && !group.value.name.toLowerCase().includes(wanted)) continue;
      if (items.length === limit) return { items, next: items.at(-1)!.key.id };
      items.push(group);
    }
    if (page.next === undefined) return { items };
    after = page.next;
  }
}

async function view(ctx: CallContext, { value: group }: Document<Group>) {
  const kmsKeyId = group.dataKeys.at(-1)!.kmsKeyId;
  return {
    logGroupName: group.name,
    creationTime: group.createdAt,
    ...(group.retentionDays === undefined ? {} : { retentionInDays: group.retentionDays }),
    metricFilterCount: group.metricFilters,
    arn: `${group.arn}:*`,
    logGroupArn: group.arn,
    storedBytes: await storedBytes(ctx, group),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    logGroupClass: "STANDARD" as const,
    deletionProtectionEnabled: group.deletionProtection,
  };
}

async function storedBytes(ctx: CallContext, { gid }: Group): Promise<number> {
  let sum = 0;
  let after: string | undefined;
  do {
    const page = await ctx.state.list<Stream>(types.stream, {
      prefix: `${gid}/`,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page.items) sum += value.bytes;
    after = page.next;
  } while (after !== undefined);
  return sum;
}
