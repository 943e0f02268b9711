/** Finding the topic or the subscription that an ARN names. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext, State } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { invalid, malformedArn, noSubscription, noTopic } from "./errors.ts";
import { scopeOf, subscriptionId, types, type Place, type Subscription, type Topic } from "./state.ts";

export interface TopicAddress extends Place {
  name: string;
}

export const topicName = /^[A-Za-z0-9_-]{1,256}(\.fifo)?$/;

/** @throws InvalidParameter */
export function topicAddress(arn: string | undefined, parameter = "TopicArn"): TopicAddress {
  const given = arn ?? "";
  const parsed = parseArn(given);
  if (!parsed) throw given.split(":").length < 6 ? malformedArn(parameter, given) : invalid(parameter);
  const { service, account, region, resource } = parsed;
  if (service !== "sns" || !/^\d{12}$/.test(account) || !topicName.test(resource) || region === "")
    throw invalid(parameter);
  return { account, region, name: resource };
}

export async function findTopic(state: State, address: TopicAddress): Promise<Topic | undefined> {
  return (await state.get<Topic>(types.topic, address.name, scopeOf(address)))?.value;
}

/** @throws InvalidParameter, NotFound */
export async function requireTopic(ctx: CallContext, arn: string | undefined, parameter?: string): Promise<Topic> {
  const topic = await findTopic(ctx.state, topicAddress(arn, parameter));
  // Topics of another Region answer in that Region only.
  if (!topic || topic.region !== ctx.region) throw noTopic();
  return topic;
}

export interface SubscriptionAddress extends TopicAddress {
  uuid: string;
}

/** @throws InvalidParameter */
export function subscriptionAddress(arn: string | undefined): SubscriptionAddress {
  const given = arn ?? "";
  const parsed = parseArn(given);
  if (!parsed) throw given.split(":").length < 6 ? malformedArn("SubscriptionArn", given) : invalid("SubscriptionArn");
  const [name = "", uuid = "", ...more] = parsed.resource.split(":");
  if (parsed.service !== "sns" || !/^\d{12}$/.test(parsed.account) || !topicName.test(name))
    throw invalid("SubscriptionArn");
  if (!/^[0-9a-f-]{36}$/.test(uuid) || more.length > 0) {
    throw invalid("SubscriptionArn Reason: An ARN must have at least 7 elements, not 6");
  }
  return { account: parsed.account, region: parsed.region, name, uuid };
}

export async function findSubscription(
  state: State,
  address: SubscriptionAddress,
): Promise<Document<Subscription> | undefined> {
  return await state.get<Subscription>(
    types.subscription,
    subscriptionId(address.name, address.uuid),
    scopeOf(address),
  );
}

/** @throws InvalidParameter, NotFound */
export async function requireSubscription(
  ctx: CallContext,
  arn: string | undefined,
): Promise<{ address: SubscriptionAddress; subscription: Subscription }> {
  const address = subscriptionAddress(arn);
  const found = await findSubscription(ctx.state, address);
  if (!found) throw noSubscription();
  return { address, subscription: found.value };
}
