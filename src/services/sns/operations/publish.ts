/** Publish and PublishBatch. */
import { AwsError } from "#kernel/errors.ts";
import { badBatchId, batchTooLong, emptyBatch, invalid, notServed, sameIds, tooManyEntries } from "../errors.ts";
import type { Parts } from "../parts.ts";
import { accept, enterGroups, largestMessage, prepare, subscriptionsOf, type Prepared } from "../publish.ts";
import type { Out, SnsHandlers } from "../sdk.ts";
import { requireTopic } from "../topic.ts";

type Successes = NonNullable<Out<"PublishBatch">["Successful"]>;
type Failures = NonNullable<Out<"PublishBatch">["Failed"]>;

export function publishHandlers(parts: Parts): SnsHandlers {
  return {
    async Publish(input, ctx) {
      if (input.PhoneNumber !== undefined) throw notServed("PhoneNumber", "text messages");
      const arn = input.TopicArn ?? input.TargetArn;
      if (arn === undefined) throw invalid("TopicArn or TargetArn Reason: no value for required parameter");
      if (/^arn:[^:]*:sns:[^:]*:\d{12}:(app|endpoint)\//.test(arn))
        throw notServed("TargetArn", "mobile push endpoints");
      const topic = await requireTopic(ctx, arn, input.TopicArn === undefined ? "TargetArn" : "TopicArn");
      const entry = prepare(topic, input);
      await enterGroups(ctx, parts, topic, [entry]);
      return await accept(ctx, parts, topic, await subscriptionsOf(ctx, topic), entry);
    },

    async PublishBatch(input, ctx) {
      const topic = await requireTopic(ctx, input.TopicArn);
      const entries = input.PublishBatchRequestEntries ?? [];
      if (entries.length === 0) throw emptyBatch();
      if (entries.length > 10) throw tooManyEntries();
      for (const { Id: id = "" } of entries) if (!/^[A-Za-z0-9_-]{1,80}$/.test(id)) throw badBatchId();
      if (new Set(entries.map(({ Id }) => Id)).size < entries.length) throw sameIds();
      const prepared: [string, Prepared][] = [];
      const Failed: Failures = [];
      for (const entry of entries) {
        try {
          prepared.push([entry.Id!, prepare(topic, entry)]);
        } catch (error) {
          if (!(error instanceof AwsError) || error.status >= 500) throw error;
          Failed.push({ Id: entry.Id, Code: error.code, Message: error.message, SenderFault: true });
        }
      }
      if (prepared.reduce((sum, [, { size }]) => sum + size, 0) > largestMessage) throw batchTooLong();
      await enterGroups(
        ctx,
        parts,
        topic,
        prepared.map(([, entry]) => entry),
      );
      const subscriptions = await subscriptionsOf(ctx, topic);
      const Successful: Successes = [];
      for (const [Id, entry] of prepared)
        Successful.push({ Id, ...(await accept(ctx, parts, topic, subscriptions, entry)) });
      return { Successful, Failed };
    },
  };
}
