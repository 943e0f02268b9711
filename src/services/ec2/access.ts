/**
 * The authorization questions of EC2, one row per operation: the resources that each names.
 * Source: Service Authorization Reference, Amazon EC2: Describe operations have no resource; a resource that is being
 * made is `type/*`; tags that are given at creation need ec2:CreateTags on it, with ec2:CreateAction.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { kinds, rulePrefix, typeOfId } from "./kinds.ts";
import { find } from "./resources.ts";
import type { Ec2Access, In, TagSpecification } from "./sdk.ts";
import type { ResourceType, Tagged } from "./state.ts";
import { requestTags } from "./tags.ts";
import { volumeAccess } from "./volumes/access.ts";
import { conditionKeysOf } from "./volumes/conditionKeys.ts";

type ContextValues = Record<string, string | readonly string[]>;
type Named = readonly [type: ResourceType | "rule", id: string | undefined];

const arnName = (type: Named[0]): string => (type === "rule" ? "security-group-rule" : kinds[type].name);

async function question(ctx: CallContext, action: string, [type, id]: Named, context: ContextValues): Promise<Access> {
  const base = `arn:${ctx.partition}:ec2:${ctx.region}:${ctx.account}:`;
  // Snapshots have no account in their ARN.
  const ownBase = type === "snapshot" ? `arn:${ctx.partition}:ec2:${ctx.region}::` : base;
  const found: (Tagged & { vpcId?: string }) | undefined =
    id === undefined || type === "rule" ? undefined : await find(ctx, type, id);
  const tags = Object.entries(found?.tags ?? {});
  return {
    action: `ec2:${action}`,
    resource: `${ownBase}${arnName(type)}/${id ?? "*"}`,
    context: {
      "ec2:Region": ctx.region,
      ...(found?.vpcId === undefined ? {} : { "ec2:Vpc": `${base}vpc/${found.vpcId}` }),
      ...conditionKeysOf(ctx, type, found),
      ...Object.fromEntries(tags.map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      ...Object.fromEntries(tags.map(([key, value]) => [`ec2:ResourceTag/${key}`, value])),
      ...context,
    },
  };
}

const plain =
  (action: string) =>
  (_input: unknown, ctx: CallContext): Access => ({
    action: `ec2:${action}`,
    resource: "*",
    context: { "ec2:Region": ctx.region },
  });

type TagsGiven = { TagSpecifications?: TagSpecification[] | undefined };

/** On what the request names, and tags for what it makes. */
function on<Input extends object>(action: string, named: (input: Input) => readonly Named[]) {
  return async (input: Input, ctx: CallContext): Promise<Access[]> => {
    const { TagSpecifications: tags } = input as TagsGiven;
    const context = requestTags(tags);
    const resources = named(input);
    const questions = await Promise.all(resources.map((each) => question(ctx, action, each, context)));
    if (Object.keys(context).length === 0) return questions;
    const made = resources.filter(([, id]) => id === undefined);
    const tagging = made.map((each) => question(ctx, "CreateTags", each, { ...context, "ec2:CreateAction": action }));
    return [...questions, ...(await Promise.all(tagging))];
  };
}

const optional = (type: ResourceType, id: string | undefined): Named[] => (id === undefined ? [] : [[type, id]]);

const group = (input: { GroupId?: string | undefined }): Named[] => [["securityGroup", input.GroupId]];
const authorizing = (input: { GroupId?: string | undefined }): Named[] => [...group(input), ["rule", undefined]];

function tagging(action: "CreateTags" | "DeleteTags") {
  return async (input: In<"CreateTags"> | In<"DeleteTags">, ctx: CallContext): Promise<Access[]> => {
    const context = requestTags([{ Tags: (input.Tags ?? []).map((tag) => ({ ...tag })) }]);
    const named = (input.Resources ?? []).map((id): Named | undefined => {
      if (id.startsWith(rulePrefix)) return ["rule", id];
      const type = typeOfId(id);
      return type && [type, id];
    });
    const known = named.filter((each) => each !== undefined);
    // What is no id is refused by the handler; whoever may tag nothing is refused here.
    if (known.length === 0) return [{ action: `ec2:${action}`, resource: "*", context }];
    return await Promise.all(known.map((each) => question(ctx, action, each, context)));
  };
}

/**
 * Elastic Load Balancing looks at these as the service itself: prefix lists because it enforces security groups, which on
 * AWS the network does; VPCs and subnets because an account that has target groups alone has no service-linked role.
 */
async function readByLoadBalancing(ctx: CallContext, action: string, access: Access): Promise<Access> {
  if (ctx.principal.kind !== "service") return access;
  const statement = {
    Effect: "Allow",
    Principal: { Service: "elasticloadbalancing.amazonaws.com" },
    Action: `ec2:${action}`,
    Resource: "*",
    Condition: { StringEquals: { "aws:SourceAccount": ctx.account } },
  };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: statement });
  return { ...access, resourcePolicies: [{ name: "service-access", document }] };
}

export const access: Ec2Access = {
  ...volumeAccess,
  AssociateRouteTable: on("AssociateRouteTable", (input: In<"AssociateRouteTable">) => [
    ["routeTable", input.RouteTableId ?? ""],
    ...optional("subnet", input.SubnetId),
  ]),
  AssociateVpcCidrBlock: on("AssociateVpcCidrBlock", (input: In<"AssociateVpcCidrBlock">) => [
    ["vpc", input.VpcId ?? ""],
  ]),
  AttachInternetGateway: on("AttachInternetGateway", (input: In<"AttachInternetGateway">) => [
    ["internetGateway", input.InternetGatewayId ?? ""],
    ["vpc", input.VpcId ?? ""],
  ]),
  AuthorizeSecurityGroupEgress: on("AuthorizeSecurityGroupEgress", authorizing),
  AuthorizeSecurityGroupIngress: on("AuthorizeSecurityGroupIngress", authorizing),
  CreateDefaultSubnet: plain("CreateDefaultSubnet"),
  CreateDefaultVpc: plain("CreateDefaultVpc"),
  CreateInternetGateway: on("CreateInternetGateway", () => [["internetGateway", undefined]]),
  CreateManagedPrefixList: on("CreateManagedPrefixList", () => [["prefixList", undefined]]),
  CreateNetworkInterface: on("CreateNetworkInterface", (input: In<"CreateNetworkInterface">) => [
    ["networkInterface", undefined],
    ["subnet", input.SubnetId ?? ""],
    ...(input.Groups ?? []).map((id): Named => ["securityGroup", id]),
  ]),
  CreateRoute: on("CreateRoute", (input: In<"CreateRoute">) => [["routeTable", input.RouteTableId ?? ""]]),
  CreateRouteTable: on("CreateRouteTable", (input: In<"CreateRouteTable">) => [
    ["routeTable", undefined],
    ["vpc", input.VpcId ?? ""],
  ]),
  CreateSecurityGroup: on("CreateSecurityGroup", (input: In<"CreateSecurityGroup">) => [
    ["securityGroup", undefined],
    ...optional("vpc", input.VpcId),
  ]),
  CreateSubnet: on("CreateSubnet", (input: In<"CreateSubnet">) => [
    ["subnet", undefined],
    ["vpc", input.VpcId ?? ""],
  ]),
  CreateTags: tagging("CreateTags"),
  CreateVpc: on("CreateVpc", () => [["vpc", undefined]]),
  DeleteInternetGateway: on("DeleteInternetGateway", (input: In<"DeleteInternetGateway">) => [
    ["internetGateway", input.InternetGatewayId ?? ""],
  ]),
  DeleteManagedPrefixList: on("DeleteManagedPrefixList", (input: In<"DeleteManagedPrefixList">) => [
    ["prefixList", input.PrefixListId ?? ""],
  ]),
  DeleteNetworkInterface: on("DeleteNetworkInterface", (input: In<"DeleteNetworkInterface">) => [
    ["networkInterface", input.NetworkInterfaceId ?? ""],
  ]),
  DeleteRoute: on("DeleteRoute", (input: In<"DeleteRoute">) => [["routeTable", input.RouteTableId ?? ""]]),
  DeleteRouteTable: on("DeleteRouteTable", (input: In<"DeleteRouteTable">) => [
    ["routeTable", input.RouteTableId ?? ""],
  ]),
  DeleteSecurityGroup: on("DeleteSecurityGroup", group),
  DeleteSubnet: on("DeleteSubnet", (input: In<"DeleteSubnet">) => [["subnet", input.SubnetId ?? ""]]),
  DeleteTags: tagging("DeleteTags"),
  DeleteVpc: on("DeleteVpc", (input: In<"DeleteVpc">) => [["vpc", input.VpcId ?? ""]]),
  DescribeAccountAttributes: plain("DescribeAccountAttributes"),
  DescribeAvailabilityZones: plain("DescribeAvailabilityZones"),
  DescribeInternetGateways: plain("DescribeInternetGateways"),
  DescribeManagedPrefixLists: plain("DescribeManagedPrefixLists"),
  DescribeNetworkAcls: plain("DescribeNetworkAcls"),
  DescribeNetworkInterfaces: plain("DescribeNetworkInterfaces"),
  DescribeRegions: plain("DescribeRegions"),
  DescribeRouteTables: plain("DescribeRouteTables"),
  DescribeSecurityGroupRules: plain("DescribeSecurityGroupRules"),
  DescribeSecurityGroups: plain("DescribeSecurityGroups"),
  DescribeSubnets: (input, ctx) => readByLoadBalancing(ctx, "DescribeSubnets", plain("DescribeSubnets")(input, ctx)),
  DescribeTags: plain("DescribeTags"),
  DescribeVpcAttribute: on("DescribeVpcAttribute", (input: In<"DescribeVpcAttribute">) => [["vpc", input.VpcId ?? ""]]),
  DescribeVpcs: (input, ctx) => readByLoadBalancing(ctx, "DescribeVpcs", plain("DescribeVpcs")(input, ctx)),
  DetachInternetGateway: on("DetachInternetGateway", (input: In<"DetachInternetGateway">) => [
    ["internetGateway", input.InternetGatewayId ?? ""],
    ["vpc", input.VpcId ?? ""],
  ]),
  DisassociateRouteTable: on("DisassociateRouteTable", () => [["routeTable", undefined]]),
  DisassociateVpcCidrBlock: on("DisassociateVpcCidrBlock", () => [["vpc", undefined]]),
  GetManagedPrefixListEntries: async (input, ctx) => {
    const access = await question(ctx, "GetManagedPrefixListEntries", ["prefixList", input.PrefixListId ?? ""], {});
    return readByLoadBalancing(ctx, "GetManagedPrefixListEntries", access);
  },
  GetSecurityGroupsForVpc: on("GetSecurityGroupsForVpc", (input: In<"GetSecurityGroupsForVpc">) => [
    ["vpc", input.VpcId ?? ""],
  ]),
  ModifyManagedPrefixList: on("ModifyManagedPrefixList", (input: In<"ModifyManagedPrefixList">) => [
    ["prefixList", input.PrefixListId ?? ""],
  ]),
  ModifyNetworkInterfaceAttribute: on(
    "ModifyNetworkInterfaceAttribute",
    (input: In<"ModifyNetworkInterfaceAttribute">) => [["networkInterface", input.NetworkInterfaceId ?? ""]],
  ),
  ModifySecurityGroupRules: on("ModifySecurityGroupRules", (input: In<"ModifySecurityGroupRules">) => [
    ...group(input),
    ...(input.SecurityGroupRules ?? []).map((rule): Named => ["rule", rule.SecurityGroupRuleId ?? ""]),
  ]),
  ModifySubnetAttribute: on("ModifySubnetAttribute", (input: In<"ModifySubnetAttribute">) => [
    ["subnet", input.SubnetId ?? ""],
  ]),
  ModifyVpcAttribute: on("ModifyVpcAttribute", (input: In<"ModifyVpcAttribute">) => [["vpc", input.VpcId ?? ""]]),
  ReplaceRoute: on("ReplaceRoute", (input: In<"ReplaceRoute">) => [["routeTable", input.RouteTableId ?? ""]]),
  ReplaceRouteTableAssociation: on("ReplaceRouteTableAssociation", (input: In<"ReplaceRouteTableAssociation">) => [
    ["routeTable", input.RouteTableId ?? ""],
  ]),
  RevokeSecurityGroupEgress: on("RevokeSecurityGroupEgress", group),
  RevokeSecurityGroupIngress: on("RevokeSecurityGroupIngress", group),
  UpdateSecurityGroupRuleDescriptionsEgress: on("UpdateSecurityGroupRuleDescriptionsEgress", group),
  UpdateSecurityGroupRuleDescriptionsIngress: on("UpdateSecurityGroupRuleDescriptionsIngress", group),
};
