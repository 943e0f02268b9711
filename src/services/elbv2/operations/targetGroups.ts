/** Target groups. Source: Elastic Load Balancing API Reference, CreateTargetGroup …; User Guide, "Health checks for target groups". */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import type { HealthCheckConfig } from "../../../edge/config.ts";
import { newTargetGroupArn } from "../arns.ts";
import { attributeOf, shownAttributes, targetGroupAttributes, withAttributes } from "../attributes.ts";
import { atEdge } from "../edgeDocuments.ts";
import {
  duplicateTargetGroup,
  invalidConfiguration,
  noTargetGroup,
  resourceInUse,
  tooMany,
  unsupported,
  validation,
} from "../errors.ts";
import { all, forwardedTo, listenersOf, requireLoadBalancer, requireTargetGroup } from "../find.ts";
import { checkName } from "../names.ts";
import { ownNetwork } from "../network.ts";
import { paged } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { saveTargetGroup } from "../save.ts";
import type { ElbHandlers, In } from "../sdk.ts";
import { types, type TargetGroup } from "../state.ts";
import { withTags } from "../tags.ts";
import { usersOfGroups } from "../targetGroupUse.ts";
import { edgeDocument } from "../../../edge/config.ts";

const first: HealthCheckConfig = {
  enabled: true,
  protocol: "HTTP",
  port: "traffic-port",
  path: "/",
  intervalSeconds: 30,
  timeoutSeconds: 5,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
  matcher: "200",
};

type GivenHealthCheck = Pick<
  In<"ModifyTargetGroup">,
  | "HealthCheckEnabled"
  | "HealthCheckProtocol"
  | "HealthCheckPort"
  | "HealthCheckPath"
  | "HealthCheckIntervalSeconds"
  | "HealthCheckTimeoutSeconds"
  | "HealthyThresholdCount"
  | "UnhealthyThresholdCount"
  | "Matcher"
>;

/** @throws ValidationError */
function healthCheck(input: GivenHealthCheck, before: HealthCheckConfig, type: string): HealthCheckConfig {
  if (input.HealthCheckEnabled === false) {
    throw validation(`Health check enabled must be true for target groups with target type '${type}'`);
  }
  const protocol = input.HealthCheckProtocol ?? before.protocol;
  if (protocol !== "HTTP" && protocol !== "HTTPS") {
    throw validation(`Health check protocol '${protocol}' must be one of 'HTTP, HTTPS'`);
  }
  if (input.Matcher?.GrpcCode !== undefined)
    throw validation("A gRPC code matches health checks of protocol version 'GRPC' only");
  const check: HealthCheckConfig = {
    enabled: true,
    protocol,
    port: input.HealthCheckPort ?? before.port,
    path: input.HealthCheckPath ?? before.path,
    intervalSeconds: input.HealthCheckIntervalSeconds ?? before.intervalSeconds,
    timeoutSeconds: input.HealthCheckTimeoutSeconds ?? before.timeoutSeconds,
    healthyThreshold: input.HealthyThresholdCount ?? before.healthyThreshold,
    unhealthyThreshold: input.UnhealthyThresholdCount ?? before.unhealthyThreshold,
    matcher: input.Matcher?.HttpCode ?? before.matcher,
  };
  const { timeoutSeconds: timeout, intervalSeconds: interval, port, path } = check;
  if (timeout >= interval) {
    throw validation(`Health check timeout '${timeout}' must be smaller than the interval '${interval}'`);
  }
  if (port !== "traffic-port" && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    throw validation(`Health check port '${port}' must be 'traffic-port' or between '1' and '65535' inclusive`);
  }
  // What is sent is one request line: a line break or a space would begin another.
  if (!/^\/[\x21-\x7e]*$/.test(path))
    throw validation(`Health check path '${path}' is not valid: it must begin with '/'`);
  checkMatcher(check.matcher);
  return check;
}

/** `200`, `200,202`, `200-299`, within 200 to 499. */
function checkMatcher(matcher: string): void {
  const ranges = matcher.split(",").map((part) => /^(\d{3})(?:-(\d{3}))?$/.exec(part));
  const right = ranges.every((range) => {
    const from = Number(range?.[1]);
    const to = Number(range?.[2] ?? range?.[1]);
    return from >= 200 && to <= 499 && from <= to;
  });
  if (!right) throw validation(`Health check matcher HTTP code '${matcher}' must be within '200-499' inclusive`);
}

function requireServed(
  input: In<"CreateTargetGroup">,
): Pick<TargetGroup, "protocol" | "targetType" | "port" | "vpcId"> {
  const targetType = input.TargetType ?? "instance";
  if (targetType !== "ip" && targetType !== "instance") throw unsupported(`Target type '${targetType}' is`);
  const { Protocol: protocol, Port: port, VpcId: vpcId } = input;
  if (protocol === undefined) throw validation("A protocol must be specified");
  if (protocol !== "HTTP" && protocol !== "HTTPS") throw unsupported(`Target groups of protocol '${protocol}' are`);
  if (port === undefined) throw validation("A port must be specified");
  if (vpcId === undefined) throw validation("A VPC ID must be specified");
  // Terraform's provider sends an empty one.
  const version = input.ProtocolVersion || "HTTP1";
  if (version !== "HTTP1") throw unsupported(`Protocol version '${version}' is`);
  if ((input.IpAddressType ?? "ipv4") !== "ipv4") throw unsupported(`IP address type '${input.IpAddressType}' is`);
  if (input.TargetControlPort !== undefined) throw unsupported("A target control port is");
  return { protocol, targetType, port, vpcId };
}

async function requireVpc(ctx: CallContext, id: string): Promise<void> {
  try {
    await ownNetwork(ctx).DescribeVpcs({ VpcIds: [id] });
  } catch (error) {
    if (error instanceof AwsError && /^InvalidVpcI[dD]\./.test(error.code))
      throw validation(`The VPC ID '${id}' is not found`);
    throw error;
  }
}

const settingsOf = ({ protocol, port, vpcId, targetType, healthCheck: check }: TargetGroup): string =>
  JSON.stringify([protocol, port, vpcId, targetType, check]);

export const targetGroupHandlers: ElbHandlers = {
  /** The same call again gives the target group that there is. */
  async CreateTargetGroup(input, ctx) {
    const name = input.Name ?? "";
    checkName(name, "Target group");
    const served = requireServed(input);
    await requireVpc(ctx, served.vpcId);
    const created: TargetGroup = {
      arn: newTargetGroupArn(ctx, name),
      name,
      ...served,
      protocolVersion: "HTTP1",
      healthCheck: healthCheck(input, first, served.targetType),
      attributes: {},
      targets: [],
      tags: withTags({}, input.Tags),
    };
    const existing = (await ctx.state.get<TargetGroup>(types.targetGroup, name))?.value;
    if (existing) {
      if (settingsOf(existing) !== settingsOf(created)) throw duplicateTargetGroup(name);
      return { TargetGroups: [show(existing, await usersOfGroups(ctx))] };
    }
    if ((await ctx.state.count(types.targetGroup)) >= quotas["target-groups"]) {
      throw tooMany("TargetGroups", "The maximum number of target groups has been reached");
    }
    saveTargetGroup(ctx, created);
    return { TargetGroups: [show(created, new Map())] };
  },

  async DescribeTargetGroups(input, ctx) {
    const { LoadBalancerArn: owner, TargetGroupArns: arns, Names: names } = input;
    if ([owner, arns?.length, names?.length].filter(Boolean).length > 1) {
      throw validation("Target group names, target group ARNs and a load balancer ARN cannot be specified together");
    }
    const users = await usersOfGroups(ctx);
    const everything = (await all<TargetGroup>(ctx, types.targetGroup)).toSorted((a, b) => (a.arn < b.arn ? -1 : 1));
    const used = owner === undefined ? undefined : await usedBy(ctx, owner);
    const found = everything.filter(
      (each) =>
        (!used || used.has(each.arn)) &&
        (!arns?.length || arns.includes(each.arn)) &&
        (!names?.length || names.includes(each.name)),
    );
    const missing = arns?.find((arn) => !found.some((each) => each.arn === arn));
    if (missing !== undefined) await requireTargetGroup(ctx, missing);
    if (names?.some((name) => !found.some((each) => each.name === name))) throw noTargetGroup();
    const { items, NextMarker } = paged(found, input);
    return {
      TargetGroups: items.map((group) => show(group, users)),
      ...(NextMarker === undefined ? {} : { NextMarker }),
    };
  },

  async ModifyTargetGroup(input, ctx) {
    const before = await requireTargetGroup(ctx, input.TargetGroupArn ?? "");
    const after = { ...before, healthCheck: healthCheck(input, before.healthCheck, before.targetType) };
    saveTargetGroup(ctx, after);
    return { TargetGroups: [show(after, await usersOfGroups(ctx))] };
  },

  /** Deleting what is not there succeeds. */
  async DeleteTargetGroup(input, ctx) {
    const group = await requireTargetGroup(ctx, input.TargetGroupArn ?? "").catch((error: unknown) => {
      if ((error as { code?: unknown }).code === noTargetGroup().code) return undefined;
      throw error;
    });
    if (!group) return {};
    if ((await usersOfGroups(ctx)).has(group.arn)) {
      throw resourceInUse(`Target group '${group.arn}' is currently in use by a listener or a rule`);
    }
    ctx.state.delete(types.targetGroup, group.name);
    ctx.state.delete(edgeDocument.targetGroup, group.arn, { at: atEdge });
    ctx.state.delete(edgeDocument.targetHealth, group.arn, { at: atEdge, version: "any" });
    return {};
  },

  async DescribeTargetGroupAttributes(input, ctx) {
    const { attributes } = await requireTargetGroup(ctx, input.TargetGroupArn ?? "");
    return { Attributes: shownAttributes(targetGroupAttributes, attributes) };
  },

  async ModifyTargetGroupAttributes(input, ctx) {
    const before = await requireTargetGroup(ctx, input.TargetGroupArn ?? "");
    const attributes = withAttributes(targetGroupAttributes, before.attributes, input.Attributes ?? []);
    const value = (key: string) => attributeOf(targetGroupAttributes, attributes, key);
    const sticky = value("stickiness.enabled") === "true" && value("stickiness.type") === "app_cookie";
    if (sticky && value("stickiness.app_cookie.cookie_name") === "") {
      throw invalidConfiguration("A cookie name must be specified for stickiness of type 'app_cookie'");
    }
    if (value("slow_start.duration_seconds") !== "0" && value("load_balancing.algorithm.type") !== "round_robin") {
      throw invalidConfiguration("Slow start can be used with the algorithm 'round_robin' only");
    }
    saveTargetGroup(ctx, { ...before, attributes });
    return { Attributes: shownAttributes(targetGroupAttributes, attributes) };
  },
};

async function usedBy(ctx: CallContext, loadBalancer: string): Promise<Set<string>> {
  const { arn } = await requireLoadBalancer(ctx, loadBalancer);
  return forwardedTo((await listenersOf(ctx, arn)).flatMap(({ rules }) => rules));
}

function show(group: TargetGroup, users: ReadonlyMap<string, string>) {
  const { healthCheck: check } = group;
  const user = users.get(group.arn);
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: group.protocol,
    ProtocolVersion: group.protocolVersion,
    Port: group.port,
    VpcId: group.vpcId,
    TargetType: group.targetType,
    IpAddressType: "ipv4" as const,
    HealthCheckEnabled: check.enabled,
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: check.port,
    HealthCheckPath: check.path,
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    Matcher: { HttpCode: check.matcher },
    LoadBalancerArns: user === undefined ? [] : [user],
  };
}
