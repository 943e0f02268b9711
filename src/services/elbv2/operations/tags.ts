/** Tags of load balancers, listeners, rules and target groups. Source: Elastic Load Balancing API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { readArn } from "../arns.ts";
import { validation } from "../errors.ts";
import { requireListener, requireLoadBalancer, requireRule, requireTargetGroup } from "../find.ts";
import { saveListener, saveLoadBalancer, saveTargetGroup } from "../save.ts";
import type { ElbHandlers } from "../sdk.ts";
import { shownTags, withTags } from "../tags.ts";

type Tags = Record<string, string>;

/** The tags of the resource, and how to replace them. @throws …NotFound, ValidationError */
export async function tagged(
  ctx: CallContext,
  arn: string,
): Promise<{ tags: Tags; save(tags: Tags): Promise<void> | void }> {
  switch (readArn(arn)?.kind) {
    case "loadbalancer": {
      const found = await requireLoadBalancer(ctx, arn);
      return { tags: found.tags, save: (tags) => saveLoadBalancer(ctx, { ...found, tags }) };
    }
    case "targetgroup": {
      const found = await requireTargetGroup(ctx, arn);
      return { tags: found.tags, save: (tags) => saveTargetGroup(ctx, { ...found, tags }) };
    }
    case "listener": {
      const found = await requireListener(ctx, arn);
      return { tags: found.tags, save: (tags) => saveListener(ctx, { ...found, tags }, found) };
    }
    case "listener-rule": {
      const { listener, rule } = await requireRule(ctx, arn);
      const replaced = (tags: Tags) => listener.rules.map((each) => (each === rule ? { ...rule, tags } : each));
      return { tags: rule.tags, save: (tags) => saveListener(ctx, { ...listener, rules: replaced(tags) }, listener) };
    }
    case undefined:
      throw validation(`'${arn}' is not a valid resource ARN`);
  }
}

const mostResources = 20;

export const tagHandlers: ElbHandlers = {
  async AddTags(input, ctx) {
    for (const arn of new Set(input.ResourceArns)) {
      const { tags, save } = await tagged(ctx, arn);
      await save(withTags(tags, input.Tags));
    }
    return {};
  },

  async RemoveTags(input, ctx) {
    const gone = new Set(input.TagKeys);
    for (const arn of new Set(input.ResourceArns)) {
      const { tags, save } = await tagged(ctx, arn);
      await save(Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key))));
    }
    return {};
  },

  async DescribeTags(input, ctx) {
    const arns = input.ResourceArns ?? [];
    if (arns.length > mostResources) {
      throw validation(`The number of resources cannot be greater than '${mostResources}'`);
    }
    return {
      TagDescriptions: await Promise.all(
        arns.map(async (arn) => ({ ResourceArn: arn, Tags: shownTags((await tagged(ctx, arn)).tags) })),
      ),
    };
  },
};
