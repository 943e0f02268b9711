/** Tags of resources and of security group rules. Source: EC2 API Reference, CreateTags, DeleteTags, DescribeTags. */
import type { CallContext } from "#gateway/context.ts";
import { failure, missing } from "../errors.ts";
import { filtered } from "../filters.ts";
import { kinds, resourceTypes, rulePrefix, typeOfId } from "../kinds.ts";
import { paged } from "../paging.ts";
import { all, need, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { Tagged } from "../state.ts";
import { withTags } from "../tags.ts";

type Change = (tags: Readonly<Record<string, string>>) => Record<string, string>;

const mostResources = 1_000;

async function change(ctx: CallContext, ids: readonly string[] | undefined, apply: Change): Promise<void> {
  if (!ids?.length) throw missing("resourceIdSet");
  if (ids.length > mostResources)
    throw failure("InvalidParameterValue", `Too many resources: at most ${mostResources} are tagged at once.`);
  for (const id of ids) {
    if (id.startsWith(rulePrefix)) await changeRule(ctx, id, apply);
    else {
      const type = typeOfId(id);
      if (!type) throw failure("InvalidID", `The ID '${id}' is not valid`);
      const resource: Tagged = await need(ctx, type, id);
      save(ctx, type, { ...resource, tags: apply(resource.tags) } as never);
    }
  }
}

async function changeRule(ctx: CallContext, id: string, apply: Change): Promise<void> {
  const found = (await all(ctx, "securityGroup")).find(({ rules }) => rules.some((rule) => rule.id === id));
  const group = found && (await need(ctx, "securityGroup", found.id));
  if (!group) {
    throw failure("InvalidSecurityGroupRuleId.NotFound", `The security group rule ID '${id}' does not exist`);
  }
  const rules = group.rules.map((rule) => (rule.id === id ? { ...rule, tags: apply(rule.tags) } : rule));
  save(ctx, "securityGroup", { ...group, rules });
}

interface TagRow extends Tagged {
  resource: string;
  type: string;
  key: string;
  value: string;
}

async function rows(ctx: CallContext): Promise<TagRow[]> {
  const found: TagRow[] = [];
  const add = (resource: Tagged, type: string): void => {
    for (const [key, value] of Object.entries(resource.tags)) {
      found.push({ id: `${resource.id}/${key}`, tags: resource.tags, resource: resource.id, type, key, value });
    }
  };
  for (const type of resourceTypes) {
    for (const resource of await all(ctx, type)) {
      add(resource, kinds[type].name);
      if (type === "securityGroup" && "rules" in resource) {
        for (const rule of resource.rules) add(rule, "security-group-rule");
      }
    }
  }
  return found;
}

export const tagHandlers: Ec2Handlers = {
  async CreateTags(input, ctx) {
    if (!input.Tags?.length) throw missing("tagSet");
    const added = input.Tags;
    await change(ctx, input.Resources, (tags) => withTags(tags, added));
    return {};
  },

  /** Without tags, all go; a tag with a value goes only where it has that value. */
  async DeleteTags(input, ctx) {
    const given = input.Tags ?? [];
    const goes = (key: string, value: string): boolean =>
      given.length === 0
        ? !key.startsWith("aws:")
        : given.some((tag) => tag.Key === key && (tag.Value === undefined || tag.Value === value));
    await change(ctx, input.Resources, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key, value]) => !goes(key, value))),
    );
    return {};
  },

  async DescribeTags(input, ctx) {
    const all = (await rows(ctx)).map((row) => ({ ...row, tags: {} }));
    const { items, NextToken } = paged(
      filtered(all, input.Filters, {
        key: ({ key }) => key,
        value: ({ value }) => value,
        "resource-id": ({ resource }) => resource,
        "resource-type": ({ type }) => type,
      }),
      input,
    );
    return {
      Tags: items.map(({ key, value, resource, type }) => ({
        Key: key,
        Value: value,
        ResourceId: resource,
        ResourceType: type as never,
      })),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },
};
