/**
 * The authorization questions of load balancing. Source: Service Authorization Reference, AWS Elastic Load Balancing V2:
 * Describe operations have no resource; tags that are given at creation need AddTags on what is made, with
 * elasticloadbalancing:CreateAction.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { tagged } from "./operations/tags.ts";
import type { ElbAccess, Tag } from "./sdk.ts";
import { tagContext } from "./tags.ts";

type ContextValues = Record<string, string | readonly string[]>;

async function question(ctx: CallContext, action: string, arn: string, context: ContextValues = {}): Promise<Access> {
  const tags = await tagged(ctx, arn).then(
    (found) => Object.entries(found.tags),
    // What does not exist has no tags; the handler says that it does not exist.
    () => [],
  );
  return {
    action: `elasticloadbalancing:${action}`,
    resource: arn,
    context: {
      ...Object.fromEntries(tags.map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      ...Object.fromEntries(tags.map(([key, value]) => [`elasticloadbalancing:ResourceTag/${key}`, value])),
      ...context,
    },
  };
}

const all = (action: string) => (): Access => ({ action: `elasticloadbalancing:${action}`, resource: "*" });

/** On what the request names. */
const on =
  <Name extends string>(
    action: string,
    name: Name,
    context: (input: Readonly<Record<string, unknown>>) => ContextValues = () => ({}),
  ) =>
  (input: { readonly [K in Name]: string | undefined }, ctx: CallContext): Promise<Access> =>
    question(ctx, action, input[name] ?? "", context(input as Readonly<Record<string, unknown>>));

const base = ({ partition, region, account }: CallContext): string =>
  `arn:${partition}:elasticloadbalancing:${region}:${account}`;

/** On what is made, and on its tags. `made` is the ARN with `*` for what is not known yet. */
function making(action: string, asked: Access, made: string, tags: readonly Tag[] | undefined): Access[] {
  const context = tagContext(tags);
  const create = { ...asked, context: { ...asked.context, ...context } };
  if (Object.keys(context).length === 0) return [create];
  const tagging = { ...context, "elasticloadbalancing:CreateAction": action };
  return [create, { action: "elasticloadbalancing:AddTags", resource: made, context: tagging }];
}

/** Condition keys of what a load balancer is to have. */
function chosen(input: Readonly<Record<string, unknown>>): ContextValues {
  const { Scheme: scheme, SecurityGroups: groups, Subnets: subnets } = input;
  return {
    ...(typeof scheme === "string" ? { "elasticloadbalancing:Scheme": scheme } : {}),
    ...(Array.isArray(groups) ? { "elasticloadbalancing:SecurityGroup": groups as string[] } : {}),
    ...(Array.isArray(subnets) ? { "elasticloadbalancing:Subnet": subnets as string[] } : {}),
  };
}

function spoken(input: Readonly<Record<string, unknown>>): ContextValues {
  const { Protocol: protocol, SslPolicy: policy } = input;
  return {
    ...(typeof protocol === "string" ? { "elasticloadbalancing:ListenerProtocol": [protocol] } : {}),
    ...(typeof policy === "string" ? { "elasticloadbalancing:SecurityPolicy": [policy] } : {}),
  };
}

const onTags =
  (action: "AddTags" | "RemoveTags", keys: (input: Readonly<Record<string, unknown>>) => ContextValues) =>
  (input: { ResourceArns: string[] | undefined }, ctx: CallContext): Promise<Access[]> =>
    Promise.all((input.ResourceArns ?? []).map((arn) => question(ctx, action, arn, keys(input as never))));

export const access: ElbAccess = {
  AddListenerCertificates: on("AddListenerCertificates", "ListenerArn"),
  AddTags: onTags("AddTags", (input) => tagContext(input["Tags"] as Tag[] | undefined)),
  async CreateListener(input, ctx) {
    const owner = input.LoadBalancerArn ?? "";
    const asked = await question(ctx, "CreateListener", owner, spoken(input as never));
    const made = `${owner.replace(":loadbalancer/", ":listener/")}/*`;
    return making("CreateListener", asked, made, input.Tags);
  },
  async CreateLoadBalancer(input, ctx) {
    const made = `${base(ctx)}:loadbalancer/app/${input.Name ?? ""}/*`;
    const asked = {
      action: "elasticloadbalancing:CreateLoadBalancer",
      resource: made,
      context: chosen(input as never),
    };
    return making("CreateLoadBalancer", asked, made, input.Tags);
  },
  async CreateRule(input, ctx) {
    const owner = input.ListenerArn ?? "";
    const made = `${owner.replace(":listener/", ":listener-rule/")}/*`;
    return making("CreateRule", await question(ctx, "CreateRule", owner), made, input.Tags);
  },
  async CreateTargetGroup(input, ctx) {
    const made = `${base(ctx)}:targetgroup/${input.Name ?? ""}/*`;
    const asked = { action: "elasticloadbalancing:CreateTargetGroup", resource: made };
    return making("CreateTargetGroup", asked, made, input.Tags);
  },
  DeleteListener: on("DeleteListener", "ListenerArn"),
  DeleteLoadBalancer: on("DeleteLoadBalancer", "LoadBalancerArn"),
  DeleteRule: on("DeleteRule", "RuleArn"),
  DeleteTargetGroup: on("DeleteTargetGroup", "TargetGroupArn"),
  DeregisterTargets: on("DeregisterTargets", "TargetGroupArn"),
  DescribeAccountLimits: all("DescribeAccountLimits"),
  DescribeCapacityReservation: all("DescribeCapacityReservation"),
  DescribeListenerAttributes: all("DescribeListenerAttributes"),
  DescribeListenerCertificates: all("DescribeListenerCertificates"),
  DescribeListeners: all("DescribeListeners"),
  DescribeLoadBalancerAttributes: all("DescribeLoadBalancerAttributes"),
  DescribeLoadBalancers: all("DescribeLoadBalancers"),
  DescribeRules: all("DescribeRules"),
  DescribeSSLPolicies: all("DescribeSSLPolicies"),
  DescribeTags: all("DescribeTags"),
  DescribeTargetGroupAttributes: all("DescribeTargetGroupAttributes"),
  DescribeTargetGroups: all("DescribeTargetGroups"),
  DescribeTargetHealth: all("DescribeTargetHealth"),
  ModifyListener: on("ModifyListener", "ListenerArn", spoken),
  ModifyListenerAttributes: on("ModifyListenerAttributes", "ListenerArn"),
  ModifyLoadBalancerAttributes: on("ModifyLoadBalancerAttributes", "LoadBalancerArn"),
  ModifyRule: on("ModifyRule", "RuleArn"),
  ModifyTargetGroup: on("ModifyTargetGroup", "TargetGroupArn"),
  ModifyTargetGroupAttributes: on("ModifyTargetGroupAttributes", "TargetGroupArn"),
  RegisterTargets: on("RegisterTargets", "TargetGroupArn"),
  RemoveListenerCertificates: on("RemoveListenerCertificates", "ListenerArn"),
  RemoveTags: onTags("RemoveTags", (input) => ({ "aws:TagKeys": input["TagKeys"] as string[] })),
  SetIpAddressType: on("SetIpAddressType", "LoadBalancerArn"),
  SetRulePriorities: (input, ctx) =>
    Promise.all((input.RulePriorities ?? []).map(({ RuleArn }) => question(ctx, "SetRulePriorities", RuleArn ?? ""))),
  SetSecurityGroups: on("SetSecurityGroups", "LoadBalancerArn", chosen),
  SetSubnets: on("SetSubnets", "LoadBalancerArn", chosen),
};
