/**
 * The authorization questions of SQS: identity policies or the queue policy, as for every resource policy.
 * Source: Service Authorization Reference, Amazon SQS; a batch needs the permission of its single entries.
 */
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { sourceOfHandle } from "./operations/moveTasks.ts";
import { addressOf, addressOfArn, arnOf, findQueue, type QueueAddress } from "./queue.ts";
import type { SqsAccess } from "./sdk.ts";

type ContextValues = Record<string, string | readonly string[]>;

async function onQueue(
  ctx: CallContext,
  action: string,
  address: QueueAddress,
  context: ContextValues = {},
): Promise<Access> {
  const queue = await findQueue(ctx, address);
  const resource = arnOf(ctx, address);
  ctx.audit({ resources: [{ ARN: resource, accountId: address.account, type: "AWS::SQS::Queue" }] });
  const tags = Object.entries(queue?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
  return {
    action: `sqs:${action}`,
    resource,
    resourceAccount: address.account,
    // Without a policy nobody of another account gets in.
    resourcePolicies: attachedPolicy(`${resource}/policy`, queue),
    context: { ...Object.fromEntries(tags), ...context },
  };
}

const byUrl =
  (action: string) =>
  (input: { QueueUrl: string | undefined }, ctx: CallContext): Promise<Access> =>
    onQueue(ctx, action, addressOf(ctx, input.QueueUrl));

function byArn(ctx: CallContext, action: string, arn: string | undefined): Promise<Access> {
  const address = addressOfArn(arn ?? "");
  return onQueue(ctx, action, address ?? { account: ctx.account, region: ctx.region, name: "*" });
}

function tagContext(tags: Readonly<Partial<Record<string, string>>> | undefined): ContextValues {
  const entries = Object.entries(tags ?? {});
  if (entries.length === 0) return {};
  return {
    "aws:TagKeys": entries.map(([key]) => key),
    ...Object.fromEntries(entries.map(([key, value]) => [`aws:RequestTag/${key}`, value ?? ""])),
  };
}

const own = (ctx: CallContext, name: string | undefined): QueueAddress => ({
  account: ctx.account,
  region: ctx.region,
  name: name ?? "",
});

export const access: SqsAccess = {
  AddPermission: byUrl("AddPermission"),
  CancelMessageMoveTask: (input, ctx) => byArn(ctx, "CancelMessageMoveTask", sourceOfHandle(input.TaskHandle)),
  ChangeMessageVisibility: byUrl("ChangeMessageVisibility"),
  ChangeMessageVisibilityBatch: byUrl("ChangeMessageVisibility"),
  async CreateQueue(input, ctx) {
    const context = tagContext(input.tags);
    const address = own(ctx, input.QueueName);
    const create = await onQueue(ctx, "CreateQueue", address, context);
    return Object.keys(context).length > 0 ? [create, await onQueue(ctx, "TagQueue", address, context)] : create;
  },
  DeleteMessage: byUrl("DeleteMessage"),
  DeleteMessageBatch: byUrl("DeleteMessage"),
  DeleteQueue: byUrl("DeleteQueue"),
  GetQueueAttributes: byUrl("GetQueueAttributes"),
  GetQueueUrl: (input, ctx) =>
    onQueue(ctx, "GetQueueUrl", {
      ...own(ctx, input.QueueName),
      ...(/^\d{12}$/.test(input.QueueOwnerAWSAccountId ?? "") ? { account: input.QueueOwnerAWSAccountId! } : {}),
    }),
  ListDeadLetterSourceQueues: byUrl("ListDeadLetterSourceQueues"),
  ListMessageMoveTasks: (input, ctx) => byArn(ctx, "ListMessageMoveTasks", input.SourceArn),
  ListQueueTags: byUrl("ListQueueTags"),
  ListQueues: (_input, ctx) => ({
    action: "sqs:ListQueues",
    resource: `arn:${ctx.partition}:sqs:${ctx.region}:${ctx.account}:*`,
  }),
  PurgeQueue: byUrl("PurgeQueue"),
  ReceiveMessage: byUrl("ReceiveMessage"),
  RemovePermission: byUrl("RemovePermission"),
  SendMessage: byUrl("SendMessage"),
  SendMessageBatch: byUrl("SendMessage"),
  SetQueueAttributes: byUrl("SetQueueAttributes"),
  /** Moving is receiving and deleting there, and sending here. Source: SQS Developer Guide, "Configure a dead-letter queue redrive", permissions. */
  async StartMessageMoveTask(input, ctx) {
    const source = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
    const questions = source.map((action) => byArn(ctx, action, input.SourceArn));
    if (input.DestinationArn !== undefined) questions.push(byArn(ctx, "SendMessage", input.DestinationArn));
    return await Promise.all(questions);
  },
  TagQueue: (input, ctx) => onQueue(ctx, "TagQueue", addressOf(ctx, input.QueueUrl), tagContext(input.Tags)),
  UntagQueue: (input, ctx) =>
    onQueue(ctx, "UntagQueue", addressOf(ctx, input.QueueUrl), { "aws:TagKeys": input.TagKeys ?? [] }),
};
