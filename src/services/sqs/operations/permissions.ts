/** AddPermission and RemovePermission write statements of the queue policy; TagQueue and its like. Source: SQS API Reference. */
import { shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { keptPolicy } from "../attributes.ts";
import { invalidValue, missing } from "../errors.ts";
import { requireQueue } from "../queue.ts";
import type { SqsHandlers } from "../sdk.ts";
import { putQueue, type Queue } from "../state.ts";
import { checkTags } from "../tags.ts";

interface PolicyText {
  Version?: string;
  Id?: string;
  Statement: { Sid?: string; [member: string]: unknown }[];
}

/** The actions another account can be given. Source: AddPermission, "Actions". */
const givable = new Set([
  "*",
  "ChangeMessageVisibility",
  "DeleteMessage",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListDeadLetterSourceQueues",
  "PurgeQueue",
  "ReceiveMessage",
  "SendMessage",
]);
const mostActions = 7;

export const permissionHandlers: SqsHandlers = {
  async AddPermission(input, ctx) {
    const queue = await requireQueue(ctx, input.QueueUrl);
    const { Label: label = "", AWSAccountIds: accounts = [], Actions: actions = [] } = input;
    if (accounts.length === 0) throw missing("AWSAccountIds");
    if (actions.length === 0) throw missing("Actions");
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) {
      throw invalidValue(
        label,
        "Label",
        "Label can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
      );
    }
    if (actions.length > mostActions) throw invalidValue(actions.length, "Actions", `${mostActions} is the most.`);
    for (const action of actions) {
      if (!givable.has(action)) {
        throw invalidValue(`SQS:${action}`, "ActionName", "Only the queue owner is allowed to invoke this action.");
      }
    }
    for (const account of accounts) {
      if (!/^\d{12}$/.test(account)) throw invalidValue(account, "PrincipalId", "Unable to verify.");
    }
    const policy = (await readPolicy(ctx, queue)) ?? {
      Version: "2008-10-17",
      Id: `${queue.arn}/SQSDefaultPolicy`,
      Statement: [],
    };
    if (policy.Statement.some(({ Sid }) => Sid === label)) throw invalidValue(label, "Label", "Already exists.");
    policy.Statement.push({
      Sid: label,
      Effect: "Allow",
      Principal: { AWS: oneOrAll(accounts.map((account) => `arn:${ctx.partition}:iam::${account}:root`)) },
      Action: oneOrAll(actions.map((action) => `SQS:${action}`)),
      Resource: queue.arn,
    });
    putQueue(ctx, { ...withoutPolicy(queue), ...(await keptPolicy(ctx, JSON.stringify(policy))), modifiedAt: ctx.now });
    return {};
  },

  async RemovePermission(input, ctx) {
    const queue = await requireQueue(ctx, input.QueueUrl);
    const label = input.Label ?? "";
    const policy = await readPolicy(ctx, queue);
    const left = policy?.Statement.filter(({ Sid }) => Sid !== label) ?? [];
    if (!policy || left.length === policy.Statement.length) {
      throw invalidValue(label, "Label", "can't find label on existing policy.");
    }
    const next = left.length > 0 ? await keptPolicy(ctx, JSON.stringify({ ...policy, Statement: left })) : {};
    putQueue(ctx, { ...withoutPolicy(queue), ...next, modifiedAt: ctx.now });
    return {};
  },

  async TagQueue(input, ctx) {
    const queue = await requireQueue(ctx, input.QueueUrl);
    if (!input.Tags || Object.keys(input.Tags).length === 0) throw missing("Tags");
    putQueue(ctx, { ...queue, tags: checkTags(queue.tags, input.Tags) });
    return {};
  },

  async UntagQueue(input, ctx) {
    const queue = await requireQueue(ctx, input.QueueUrl);
    const removed = new Set(input.TagKeys ?? []);
    const tags = Object.fromEntries(Object.entries(queue.tags).filter(([key]) => !removed.has(key)));
    putQueue(ctx, { ...queue, tags });
    return {};
  },

  async ListQueueTags(input, ctx) {
    const { tags } = await requireQueue(ctx, input.QueueUrl);
    return Object.keys(tags).length > 0 ? { Tags: tags } : {};
  },
};

function withoutPolicy({ policy: _, boundPolicy: _bound, ...queue }: Queue): Queue {
  return queue;
}

/** As it is shown: a statement about a user who is gone must not be bound again, to another of the same name. */
async function readPolicy(ctx: CallContext, queue: Queue): Promise<PolicyText | undefined> {
  if (queue.policy === undefined) return undefined;
  const parsed = JSON.parse(await shownPolicy(ctx.identity, queue.policy, queue.boundPolicy)) as {
    Statement: PolicyText["Statement"] | PolicyText["Statement"][number];
  };
  return { ...parsed, Statement: Array.isArray(parsed.Statement) ? parsed.Statement : [parsed.Statement] };
}

function oneOrAll<T>(values: readonly T[]): T | readonly T[] {
  return values.length === 1 ? values[0]! : values;
}
