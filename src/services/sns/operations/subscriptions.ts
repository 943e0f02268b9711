/**
 * Subscriptions: made, confirmed, changed, ended. Source: SNS API Reference, Subscribe, ConfirmSubscription ("tokens are
 * valid for two days"), Unsubscribe, SetSubscriptionAttributes.
 */
import { timeText } from "#kernel/clock.ts";
import { createHash } from "node:crypto";
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { effectivePolicy, readSubscriptionPolicy, shownSubscriptionPolicy } from "../deliveryPolicy.ts";
import { checkEndpoint } from "../endpoint.ts";
import { invalid, invalidBecause, noSubscription, noTopic, notServed } from "../errors.ts";
import { checkFilterPolicy } from "../filterPolicy.ts";
import { nextOf, startOf } from "../paging.ts";
import type { Parts } from "../parts.ts";
import type { Out, SnsHandlers } from "../sdk.ts";
import {
  putDelivery,
  scopeOf,
  subscriptionId,
  types,
  type DeliveryKind,
  type Subscription,
  type Topic,
} from "../state.ts";
import {
  findSubscription,
  findTopic,
  requireSubscription,
  requireTopic,
  subscriptionAddress,
  topicAddress,
} from "../topic.ts";
import { putTopic } from "./topics.ts";

const confirmMs = 48 * 3_600_000;

interface Token {
  topicName: string;
  uuid: string;
}

export function subscriptionHandlers(parts: Parts): SnsHandlers {
  return {
    async Subscribe(input, ctx) {
      const topic = await requireTopic(ctx, input.TopicArn);
      const protocol = checkEndpoint(input.Protocol, input.Endpoint, parts.settings, topic.fifo);
      const endpoint = input.Endpoint!;
      const owner = "account" in ctx.principal ? ctx.principal.account : topic.account;
      const uuid = ctx.random.uuid();
      let subscription: Subscription = {
        uuid,
        arn: `${topic.arn}:${uuid}`,
        topicArn: topic.arn,
        topicUid: topic.uid,
        owner,
        principal: "arn" in ctx.principal ? ctx.principal.arn : owner,
        protocol,
        endpoint,
        // A queue of the subscriber's own account needs no confirmation: who owns it has just asked for it.
        confirmed: protocol === "sqs" && parseArn(endpoint)?.account === owner,
        confirmationWasAuthenticated: protocol === "sqs",
        authenticateOnUnsubscribe: false,
        raw: false,
        filterPolicyScope: "MessageAttributes",
      };
      subscription = await withAttributes(ctx, subscription, Object.entries(input.Attributes ?? {}));
      const existing = await twin(ctx, topic, subscription);
      if (existing) {
        if (
          existing.confirmed &&
          !sameSettings(existing, subscription) &&
          Object.keys(input.Attributes ?? {}).length > 0
        ) {
          throw invalidBecause("Attributes", "Subscription already exists with different attributes");
        }
        if (!existing.confirmed) await askAgain(ctx, topic, existing);
        return { SubscriptionArn: answeredArn(existing, input.ReturnSubscriptionArn) };
      }
      putSubscription(ctx, topic, subscription);
      ctx.state.put(
        types.owned,
        `${topic.account}/${subscriptionId(topic.name, uuid)}`,
        { arn: subscription.arn },
        {
          at: scopeOf({ account: owner, region: topic.region }),
          ...(subscription.confirmed ? {} : { expiresAt: ctx.now + confirmMs }),
        },
      );
      if (!subscription.confirmed) await askAgain(ctx, topic, subscription);
      return { SubscriptionArn: answeredArn(subscription, input.ReturnSubscriptionArn) };
    },

    async ConfirmSubscription(input, ctx) {
      const address = topicAddress(input.TopicArn);
      const topic = await findTopic(ctx.state, address);
      if (!topic) throw noTopic();
      const token = await ctx.state.get<Token>(types.token, input.Token ?? "", scopeOf(topic));
      if (!token || token.value.topicName !== topic.name) throw invalid("Invalid token");
      const found = await findSubscription(ctx.state, { ...address, uuid: token.value.uuid });
      if (!found || found.value.topicUid !== topic.uid) throw invalid("Invalid token");
      const subscription = found.value;
      if (subscription.confirmed) return { SubscriptionArn: subscription.arn };
      const authenticated = ctx.principal.kind !== "anonymous";
      putSubscription(ctx, topic, {
        ...subscription,
        confirmed: true,
        confirmationWasAuthenticated: authenticated,
        authenticateOnUnsubscribe: authenticated && input.AuthenticateOnUnsubscribe === "true",
      });
      const ownedId = `${topic.account}/${subscriptionId(topic.name, subscription.uuid)}`;
      const at = scopeOf({ account: subscription.owner, region: topic.region });
      ctx.state.put(types.owned, ownedId, { arn: subscription.arn }, { at, version: "any" });
      return { SubscriptionArn: subscription.arn };
    },

    /** Ending what is not there succeeds. */
    async Unsubscribe(input, ctx) {
      const address = subscriptionAddress(input.SubscriptionArn);
      const found = await findSubscription(ctx.state, address);
      if (!found) return {};
      const { value: subscription } = found;
      const topic = await findTopic(ctx.state, address);
      const id = subscriptionId(address.name, address.uuid);
      ctx.state.delete(types.subscription, id, { at: scopeOf(address) });
      const owner = scopeOf({ account: subscription.owner, region: address.region });
      ctx.state.delete(types.owned, `${address.account}/${id}`, { at: owner, version: "any" });
      if (!topic) return {};
      putTopic(ctx, { ...topic, deletedSubscriptions: topic.deletedSubscriptions + 1 });
      // Whoever is unsubscribed by somebody else is told, and can take it back.
      const ownDoing = "account" in ctx.principal && ctx.principal.account === subscription.owner;
      if (subscription.confirmed && !ownDoing) await ask(ctx, topic, subscription, "UnsubscribeConfirmation");
      return {};
    },

    async GetSubscriptionAttributes(input, ctx) {
      const { address, subscription } = await requireSubscription(ctx, input.SubscriptionArn);
      const topic = await findTopic(ctx.state, address);
      return { Attributes: shown(subscription, topic) };
    },

    async SetSubscriptionAttributes(input, ctx) {
      const { address, subscription } = await requireSubscription(ctx, input.SubscriptionArn);
      const topic = await findTopic(ctx.state, address);
      if (!topic) throw noSubscription();
      const { AttributeName: name = "", AttributeValue: value = "" } = input;
      putSubscription(ctx, topic, await withAttributes(ctx, subscription, [[name, value]]));
      return {};
    },

    async ListSubscriptions(input, ctx) {
      const page = await ctx.state.list<{ arn: string }>(types.owned, startOf(input.NextToken));
      const Subscriptions = [];
      for (const { value } of page.items) {
        const found = await findSubscription(ctx.state, subscriptionAddress(value.arn));
        if (found) Subscriptions.push(listed(found.value));
      }
      return { Subscriptions, ...nextOf(page.next) };
    },

    async ListSubscriptionsByTopic(input, ctx) {
      const topic = await requireTopic(ctx, input.TopicArn);
      const query = { prefix: `${topic.name}/`, ...startOf(input.NextToken) };
      const page = await ctx.state.list<Subscription>(types.subscription, query, scopeOf(topic));
      return { Subscriptions: page.items.map(({ value }) => listed(value)), ...nextOf(page.next) };
    },
  };
}

function answeredArn(subscription: Subscription, always: boolean | undefined): string {
  return subscription.confirmed || always === true ? subscription.arn : "pending confirmation";
}

function listed(subscription: Subscription): NonNullable<Out<"ListSubscriptions">["Subscriptions"]>[number] {
  return {
    SubscriptionArn: subscription.confirmed ? subscription.arn : "PendingConfirmation",
    Owner: subscription.owner,
    Protocol: subscription.protocol,
    Endpoint: subscription.endpoint,
    TopicArn: subscription.topicArn,
  };
}

/** A subscription of the same endpoint. */
async function twin(ctx: CallContext, topic: Topic, wanted: Subscription): Promise<Subscription | undefined> {
  const query = { value: endpointKey(topic, wanted), limit: 10 };
  const { items } = await ctx.state.find<Subscription>(types.subscription, "endpoint", query, scopeOf(topic));
  return items.find(({ value }) => value.topicUid === topic.uid)?.value;
}

function sameSettings(one: Subscription, other: Subscription): boolean {
  const settings = ({ raw, filterPolicy, filterPolicyScope, deliveryPolicy, deadLetterQueue }: Subscription) =>
    JSON.stringify([raw, filterPolicy, filterPolicyScope, deliveryPolicy, deadLetterQueue]);
  return settings(one) === settings(other);
}

function endpointKey(topic: Topic, { protocol, endpoint }: Subscription): string {
  return createHash("sha256").update(`${topic.uid}\0${protocol}\0${endpoint}`).digest("hex");
}

function putSubscription(ctx: CallContext, topic: Topic, subscription: Subscription): void {
  ctx.state.put<Subscription>(types.subscription, subscriptionId(topic.name, subscription.uuid), subscription, {
    at: scopeOf(topic),
    indexes: { endpoint: endpointKey(topic, subscription) },
    ...(subscription.confirmed ? {} : { expiresAt: ctx.now + confirmMs }),
  });
}

const askAgain = (ctx: CallContext, topic: Topic, subscription: Subscription) =>
  ask(ctx, topic, subscription, "SubscriptionConfirmation");

/** A message that asks for confirmation, or tells of the end; it carries a token that (re)confirms. */
async function ask(ctx: CallContext, topic: Topic, subscription: Subscription, kind: DeliveryKind): Promise<void> {
  const token = await ctx.once(`token ${kind}`, async () => ctx.random.bytes(96).toString("hex"));
  const { uuid } = subscription;
  ctx.state.put<Token>(
    types.token,
    token,
    { topicName: topic.name, uuid },
    { at: scopeOf(topic), expiresAt: ctx.now + confirmMs },
  );
  putDelivery(
    ctx.state,
    topic,
    {
      kind,
      topicName: topic.name,
      uuid,
      sequence: `confirmation-${timeText(ctx.now)}-${ctx.random.uuid()}`,
      attempts: 0,
      dueAt: ctx.now,
      ordered: false,
      createdAt: ctx.now,
      token,
      messageId: ctx.random.uuid(),
      subscription,
    },
    0,
  );
}

/** @throws InvalidParameter */
async function withAttributes(
  ctx: CallContext,
  before: Subscription,
  attributes: readonly (readonly [string, string | undefined])[],
): Promise<Subscription> {
  let next: Subscription = { ...before };
  for (const [name, value = ""] of attributes) {
    switch (name) {
      case "RawMessageDelivery":
        if (value !== "true" && value !== "false") {
          throw invalid(
            `Attributes Reason: RawMessageDelivery: Invalid value [${value.slice(0, 64)}]. Must be true or false.`,
          );
        }
        if (value === "true" && next.protocol.startsWith("email"))
          throw invalid("Delivery protocol [email] does not support raw message delivery.");
        next.raw = value === "true";
        break;
      case "FilterPolicyScope":
        if (value !== "MessageAttributes" && value !== "MessageBody") {
          throw invalid(
            `FilterPolicyScope: Invalid value [${value.slice(0, 64)}]. Please use either MessageBody or MessageAttributes`,
          );
        }
        next.filterPolicyScope = value;
        break;
      case "FilterPolicy":
        next = replaced(next, "filterPolicy", value);
        break;
      case "DeliveryPolicy":
        readSubscriptionPolicy(value);
        next = replaced(next, "deliveryPolicy", value);
        break;
      case "RedrivePolicy":
        next = replaced(next, "deadLetterQueue", value === "" ? "" : readRedrive(ctx, value));
        break;
      case "SubscriptionRoleArn":
        throw notServed("SubscriptionRoleArn", "Firehose streams");
      case "ReplayPolicy":
        throw notServed("ReplayPolicy", "message archives");
      default:
        throw invalid("AttributeName");
    }
  }
  if (next.filterPolicy !== undefined) checkFilterPolicy(next.filterPolicy, next.filterPolicyScope);
  return next;
}

function replaced<K extends "filterPolicy" | "deliveryPolicy" | "deadLetterQueue">(
  subscription: Subscription,
  member: K,
  value: string,
): Subscription {
  const { [member]: _, ...rest } = subscription;
  return (value === "" ? rest : { ...rest, [member]: value }) as Subscription;
}

function readRedrive(ctx: CallContext, text: string): string {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw invalid("RedrivePolicy: failed to parse JSON.");
  }
  const target =
    given !== null && typeof given === "object" ? (given as Record<string, unknown>)["deadLetterTargetArn"] : undefined;
  const arn = typeof target === "string" ? parseArn(target) : undefined;
  if (arn?.service !== "sqs" || !/^\d{12}$/.test(arn.account)) {
    throw invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn");
  }
  if (arn.region !== ctx.region)
    throw invalid("RedrivePolicy: deadLetterTargetArn must be in the Region of the subscription");
  return target as string;
}

function shown(subscription: Subscription, topic: Topic | undefined): Record<string, string> {
  const { protocol, deliveryPolicy } = subscription;
  const http = protocol === "http" || protocol === "https";
  const effective = effectivePolicy(protocol, topic?.deliveryPolicy, deliveryPolicy);
  return {
    SubscriptionArn: subscription.arn,
    TopicArn: subscription.topicArn,
    Owner: subscription.owner,
    Protocol: protocol,
    Endpoint: subscription.endpoint,
    SubscriptionPrincipal: subscription.principal,
    PendingConfirmation: String(!subscription.confirmed),
    ConfirmationWasAuthenticated: String(subscription.confirmationWasAuthenticated),
    RawMessageDelivery: String(subscription.raw),
    ...(subscription.filterPolicy === undefined
      ? {}
      : { FilterPolicy: subscription.filterPolicy, FilterPolicyScope: subscription.filterPolicyScope }),
    ...(subscription.deadLetterQueue === undefined
      ? {}
      : { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: subscription.deadLetterQueue }) }),
    ...(deliveryPolicy === undefined ? {} : { DeliveryPolicy: deliveryPolicy }),
    ...(http ? { EffectiveDeliveryPolicy: shownSubscriptionPolicy(effective) } : {}),
  };
}
