/** Security groups. Source: EC2 API Reference; Amazon VPC User Guide, "Security groups for your VPC". */
import type { CallContext } from "#gateway/context.ts";
import { anywhere } from "../defaults.ts";
import { dependency, failure, invalidCombination, invalidValue, missing } from "../errors.ts";
import type { Fields } from "../filters.ts";
import { filtered } from "../filters.ts";
import { lookup } from "../lookup.ts";
import { paged } from "../paging.ts";
import { shownPermissions } from "../permissions.ts";
import { all, hold, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { Peer, Rule, SecurityGroup } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";

/** Source: Amazon VPC User Guide, "Amazon VPC quotas": 2,500 per Region. */
const mostGroups = 2_500;
const allowed = /^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]*$/;

/** @throws InvalidParameterValue */
function checkText(text: string, what: "GroupName" | "GroupDescription"): void {
  const parameter = what === "GroupName" ? "groupName" : "GroupDescription";
  if (text.length > 255) {
    throw invalidValue(
      `Value (${text}) for parameter ${parameter} is invalid. The ${what === "GroupName" ? "name" : "description"} cannot exceed 255 characters`,
    );
  }
  if (!allowed.test(text)) {
    throw invalidValue(
      `Value (${text}) for parameter ${parameter} is invalid. Character sets beyond ASCII are not supported.`,
    );
  }
}

export function arnOfGroup(ctx: CallContext, id: string): string {
  return `arn:${ctx.partition}:ec2:${ctx.region}:${ctx.account}:security-group/${id}`;
}

function show(ctx: CallContext, group: SecurityGroup) {
  return {
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    OwnerId: ctx.account,
    VpcId: group.vpcId,
    SecurityGroupArn: arnOfGroup(ctx, group.id),
    IpPermissions: shownPermissions(group.rules.filter(({ egress }) => !egress)),
    IpPermissionsEgress: shownPermissions(group.rules.filter(({ egress }) => egress)),
    Tags: shownTags(group.tags),
  };
}

const peers = (rules: readonly Rule[], kind: Peer["kind"]): string[] =>
  rules.flatMap(({ peer }) => (peer.kind !== kind ? [] : "cidr" in peer ? [peer.cidr] : [peer.id]));

/** `ip-permission.…` and `egress.ip-permission.…`. */
function permissionFields(prefix: string, egress: boolean): Fields<SecurityGroup> {
  const of = (group: SecurityGroup) => group.rules.filter((rule) => rule.egress === egress);
  const ports = (values: (number | undefined)[]) => values.filter((port) => port !== undefined).map(String);
  return {
    [`${prefix}cidr`]: (group) => peers(of(group), "ipv4"),
    [`${prefix}ipv6-cidr`]: (group) => peers(of(group), "ipv6"),
    [`${prefix}prefix-list-id`]: (group) => peers(of(group), "prefixList"),
    [`${prefix}group-id`]: (group) => peers(of(group), "group"),
    [`${prefix}user-id`]: (group) => of(group).flatMap(({ peer }) => (peer.kind === "group" ? [peer.account] : [])),
    [`${prefix}protocol`]: (group) => of(group).map(({ protocol }) => protocol),
    [`${prefix}from-port`]: (group) => ports(of(group).map(({ from }) => from)),
    [`${prefix}to-port`]: (group) => ports(of(group).map(({ to }) => to)),
  };
}

function fields(ctx: CallContext): Fields<SecurityGroup> {
  return {
    "group-id": ({ id }) => id,
    "group-name": ({ name }) => name,
    description: ({ description }) => description,
    "owner-id": () => ctx.account,
    "vpc-id": ({ vpcId }) => vpcId,
    ...permissionFields("ip-permission.", false),
    ...permissionFields("egress.ip-permission.", true),
  };
}

/** A name is for groups of the default VPC. @throws InvalidGroup.NotFound */
export async function groupNamed(ctx: CallContext, name: string): Promise<SecurityGroup> {
  const vpc = (await all(ctx, "vpc")).find(({ isDefault }) => isDefault);
  if (!vpc) {
    throw failure(
      "VPCIdNotSpecified",
      "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
    );
  }
  const group = (await all(ctx, "securityGroup")).find((each) => each.vpcId === vpc.id && each.name === name);
  if (!group) {
    throw failure("InvalidGroup.NotFound", `The security group '${name}' does not exist in default VPC '${vpc.id}'`);
  }
  return group;
}

/** The group that a request names, by id or (default VPC) by name. */
export async function namedGroup(
  ctx: CallContext,
  input: { GroupId?: string | undefined; GroupName?: string | undefined },
): Promise<SecurityGroup> {
  if (input.GroupId !== undefined && input.GroupName !== undefined) {
    throw invalidCombination("The parameter GroupName cannot be used with the parameter GroupId");
  }
  if (input.GroupId !== undefined) return need(ctx, "securityGroup", input.GroupId);
  if (input.GroupName === undefined) throw missing("groupId");
  return need(ctx, "securityGroup", (await groupNamed(ctx, input.GroupName)).id);
}

export const securityGroupHandlers: Ec2Handlers = {
  /** Lets nothing in and everything out. */
  async CreateSecurityGroup(input, ctx) {
    const name = input.GroupName ?? "";
    const description = input.Description ?? "";
    if (name === "") throw missing("groupName");
    if (description === "") throw missing("GroupDescription");
    checkText(name, "GroupName");
    checkText(description, "GroupDescription");
    if (name.startsWith("sg-")) {
      throw invalidValue(
        `Value (${name}) for parameter GroupName is invalid. Group names may not be in the format sg-*`,
      );
    }
    if (name.toLowerCase() === "default") throw invalidValue(`Cannot use reserved security group name: ${name}`);
    const vpcId = input.VpcId ?? (await all(ctx, "vpc")).find(({ isDefault }) => isDefault)?.id;
    if (vpcId === undefined) throw failure("VPCIdNotSpecified", "No default VPC for this user");
    const vpc = await need(ctx, "vpc", vpcId);
    const tags = tagsOf(input.TagSpecifications, "security-group");
    const groups = await all(ctx, "securityGroup");
    if (groups.some((each) => each.vpcId === vpc.id && each.name === name)) {
      throw failure("InvalidGroup.Duplicate", `The security group '${name}' already exists for VPC '${vpc.id}'`);
    }
    if (groups.length >= mostGroups) {
      throw failure("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.");
    }
    const group: SecurityGroup = {
      id: newId(ctx, "sg-"),
      name,
      description,
      vpcId: vpc.id,
      rules: [
        {
          id: newId(ctx, "sgr-"),
          egress: true,
          protocol: "-1",
          peer: { kind: "ipv4", cidr: anywhere },
          tags: {},
        },
      ],
      tags,
    };
    save(ctx, "securityGroup", group);
    await hold(ctx, "vpc", vpc.id);
    return { GroupId: group.id, SecurityGroupArn: arnOfGroup(ctx, group.id), Tags: shownTags(tags) };
  },

  async DescribeSecurityGroups(input, ctx) {
    const ids = [...(input.GroupIds ?? [])];
    for (const name of input.GroupNames ?? []) ids.push((await groupNamed(ctx, name)).id);
    const { items, NextToken } = await lookup(ctx, "securityGroup", ids, input, fields(ctx), {
      least: 5,
      most: 1000,
      idsName: "groupIds",
    });
    return {
      SecurityGroups: items.map((group) => show(ctx, group)),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  async GetSecurityGroupsForVpc(input, ctx) {
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const inVpc = (await all(ctx, "securityGroup")).filter(({ vpcId }) => vpcId === vpc.id);
    const found = filtered(inVpc, input.Filters, {
      "group-id": ({ id }) => id,
      "group-name": ({ name }) => name,
      description: ({ description }) => description,
      "owner-id": () => ctx.account,
      "primary-vpc-id": ({ vpcId }) => vpcId,
    });
    const { items, NextToken } = paged(found, input);
    return {
      SecurityGroupForVpcs: items.map((group) => ({
        GroupId: group.id,
        GroupName: group.name,
        Description: group.description,
        OwnerId: ctx.account,
        PrimaryVpcId: group.vpcId,
        Tags: shownTags(group.tags),
      })),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  async DeleteSecurityGroup(input, ctx) {
    const group = await namedGroup(ctx, input);
    if (group.name === "default") {
      throw failure("CannotDelete", `the specified group: "${group.id}" name: "default" cannot be deleted by a user`);
    }
    const used = (await all(ctx, "networkInterface")).some(({ groups }) => groups.includes(group.id));
    const named = (await all(ctx, "securityGroup")).some(
      ({ id, rules }) => id !== group.id && rules.some(({ peer }) => peer.kind === "group" && peer.id === group.id),
    );
    if (used || named) throw dependency(`resource ${group.id} has a dependent object`);
    remove(ctx, "securityGroup", group.id);
    await hold(ctx, "vpc", group.vpcId);
    return { Return: true, GroupId: group.id };
  },
};
