/**
 * Rules of security groups: each has an id and tags of its own.
 * Source: EC2 API Reference; Amazon VPC User Guide, "Security group rules", "Amazon VPC quotas" (60 inbound and 60 outbound
 * rules, counted apart for IPv4 and IPv6; a prefix list counts with its maximum size, a group for both).
 */
import type { CallContext } from "#gateway/context.ts";
import { failure, invalidCombination, invalidValue, missing } from "../errors.ts";
import { filtered } from "../filters.ts";
import { rulePrefix } from "../kinds.ts";
import { paged } from "../paging.ts";
import {
  checkDescription,
  cidrPeer,
  type Draft,
  drafts,
  givenPermissions,
  type GroupFinder,
  portsOf,
  protocolOf,
  ruleKey,
  ruleText,
  type ShortForm,
  shownPermissions,
} from "../permissions.ts";
import { publishGroups } from "../published.ts";
import { all, hold, need, newId, notFound, requireForm, save } from "../resources.ts";
import type { Ec2Handlers, In } from "../sdk.ts";
import type { Peer, Rule, SecurityGroup } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";
import { namedGroup } from "./securityGroups.ts";

const mostRules = 60;

function show(ctx: CallContext, group: SecurityGroup, rule: Rule) {
  const { peer } = rule;
  return {
    SecurityGroupRuleId: rule.id,
    SecurityGroupRuleArn: `arn:${ctx.partition}:ec2:${ctx.region}:${ctx.account}:security-group-rule/${rule.id}`,
    GroupId: group.id,
    GroupOwnerId: ctx.account,
    IsEgress: rule.egress,
    IpProtocol: rule.protocol,
    // A protocol without ports shows -1 here, and nothing among the permissions of the group.
    FromPort: rule.from ?? -1,
    ToPort: rule.to ?? -1,
    ...(peer.kind === "ipv4" ? { CidrIpv4: peer.cidr } : {}),
    ...(peer.kind === "ipv6" ? { CidrIpv6: peer.cidr } : {}),
    ...(peer.kind === "prefixList" ? { PrefixListId: peer.id } : {}),
    ...(peer.kind === "group" ? { ReferencedGroupInfo: { GroupId: peer.id, UserId: peer.account } } : {}),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    Tags: shownTags(rule.tags),
  };
}

/** Groups that a rule of `group` can name: those of its VPC. */
async function finder(ctx: CallContext, group: SecurityGroup): Promise<GroupFinder> {
  const groups = await all(ctx, "securityGroup");
  return ({ GroupId: id, GroupName: name, UserId: account }) => {
    if (account !== undefined && !/^\d{12}$/.test(account))
      throw invalidValue(`Invalid value '${account}' for userId.`);
    if (id !== undefined) requireForm("securityGroup", id);
    else if (name === undefined) throw missing("groupId");
    const found =
      account !== undefined && account !== ctx.account
        ? undefined
        : groups.find((each) => (id === undefined ? each.name === name && each.vpcId === group.vpcId : each.id === id));
    if (!found) throw notFound("securityGroup", id ?? name!);
    if (found.vpcId !== group.vpcId) {
      throw failure("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.");
    }
    return { kind: "group", id: found.id, account: ctx.account };
  };
}

/** What the rules name exists, and is there until they are committed. @throws Invalid….NotFound */
async function holdPeers(ctx: CallContext, group: SecurityGroup, peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) {
    if (peer.kind === "prefixList") await need(ctx, "prefixList", peer.id);
    if (peer.kind === "prefixList") await hold(ctx, "prefixList", peer.id);
    if (peer.kind === "group" && peer.id !== group.id) await hold(ctx, "securityGroup", peer.id);
  }
}

/** @throws RulesPerSecurityGroupLimitExceeded */
async function requireRoom(ctx: CallContext, rules: readonly Rule[], egress: boolean): Promise<void> {
  const lists = new Map((await all(ctx, "prefixList")).map((list) => [list.id, list]));
  const weight = (rule: Rule, family: 4 | 6): number => {
    const { peer } = rule;
    if (peer.kind === "group") return 1;
    if (peer.kind !== "prefixList") return (peer.kind === "ipv4") === (family === 4) ? 1 : 0;
    const list = lists.get(peer.id);
    return list?.family === family ? list.maxEntries : 0;
  };
  const own = rules.filter((rule) => rule.egress === egress);
  for (const family of [4, 6] as const) {
    if (own.reduce((sum, rule) => sum + weight(rule, family), 0) <= mostRules) continue;
    throw failure(
      "RulesPerSecurityGroupLimitExceeded",
      "The maximum number of rules per security group has been reached.",
    );
  }
}

type AuthorizeInput = ShortForm &
  Pick<In<"AuthorizeSecurityGroupIngress">, "GroupId" | "GroupName" | "TagSpecifications">;

async function authorize(input: AuthorizeInput, ctx: CallContext, egress: boolean) {
  const group = await namedGroup(ctx, input);
  const given = givenPermissions(input);
  if (given.length === 0) throw missing("ipPermissions");
  const added = drafts(given, await finder(ctx, group));
  const tags = tagsOf(input.TagSpecifications, "security-group-rule");
  const existing = new Set(group.rules.filter((rule) => rule.egress === egress).map(ruleKey));
  const twice = added.find((draft) => existing.has(ruleKey(draft)));
  if (twice) throw failure("InvalidPermission.Duplicate", `the specified rule "${ruleText(twice)}" already exists`);
  const rules = added.map((draft): Rule => ({ ...draft, id: newId(ctx, rulePrefix), egress, tags }));
  await holdPeers(
    ctx,
    group,
    rules.map(({ peer }) => peer),
  );
  const changed = { ...group, rules: [...group.rules, ...rules] };
  await requireRoom(ctx, changed.rules, egress);
  save(ctx, "securityGroup", changed);
  publishGroups(ctx, [group.id]);
  return { Return: true, SecurityGroupRules: rules.map((rule) => show(ctx, group, rule)) };
}

type RevokeInput = ShortForm & Pick<In<"RevokeSecurityGroupIngress">, "GroupId" | "GroupName" | "SecurityGroupRuleIds">;

async function revoke(input: RevokeInput, ctx: CallContext, egress: boolean) {
  const group = await namedGroup(ctx, input);
  const own = group.rules.filter((rule) => rule.egress === egress);
  const { revoked, unknown } = input.SecurityGroupRuleIds?.length
    ? { revoked: byIds(own, input.SecurityGroupRuleIds), unknown: [] }
    : await byPermissions(ctx, group, own, givenPermissions(input));
  const gone = new Set(revoked.map(({ id }) => id));
  save(ctx, "securityGroup", { ...group, rules: group.rules.filter(({ id }) => !gone.has(id)) });
  publishGroups(ctx, [group.id]);
  return {
    Return: true,
    ...(unknown.length === 0 ? {} : { UnknownIpPermissions: shownPermissions(unknown) }),
    RevokedSecurityGroupRules: revoked.map(({ tags: _tags, ...rule }) => {
      const {
        Tags: _,
        SecurityGroupRuleArn: _arn,
        ReferencedGroupInfo: info,
        ...shown
      } = show(ctx, group, {
        ...rule,
        tags: {},
      });
      return { ...shown, ...(info ? { ReferencedGroupId: info.GroupId } : {}) };
    }),
  };
}

function byIds(rules: readonly Rule[], ids: readonly string[]): Rule[] {
  return ids.map((id) => {
    const rule = rules.find((each) => each.id === id);
    if (!rule) throw noRule(id);
    return rule;
  });
}

/** In the default VPC what does not match is told of; elsewhere nothing is revoked then. */
async function byPermissions(
  ctx: CallContext,
  group: SecurityGroup,
  rules: readonly Rule[],
  given: In<"RevokeSecurityGroupIngress">["IpPermissions"] & object,
): Promise<{ revoked: Rule[]; unknown: Rule[] }> {
  if (given.length === 0) {
    throw failure("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.");
  }
  // A group that is gone may still be named: the rule about it is what shall go.
  const groupOf: GroupFinder = ({ GroupId: id, GroupName: name }) => {
    const named = rules.flatMap(({ peer }) => (peer.kind === "group" ? [peer.id] : []));
    return { kind: "group", id: id ?? named.find((each) => each === name) ?? name ?? "", account: ctx.account };
  };
  const wanted = drafts(given, groupOf);
  const known = new Map(rules.map((rule) => [ruleKey(rule), rule]));
  const revoked = wanted.map((draft) => known.get(ruleKey(draft))).filter((rule) => rule !== undefined);
  const unknown = wanted.filter((draft) => !known.has(ruleKey(draft)));
  if (unknown.length > 0 && !(await need(ctx, "vpc", group.vpcId)).isDefault) {
    throw failure("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
  }
  return { revoked, unknown: unknown.map((draft) => ({ ...draft, id: "", egress: false, tags: {} })) };
}

const noRule = (id: string) =>
  id.startsWith(rulePrefix)
    ? failure("InvalidSecurityGroupRuleId.NotFound", `The security group rule ID '${id}' does not exist`)
    : failure("InvalidSecurityGroupRuleId.Malformed", `The security group rule ID '${id}' is malformed`);

/** The request's rule as a draft; one peer, of the kind that the rule has. */
function changedRule(
  given: NonNullable<NonNullable<In<"ModifySecurityGroupRules">["SecurityGroupRules"]>[number]["SecurityGroupRule"]>,
  before: Rule,
  groupOf: GroupFinder,
): Draft {
  const { CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupId, Description } = given;
  const peers = [CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupId].filter((each) => each !== undefined);
  if (peers.length !== 1) {
    throw invalidCombination("Exactly one of CidrIpv4, CidrIpv6, PrefixListId or ReferencedGroupId must be specified");
  }
  checkDescription(Description);
  const protocol = protocolOf(given.IpProtocol);
  const peer: Peer =
    CidrIpv4 !== undefined
      ? cidrPeer(CidrIpv4, 4)
      : CidrIpv6 !== undefined
        ? cidrPeer(CidrIpv6, 6)
        : PrefixListId !== undefined
          ? { kind: "prefixList", id: PrefixListId }
          : groupOf({ GroupId: ReferencedGroupId });
  if (peer.kind !== before.peer.kind) {
    throw invalidValue("You may not modify the source or destination type of a security group rule");
  }
  return {
    protocol,
    ...portsOf(protocol, given.FromPort, given.ToPort),
    peer,
    ...(Description ? { description: Description } : {}),
  };
}

async function describeRules(
  input: In<"UpdateSecurityGroupRuleDescriptionsIngress">,
  ctx: CallContext,
  egress: boolean,
) {
  const group = await namedGroup(ctx, input);
  const changes = new Map<string, string | undefined>();
  const own = group.rules.filter((rule) => rule.egress === egress);
  for (const { SecurityGroupRuleId: id = "", Description: text } of input.SecurityGroupRuleDescriptions ?? []) {
    checkDescription(text);
    changes.set(byIds(own, [id])[0]!.id, text);
  }
  if (input.IpPermissions?.length) {
    const known = new Map(own.map((rule) => [ruleKey(rule), rule]));
    for (const draft of drafts(input.IpPermissions, await finder(ctx, group))) {
      const rule = known.get(ruleKey(draft));
      if (!rule)
        throw failure("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
      changes.set(rule.id, draft.description);
    }
  }
  if (changes.size === 0) throw missing("ipPermissions");
  const rules = group.rules.map((rule) => {
    if (!changes.has(rule.id)) return rule;
    const { description: _, ...rest } = rule;
    const text = changes.get(rule.id);
    return text ? { ...rest, description: text } : rest;
  });
  save(ctx, "securityGroup", { ...group, rules });
  return { Return: true };
}

export const securityGroupRuleHandlers: Ec2Handlers = {
  AuthorizeSecurityGroupIngress: (input, ctx) => authorize(input, ctx, false),
  AuthorizeSecurityGroupEgress: (input, ctx) => authorize(input, ctx, true),
  RevokeSecurityGroupIngress: (input, ctx) => revoke(input, ctx, false),
  RevokeSecurityGroupEgress: (input, ctx) => revoke(input, ctx, true),
  UpdateSecurityGroupRuleDescriptionsIngress: (input, ctx) => describeRules(input, ctx, false),
  UpdateSecurityGroupRuleDescriptionsEgress: (input, ctx) => describeRules(input, ctx, true),

  async ModifySecurityGroupRules(input, ctx) {
    const group = await namedGroup(ctx, input);
    const groupOf = await finder(ctx, group);
    if (!input.SecurityGroupRules?.length) throw missing("SecurityGroupRules");
    let { rules } = group;
    for (const { SecurityGroupRuleId: id = "", SecurityGroupRule: given } of input.SecurityGroupRules) {
      const [before] = byIds(rules, [id]);
      if (!given || !before) throw missing("SecurityGroupRule");
      const draft = changedRule(given, before, groupOf);
      const twice = rules.some(
        (rule) => rule.id !== id && rule.egress === before.egress && ruleKey(rule) === ruleKey(draft),
      );
      if (twice) throw failure("InvalidPermission.Duplicate", `the specified rule "${ruleText(draft)}" already exists`);
      await holdPeers(ctx, group, [draft.peer]);
      const rule: Rule = { ...draft, id, egress: before.egress, tags: before.tags };
      rules = rules.map((each) => (each.id === id ? rule : each));
    }
    for (const egress of [false, true]) await requireRoom(ctx, rules, egress);
    save(ctx, "securityGroup", { ...group, rules });
    publishGroups(ctx, [group.id]);
    return { Return: true };
  },

  async DescribeSecurityGroupRules(input, ctx) {
    const groups = await all(ctx, "securityGroup");
    const rows = groups.flatMap((group) => group.rules.map((rule) => ({ id: rule.id, tags: rule.tags, group, rule })));
    const wanted = input.SecurityGroupRuleIds?.length ? new Set(input.SecurityGroupRuleIds) : undefined;
    for (const id of wanted ?? []) if (!rows.some((row) => row.id === id)) throw noRule(id);
    const named = wanted ? rows.filter(({ id }) => wanted.has(id)) : rows;
    const found = filtered(named, input.Filters, {
      "group-id": ({ group }) => group.id,
      "security-group-rule-id": ({ id }) => id,
    });
    const { items, NextToken } = paged(found, input, {
      least: 5,
      most: 1000,
      ids: input.SecurityGroupRuleIds,
      idsName: "securityGroupRuleIds",
    });
    return {
      SecurityGroupRules: items.map(({ group, rule }) => show(ctx, group, rule)),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },
};
