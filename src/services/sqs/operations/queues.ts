/**
 * Queues: creating, finding, setting, purging, deleting. Source: SQS API Reference, CreateQueue, SetQueueAttributes,
 * PurgeQueue ("only one every 60 seconds"), DeleteQueue ("you must wait at least 60 seconds before creating a queue
 * with the same name").
 */
import { timeText } from "#kernel/clock.ts";
import { shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { PageTokens } from "#gateway/pageTokens.ts";
import { initialSettings, keptPolicy, shownAttributes, withAttributes, type Settings } from "../attributes.ts";
import {
  deletedRecently,
  invalidParameter,
  invalidValue,
  nameExists,
  noQueue,
  purgeInProgress,
  unknownAttribute,
} from "../errors.ts";
import { countInFlight } from "../inFlight.ts";
import type { Parts } from "../parts.ts";
import { addressOfArn, arnOf, findQueue, queueUrl, requireQueue } from "../queue.ts";
import type { Out, SqsHandlers } from "../sdk.ts";
import { putQueue, scopeOf, types, type Queue, type QueueEncryption, type RedrivePolicy } from "../state.ts";
import { checkTags } from "../tags.ts";

const restMs = 60_000;

export function queueHandlers(parts: Parts): SqsHandlers {
  return {
    async CreateQueue(input, ctx) {
      const name = input.QueueName ?? "";
      const attributes = definedValues(input.Attributes);
      const fifo = checkName(name, attributes["FifoQueue"]);
      const settings = withAttributes(initialSettings, fifo, attributes);
      const existing = await findQueue(ctx, { account: ctx.account, region: ctx.region, name });
      if (existing) {
        requireSame(existing, attributes, settings);
        return { QueueUrl: queueUrl(ctx, existing) };
      }
      if (await ctx.state.get(types.deleted, name)) throw deletedRecently();
      const arn = arnOf(ctx, { account: ctx.account, region: ctx.region, name });
      if (settings.redrive) await checkTarget(ctx, arn, fifo, settings.redrive);
      const uid = ctx.random.uuid();
      const { encryption, ...plain } = settings;
      const queue: Queue = {
        ...plain,
        ...(plain.policy === undefined ? {} : await keptPolicy(ctx, plain.policy)),
        name,
        arn,
        account: ctx.account,
        region: ctx.region,
        uid,
        epoch: newEpoch(ctx, uid),
        fifo,
        createdAt: ctx.now,
        modifiedAt: ctx.now,
        encryption: await realEncryption(ctx, parts, uid, encryption, undefined),
        tags: checkTags({}, definedValues(input.tags)),
      };
      putQueue(ctx, queue);
      return { QueueUrl: queueUrl(ctx, queue) };
    },

    async GetQueueUrl(input, ctx) {
      const address = {
        account: input.QueueOwnerAWSAccountId ?? ctx.account,
        region: ctx.region,
        name: input.QueueName ?? "",
      };
      const queue = /^\d{12}$/.test(address.account) ? await findQueue(ctx, address) : undefined;
      if (!queue) throw noQueue();
      return { QueueUrl: queueUrl(ctx, queue) };
    },

    async ListQueues(input, ctx) {
      const { limit, after } = paging(input);
      const prefix = input.QueueNamePrefix ?? "";
      const query = { prefix, limit, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.list<Queue>(types.queue, query);
      return {
        ...(page.items.length > 0 ? { QueueUrls: page.items.map(({ value }) => queueUrl(ctx, value)) } : {}),
        ...nextToken(input.MaxResults, page.next),
      };
    },

    async ListDeadLetterSourceQueues(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const { limit, after } = paging(input);
      const query = { value: queue.arn, limit, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.find<Queue>(types.queue, "deadLetter", query, scopeOf(queue));
      return {
        queueUrls: page.items.map(({ value }) => queueUrl(ctx, value)),
        ...nextToken(input.MaxResults, page.next),
      };
    },

    async GetQueueAttributes(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const wanted: readonly string[] = input.AttributeNames ?? [];
      for (const name of wanted) if (name !== "All" && !known.has(name)) throw unknownAttribute(name);
      const all = wanted.includes("All");
      const shown = shownAttributes(queue);
      if (queue.policy !== undefined)
        shown["Policy"] = await shownPolicy(ctx.identity, queue.policy, queue.boundPolicy);
      if (all || wanted.some((name) => name.startsWith("Approximate"))) Object.assign(shown, await counts(ctx, queue));
      const Attributes = Object.fromEntries(Object.entries(shown).filter(([name]) => all || wanted.includes(name)));
      return Object.keys(Attributes).length > 0 ? { Attributes } : {};
    },

    async SetQueueAttributes(input, ctx) {
      const { boundPolicy: before, ...queue } = await requireQueue(ctx, input.QueueUrl);
      const attributes = definedValues(input.Attributes);
      if (attributes["FifoQueue"] !== undefined) throw unknownAttribute("FifoQueue");
      const { encryption, ...settings } = withAttributes(queue, queue.fifo, attributes);
      if (settings.redrive && attributes["RedrivePolicy"]) {
        await checkTarget(ctx, queue.arn, queue.fifo, settings.redrive);
      }
      const { policy: _, redrive: _redrive, redriveAllow: _allow, ...kept } = queue;
      const bound = attributes["Policy"] ? await keptPolicy(ctx, attributes["Policy"]) : undefined;
      const unchanged = attributes["Policy"] === undefined && before ? { boundPolicy: before } : {};
      putQueue(ctx, {
        ...kept,
        ...settings,
        ...(bound ?? unchanged),
        encryption: await realEncryption(ctx, parts, queue.uid, encryption, queue.encryption),
        modifiedAt: ctx.now,
      });
      if (settings.retention !== queue.retention) {
        // Messages that are there already get the new retention from a job; AWS gives itself 15 minutes.
        const task = { queue: queue.name, retention: settings.retention };
        ctx.state.put(types.discarded, `${queue.epoch}/retention`, task, { at: scopeOf(queue), version: "any" });
      }
      return {};
    },

    async PurgeQueue(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      if (queue.purgedAt !== undefined && ctx.now - queue.purgedAt < restMs) throw purgeInProgress(queue.name);
      ctx.state.put(types.discarded, queue.epoch, {}, { at: scopeOf(queue), version: "any" });
      putQueue(ctx, { ...queue, epoch: newEpoch(ctx, queue.uid), purgedAt: ctx.now });
      return {};
    },

    async DeleteQueue(input, ctx) {
      const queue = await requireQueue(ctx, input.QueueUrl);
      const at = scopeOf(queue);
      ctx.state.delete(types.queue, queue.name, { at });
      ctx.state.put(types.discarded, queue.epoch, {}, { at, version: "any" });
      ctx.state.put(types.deleted, queue.name, {}, { at, version: "any", expiresAt: ctx.now + restMs });
      return {};
    },
  };
}

const countNames = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;

/** Every name that may be asked for. Source: SQS API Reference, GetQueueAttributes. */
const known: ReadonlySet<string> = new Set([
  ...countNames,
  "CreatedTimestamp",
  "LastModifiedTimestamp",
  "QueueArn",
  "VisibilityTimeout",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "DelaySeconds",
  "ReceiveMessageWaitTimeSeconds",
  "Policy",
  "RedrivePolicy",
  "RedriveAllowPolicy",
  "KmsMasterKeyId",
  "KmsDataKeyReusePeriodSeconds",
  "SqsManagedSseEnabled",
  "FifoQueue",
  "ContentBasedDeduplication",
  "DeduplicationScope",
  "FifoThroughputLimit",
]);

async function counts(ctx: CallContext, queue: Queue): Promise<Record<(typeof countNames)[number], string>> {
  const border = `${queue.epoch}/${timeText(ctx.now + 1)}`;
  const at = scopeOf(queue);
  const [visible, hidden, inFlight] = await Promise.all([
    ctx.state.countIndex(types.message, "due", { from: `${queue.epoch}/`, to: border }, at),
    ctx.state.countIndex(types.message, "due", { from: border, to: `${queue.epoch}0` }, at),
    countInFlight(ctx, queue),
  ]);
  return {
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(Math.max(0, hidden - inFlight)),
  };
}

/** Whether it is the name of a FIFO queue. @throws InvalidParameterValue */
function checkName(name: string, fifoQueue: string | undefined): boolean {
  const fifo = name.endsWith(".fifo");
  if (fifoQueue !== undefined && fifoQueue !== "true") {
    // A queue that is not FIFO is said so by leaving the attribute out.
    throw fifoQueue === "false" ? unknownAttribute("FifoQueue") : invalidValue(fifoQueue, "FifoQueue", "Must be true.");
  }
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(fifo ? name.slice(0, -5) : name) || name.length > 80) {
    if (fifoQueue === "true") {
      throw invalidParameter(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
      );
    }
    throw invalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  if (fifo !== (fifoQueue === "true")) {
    throw invalidParameter(
      fifo
        ? "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        : "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
    );
  }
  return fifo;
}

/** Creating a queue again is creating it once, unless it is asked to be another. @throws QueueNameExists */
function requireSame(existing: Queue, attributes: Readonly<Record<string, string>>, settings: Settings): void {
  const is = shownAttributes(existing);
  const { encryption, ...plain } = settings;
  const wanted = shownAttributes({ ...existing, ...plain, encryption: { key: "", ...encryption } as QueueEncryption });
  for (const name of Object.keys(attributes)) if (is[name] !== wanted[name]) throw nameExists(name);
}

/** @throws InvalidParameterValue */
async function checkTarget(ctx: CallContext, arn: string, fifo: boolean, redrive: RedrivePolicy): Promise<void> {
  const bad = (reason: string) => invalidValue(JSON.stringify(redrive), "RedrivePolicy", reason);
  const address = addressOfArn(redrive.deadLetterTargetArn)!;
  const own = addressOfArn(arn)!;
  if (address.account !== own.account || address.region !== own.region) {
    throw bad("Dead-letter target owner should be same as the source.");
  }
  if (redrive.deadLetterTargetArn === arn) throw bad("Dead-letter queue cannot be the source queue itself.");
  const target = await findQueue(ctx, address);
  if (!target) throw bad("Dead letter target does not exist.");
  if (target.fifo !== fifo) throw bad("Dead-letter queue must be same type of queue as the source.");
  const allow = target.redriveAllow;
  const allowed =
    !allow ||
    allow.redrivePermission === "allowAll" ||
    (allow.redrivePermission === "byQueue" && allow.sourceQueueArns?.includes(arn) === true);
  if (!allowed) throw bad("Queue is not allowed by the redrive allow policy of the dead-letter queue.");
}

async function realEncryption(
  ctx: CallContext,
  parts: Parts,
  uid: string,
  wanted: Settings["encryption"],
  before: QueueEncryption | undefined,
): Promise<QueueEncryption> {
  if (wanted.kind !== "SSE-SQS") return wanted;
  if (before?.kind === "SSE-SQS") return before;
  return await ctx.once("queue key", () => parts.sealer.newQueueKey(ctx, uid));
}

function newEpoch(ctx: CallContext, uid: string): string {
  return `${uid}.${ctx.random.bytes(4).toString("hex")}`;
}

function definedValues(record: Partial<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

const tokens = new PageTokens("sqs", () => invalidParameter("Invalid or expired next token."));

function paging(input: { MaxResults?: number | undefined; NextToken?: string | undefined }): {
  limit: number;
  after?: string;
} {
  const { MaxResults: most, NextToken: token } = input;
  if (most !== undefined && (!Number.isInteger(most) || most < 1 || most > 1000)) {
    throw invalidValue(most, "MaxResults", "MaxResults must be an integer between 1 and 1000.");
  }
  if (token !== undefined && most === undefined)
    throw invalidParameter("MaxResults is a mandatory parameter when you provide a value for NextToken.");
  const after = tokens.read(token);
  return after === undefined ? { limit: most ?? 1000 } : { limit: most ?? 1000, after };
}

/** Only who pages is told that there is more. */
function nextToken(most: number | undefined, next: string | undefined): Pick<Out<"ListQueues">, "NextToken"> {
  return most === undefined || next === undefined ? {} : { NextToken: tokens.write(next) };
}
