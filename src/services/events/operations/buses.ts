/** Event buses. Source: EventBridge API Reference, CreateEventBus, UpdateEventBus, DeleteEventBus, DescribeEventBus, ListEventBuses. */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import { shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { busAddress, busArn, requireBus } from "../bus.ts";
import { busExists, invalid, invalidParameter, notServed, tooMany } from "../errors.ts";
import { withAlways } from "#gateway/pageTokens.ts";
import { nextOf, startOf } from "../paging.ts";
import { busContext } from "../sealing.ts";
import type { EventsHandlers, Out } from "../sdk.ts";
import { defaultBus, eventsPrincipal, scopeOf, types, type Bus, type Rule } from "../state.ts";
import { mergeTags } from "../tags.ts";

/** "100 per Region" event buses of an account. */
const mostBuses = 100;

export const busHandlers: EventsHandlers = {
  async CreateEventBus(input, ctx) {
    const name = input.Name ?? "";
    // "Custom event bus names can't contain the / character, but you can use the / character in partner event bus names."
    if (input.EventSourceName !== undefined || name.startsWith("aws.partner/")) {
      throw notServed("EventSourceName", "Partner event sources");
    }
    if (name.includes("/")) throw invalid("Event bus name must not contain '/'.");
    if (name === defaultBus || (await ctx.state.get<Bus>(types.bus, name))) throw busExists(name);
    if ((await ctx.state.count(types.bus)) >= mostBuses) throw tooMany();
    checkLogging(input.LogConfig);
    const arn = busArn({ account: ctx.account, region: ctx.region, name });
    const queue = deadLetterQueue(ctx, input.DeadLetterConfig?.Arn);
    const key = await kmsKey(ctx, arn, input.KmsKeyIdentifier);
    const bus: Bus = {
      name,
      arn,
      createdAt: ctx.now,
      modifiedAt: ctx.now,
      ...described(input.Description),
      ...(key === undefined ? {} : { kmsKeyId: key }),
      ...(queue === undefined ? {} : { deadLetterQueue: queue }),
      tags: mergeTags({}, input.Tags),
    };
    ctx.state.put<Bus>(types.bus, name, bus);
    return { EventBusArn: arn, ...settings(bus) };
  },

  async UpdateEventBus(input, ctx) {
    const address = busAddress(ctx, input.Name);
    const { description, kmsKeyId, deadLetterQueue: queue, ...rest } = await requireBus(ctx, address);
    checkLogging(input.LogConfig);
    const key = input.KmsKeyIdentifier === "" ? undefined : await kmsKey(ctx, rest.arn, input.KmsKeyIdentifier);
    const nextQueue = input.DeadLetterConfig ? deadLetterQueue(ctx, input.DeadLetterConfig.Arn) : queue;
    const nextKey = input.KmsKeyIdentifier === undefined ? kmsKeyId : key;
    const bus: Bus = {
      ...rest,
      modifiedAt: ctx.now,
      ...described(input.Description ?? description),
      ...(nextKey === undefined ? {} : { kmsKeyId: nextKey }),
      ...(nextQueue === undefined ? {} : { deadLetterQueue: nextQueue }),
    };
    ctx.state.put<Bus>(types.bus, bus.name, bus, { at: scopeOf(address) });
    return { Arn: bus.arn, Name: bus.name, ...settings(bus) };
  },

  /** Deleting what is not there succeeds. */
  async DeleteEventBus(input, ctx) {
    const name = input.Name ?? "";
    if (name === defaultBus) throw invalid("Cannot delete event bus default.");
    const bus = await ctx.state.get<Bus>(types.bus, name);
    if (!bus) return {};
    const rules = await ctx.state.list<Rule>(types.rule, { prefix: `${name}/`, limit: 1 });
    if (rules.items.length > 0) throw invalid("Cannot delete an event bus with rules.");
    ctx.state.checkNone(types.rule, `${name}/`);
    ctx.state.delete(types.bus, name);
    return {};
  },

  async DescribeEventBus(input, ctx) {
    const bus = await requireBus(ctx, busAddress(ctx, input.Name, "Name"));
    return { ...(await shown(ctx, bus)), ...settings(bus) };
  },

  async ListEventBuses(input, ctx) {
    const prefix = input.NamePrefix ?? "";
    const start = startOf(input.NextToken, input.Limit);
    const page = await ctx.state.list<Bus>(types.bus, { prefix, ...start });
    const buses = await Promise.all(page.items.map(({ value }) => shown(ctx, value)));
    // The default bus is there whether or not anything of it was set.
    const always = { Name: defaultBus, Arn: busArn({ account: ctx.account, region: ctx.region, name: defaultBus }) };
    const { items, next } = withAlways({ items: buses, next: page.next }, always, { prefix, ...start });
    return { EventBuses: items, ...nextOf(next) };
  },
};

async function shown(ctx: CallContext, bus: Bus): Promise<Out<"DescribeEventBus">> {
  const policy = bus.policy === undefined ? undefined : await shownPolicy(ctx.identity, bus.policy, bus.boundPolicy);
  return {
    Name: bus.name,
    Arn: bus.arn,
    ...(bus.description === undefined ? {} : { Description: bus.description }),
    ...(policy === undefined ? {} : { Policy: policy }),
    ...(bus.createdAt === undefined ? {} : { CreationTime: new Date(bus.createdAt) }),
    ...(bus.modifiedAt === 0 ? {} : { LastModifiedTime: new Date(bus.modifiedAt) }),
  };
}

function settings(bus: Bus) {
  return {
    ...(bus.description === undefined ? {} : { Description: bus.description }),
    ...(bus.kmsKeyId === undefined ? {} : { KmsKeyIdentifier: bus.kmsKeyId }),
    ...(bus.deadLetterQueue === undefined ? {} : { DeadLetterConfig: { Arn: bus.deadLetterQueue } }),
  };
}

const described = (text: string | undefined) => (text === undefined || text === "" ? {} : { description: text });

function checkLogging(given: { Level?: string | undefined } | undefined): void {
  if (given?.Level !== undefined && given.Level !== "OFF") throw notServed("LogConfig", "Logs of event buses");
}

/** A dead-letter queue is a standard queue of the Region. @throws ValidationException */
export function deadLetterQueue(ctx: Pick<CallContext, "region">, arn: string | undefined): string | undefined {
  if (arn === undefined || arn === "") return undefined;
  const parsed = parseArn(arn);
  if (parsed?.service !== "sqs" || !/^\d{12}$/.test(parsed.account) || !/^[A-Za-z0-9_-]{1,80}$/.test(parsed.resource)) {
    throw invalidParameter("DeadLetterConfig.Arn", "It has to be the ARN of a standard SQS queue.");
  }
  if (parsed.region !== ctx.region) throw invalidParameter("DeadLetterConfig.Arn", "It has to be in the same Region.");
  return arn;
}

/**
 * ARN of a key that EventBridge may use for the bus: tried now, so that a wrong key policy is found now.
 * @throws ValidationException
 */
export async function kmsKey(
  ctx: CallContext,
  arnOfBus: string,
  given: string | undefined,
): Promise<string | undefined> {
  if (given === undefined || given === "") return undefined;
  return await ctx.once(`key ${given}`, async () => {
    const where = { sourceArn: arnOfBus, sourceAccount: ctx.account };
    const { kms } = ctx.asService(eventsPrincipal, where);
    const KeyId = given.startsWith("arn:") ? given : keyArn(ctx, given);
    try {
      const { KeyMetadata } = await kms.DescribeKey({ KeyId });
      if (KeyMetadata?.KeySpec !== "SYMMETRIC_DEFAULT")
        throw invalid("The KMS key has to be a symmetric encryption key.");
      await kms.GenerateDataKey({ KeyId, KeySpec: "AES_256", EncryptionContext: busContext(arnOfBus) });
      return KeyMetadata.Arn!;
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500 || error.code === "ValidationException") throw error;
      throw invalidParameter("KmsKeyIdentifier", error.message);
    }
  });
}

function keyArn({ partition, region, account }: CallContext, id: string): string {
  return `arn:${partition}:kms:${region}:${account}:${id.startsWith("alias/") ? id : `key/${id}`}`;
}
