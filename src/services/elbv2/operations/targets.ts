/** Targets and their health. Source: Elastic Load Balancing API Reference, RegisterTargets, DescribeTargetHealth (reason codes). */
import { isIPv4 } from "node:net";
import type { CallContext } from "#gateway/context.ts";
import { edgeDocument, targetKey, type TargetHealth, type TargetHealthDocument } from "../../../edge/config.ts";
import { isInside, isReachable } from "../addresses.ts";
import { attributeOf, targetGroupAttributes } from "../attributes.ts";
import { atEdge } from "../edgeDocuments.ts";
import { invalidTarget, tooMany, validation } from "../errors.ts";
import { requireTargetGroup } from "../find.ts";
import { ownNetwork } from "../network.ts";
import { quotas } from "../quotas.ts";
import { saveTargetGroup } from "../save.ts";
import type { ElbHandlers, TargetDescription } from "../sdk.ts";
import type { Target, TargetGroup } from "../state.ts";
import { usersOfGroups } from "../targetGroupUse.ts";

interface Surroundings {
  cidrs: string[];
  subnets: { cidr: string; zone: string }[];
}

async function surroundings(ctx: CallContext, vpcId: string): Promise<Surroundings> {
  const ec2 = ownNetwork(ctx);
  const { Vpcs = [] } = await ec2.DescribeVpcs({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] });
  const { Subnets = [] } = await ec2.DescribeSubnets({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] });
  return {
    cidrs: Vpcs.flatMap(({ CidrBlockAssociationSet = [] }) =>
      CidrBlockAssociationSet.map(({ CidrBlock }) => CidrBlock!),
    ),
    subnets: Subnets.map(({ CidrBlock, AvailabilityZone }) => ({ cidr: CidrBlock!, zone: AvailabilityZone! })),
  };
}

const loopback = ["127.0.0.0/8"];

/** A target of the VPC is in the zone of its subnet; one outside is in all of them. @throws ValidationError, InvalidTarget */
function targetOf(group: TargetGroup, given: TargetDescription, around: Surroundings, now: number): Target {
  const id = given.Id ?? "";
  if (group.targetType === "instance") {
    throw invalidTarget(`The following targets are not valid instances: '${id}'. This installation has no instances`);
  }
  if (!isIPv4(id)) throw validation(`The IP address '${id}' is not a valid IPv4 address`);
  if (!isReachable(id, around.cidrs)) {
    throw validation(
      `The IP address '${id}' is not within the VPC, the RFC 1918 ranges (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16), the RFC 6598 range (100.64.0.0/10) or the loopback range (127.0.0.0/8)`,
    );
  }
  const inside = isInside(id, around.cidrs);
  const zone = given.AvailabilityZone;
  if (!inside && zone === undefined && !isInside(id, loopback)) {
    throw validation(
      `You must specify an Availability Zone of 'all' for the IP address '${id}': it is outside the VPC`,
    );
  }
  if (!inside && zone !== undefined && zone !== "all") {
    throw validation(`The Availability Zone of the IP address '${id}' must be 'all': it is outside the VPC`);
  }
  const own = inside ? around.subnets.find(({ cidr }) => isInside(id, [cidr]))?.zone : "all";
  if (inside && zone !== undefined && zone !== own) {
    throw validation(`The Availability Zone '${zone}' is not that of the IP address '${id}'`);
  }
  return { id, port: given.Port ?? group.port, registeredAt: now, ...(own === undefined ? {} : { zone: own }) };
}

const keyOf = ({ id, port }: Pick<Target, "id" | "port">): string => targetKey(id, port);

/** Without those whose draining is over. */
function current(group: TargetGroup, now: number): Target[] {
  const delay = attributeOf(targetGroupAttributes, group.attributes, "deregistration_delay.timeout_seconds");
  return group.targets.filter(
    ({ deregisteredAt }) => deregisteredAt === undefined || deregisteredAt + Number(delay) * 1_000 > now,
  );
}

function healthOf(target: Target, known: TargetHealth | undefined, used: boolean) {
  if (target.deregisteredAt !== undefined) {
    return {
      State: "draining" as const,
      Reason: "Target.DeregistrationInProgress" as const,
      Description: "Target deregistration is in progress",
    };
  }
  if (!used) {
    return {
      State: "unused" as const,
      Reason: "Target.NotInUse" as const,
      Description: "Target group is not configured to receive traffic from the load balancer",
    };
  }
  if (!known) {
    return {
      State: "initial" as const,
      Reason: "Elb.RegistrationInProgress" as const,
      Description: "Target registration is in progress",
    };
  }
  const { state, reason, description } = known;
  return {
    State: state,
    ...(reason === undefined ? {} : { Reason: reason as "Elb.RegistrationInProgress" }),
    ...(description === undefined ? {} : { Description: description }),
  };
}

const notRegistered = {
  State: "unused" as const,
  Reason: "Target.NotRegistered" as const,
  Description: "Target is not registered to the target group",
};

export const targetHandlers: ElbHandlers = {
  /** A target that drains serves again. */
  async RegisterTargets(input, ctx) {
    const group = await requireTargetGroup(ctx, input.TargetGroupArn ?? "");
    if (!input.Targets?.length) throw validation("At least one target must be specified");
    const around = await surroundings(ctx, group.vpcId);
    const targets = new Map(current(group, ctx.now).map((target) => [keyOf(target), target]));
    for (const given of input.Targets) {
      const target = targetOf(group, given, around, ctx.now);
      const before = targets.get(keyOf(target));
      const serves = before !== undefined && before.deregisteredAt === undefined;
      targets.set(keyOf(target), serves ? { ...target, registeredAt: before.registeredAt } : target);
    }
    if (targets.size > quotas["targets-per-application-load-balancer"]) {
      throw tooMany("Targets", "The maximum number of targets has been reached");
    }
    saveTargetGroup(ctx, { ...group, targets: [...targets.values()] });
    return {};
  },

  /** Requests that are under way are finished; without a load balancer there are none. */
  async DeregisterTargets(input, ctx) {
    const group = await requireTargetGroup(ctx, input.TargetGroupArn ?? "");
    if (!input.Targets?.length) throw validation("At least one target must be specified");
    const targets = current(group, ctx.now);
    const used = (await usersOfGroups(ctx)).has(group.arn);
    const gone = new Set<Target>();
    for (const { Id: id = "", Port: port } of input.Targets) {
      // Without a port, every port that the target is registered with.
      const matching = targets.filter((target) => target.id === id && (port === undefined || target.port === port));
      if (matching.length === 0) {
        throw invalidTarget(`The following targets are not registered: '${port === undefined ? id : `${id}:${port}`}'`);
      }
      for (const target of matching) gone.add(target);
    }
    const left = targets.flatMap((target): Target[] => {
      if (!gone.has(target)) return [target];
      return used ? [{ ...target, deregisteredAt: target.deregisteredAt ?? ctx.now }] : [];
    });
    saveTargetGroup(ctx, { ...group, targets: left });
    return {};
  },

  /** As the edge sees it. */
  async DescribeTargetHealth(input, ctx) {
    const group = await requireTargetGroup(ctx, input.TargetGroupArn ?? "");
    const used = (await usersOfGroups(ctx)).has(group.arn);
    const document = await ctx.state.get<TargetHealthDocument>(edgeDocument.targetHealth, group.arn, atEdge);
    const targets = current(group, ctx.now);
    const described = (target: Target) => ({
      Target: {
        Id: target.id,
        Port: target.port,
        ...(target.zone === undefined ? {} : { AvailabilityZone: target.zone }),
      },
      HealthCheckPort: group.healthCheck.port === "traffic-port" ? String(target.port) : group.healthCheck.port,
      TargetHealth: healthOf(target, document?.value.targets[keyOf(target)], used),
    });
    if (!input.Targets?.length) return { TargetHealthDescriptions: targets.map(described) };
    return {
      TargetHealthDescriptions: input.Targets.map(({ Id: id = "", Port: port = group.port }) => {
        const target = targets.find((each) => each.id === id && each.port === port);
        return target ? described(target) : { Target: { Id: id, Port: port }, TargetHealth: notRegistered };
      }),
    };
  },
};
