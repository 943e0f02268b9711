/** Finding the queue that a URL or an ARN names. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidAddress, noQueue } from "./errors.ts";
import { serviceId, types, type Queue, type Work } from "./state.ts";

export interface QueueAddress {
  account: string;
  region: string;
  name: string;
}

/**
 * A queue URL ends in `/<account>/<name>`, whatever host it was made under; the Region is the call's.
 * @throws InvalidAddress
 */
export function addressOf(ctx: CallContext, url: string | undefined): QueueAddress {
  const found = /^(?:https?:\/\/[^/\s]+)?\/(\d{12})\/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)\/?$/.exec(url ?? "");
  if (!found) throw invalidAddress((url ?? "").slice(0, 1024));
  return { account: found[1]!, region: ctx.region, name: found[2]! };
}

export function arnOf(ctx: CallContext, { account, region, name }: QueueAddress): string {
  return `arn:${ctx.partition}:sqs:${region}:${account}:${name}`;
}

/** `undefined` for what is no ARN of a queue. */
export function addressOfArn(arn: string): QueueAddress | undefined {
  const parsed = parseArn(arn);
  if (!parsed || parsed.service !== "sqs" || !/^\d{12}$/.test(parsed.account)) return undefined;
  if (!/^[A-Za-z0-9_-]{1,80}(\.fifo)?$/.test(parsed.resource)) return undefined;
  return { account: parsed.account, region: parsed.region, name: parsed.resource };
}

export async function findQueue({ state }: Pick<Work, "state">, address: QueueAddress): Promise<Queue | undefined> {
  const { account, region, name } = address;
  return (await state.get<Queue>(types.queue, name, { account, region, service: serviceId }))?.value;
}

/** @throws QueueDoesNotExist, InvalidAddress */
export async function requireQueue(ctx: CallContext, url: string | undefined): Promise<Queue> {
  const queue = await findQueue(ctx, addressOf(ctx, url));
  if (!queue) throw noQueue();
  return queue;
}

/** The URL as this client reaches us. */
export function queueUrl(ctx: CallContext, { account, name }: Pick<Queue, "account" | "name">): string {
  const { scheme, host } = ctx.request;
  const base = host === "" ? ctx.config.endpoint : `${scheme}://${host}`;
  return `${base}/${account}/${name}`;
}
