/** Attributes, subnets, security groups and address type of load balancers. Source: Elastic Load Balancing API Reference. */
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { attributeOf, loadBalancerAttributes, shownAttributes, withAttributes } from "../attributes.ts";
import { putFrontEnd } from "../edgeDocuments.ts";
import { invalidConfiguration, unsupported, validation } from "../errors.ts";
import { requireLoadBalancer } from "../find.ts";
import { requestInterfaces } from "../interfaces.ts";
import { logPrincipal, testFileKey, type LogKind } from "../logFiles.ts";
import { chooseGroups, chooseSubnets, trafficOf, network } from "../network.ts";
import { saveLoadBalancer } from "../save.ts";
import type { ElbHandlers } from "../sdk.ts";
import { publishGroups } from "../securityGroups.ts";
import { types, type LoadBalancer } from "../state.ts";
import { subnetIds, zonesOf } from "./loadBalancers.ts";

const logKinds: readonly LogKind[] = ["access", "connection"];

/** A file is written where the logs are to go, so that a wrong bucket policy is found now and not in silence later. */
async function checkLogs(ctx: CallContext, before: LoadBalancer, after: LoadBalancer): Promise<void> {
  for (const kind of logKinds) {
    const value = (each: LoadBalancer, name: string) =>
      attributeOf(loadBalancerAttributes, each.attributes, `${kind}_logs.s3.${name}`);
    if (value(after, "enabled") !== "true") continue;
    const bucket = value(after, "bucket");
    const prefix = value(after, "prefix");
    if (bucket === "")
      throw validation(`'${kind}_logs.s3.bucket' must be specified when '${kind}_logs.s3.enabled' is 'true'`);
    const same = ["enabled", "bucket", "prefix"].every((name) => value(before, name) === value(after, name));
    if (!same) await tryLogs(ctx, after, kind, bucket, prefix);
  }
}

async function tryLogs(
  ctx: CallContext,
  { arn }: LoadBalancer,
  kind: LogKind,
  bucket: string,
  prefix: string,
): Promise<void> {
  const { account } = parseArn(arn)!;
  const { s3 } = ctx.asService(logPrincipal, { sourceArn: arn, sourceAccount: account });
  await ctx.once(`test file ${kind}`, async () => {
    try {
      await s3.PutObject({
        Bucket: bucket,
        Key: testFileKey(kind, account, prefix),
        Body: Buffer.from(
          `Enable ${kind === "access" ? "AccessLog" : "ConnectionLog"} for ELB: ${arn} at ${new Date(ctx.now).toISOString()}`,
        ),
        ACL: "bucket-owner-full-control",
      });
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      throw invalidConfiguration(
        error.code === "NoSuchBucket"
          ? `S3 bucket '${bucket}' does not exist`
          : `Access Denied for bucket: ${bucket}. Please check S3bucket permission`,
      );
    }
  });
}

export const loadBalancerSettingHandlers: ElbHandlers = {
  async DescribeLoadBalancerAttributes(input, ctx) {
    const { attributes } = await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    return { Attributes: shownAttributes(loadBalancerAttributes, attributes) };
  },

  async ModifyLoadBalancerAttributes(input, ctx) {
    const before = await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    const attributes = withAttributes(loadBalancerAttributes, before.attributes, input.Attributes ?? []);
    const after = { ...before, attributes };
    await checkLogs(ctx, before, after);
    await saveLoadBalancer(ctx, after);
    return { Attributes: shownAttributes(loadBalancerAttributes, attributes) };
  },

  async SetSubnets(input, ctx) {
    const before = await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    if ((input.IpAddressType ?? "ipv4") !== "ipv4") throw unsupported(`IP address type '${input.IpAddressType}' is`);
    const net = await network(ctx);
    const { vpcId, subnets } = await chooseSubnets(net, subnetIds(input), before.scheme === "internet-facing");
    if (vpcId !== before.vpcId) throw invalidConfiguration("All subnets must belong to the VPC of the load balancer");
    const after = { ...before, subnets };
    await saveLoadBalancer(ctx, after);
    requestInterfaces(ctx, after);
    return { AvailabilityZones: zonesOf(after), IpAddressType: "ipv4" };
  },

  async SetSecurityGroups(input, ctx) {
    const before = await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    if (input.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic !== undefined) {
      throw invalidConfiguration("PrivateLink traffic concerns load balancers of type 'network' only");
    }
    if (!input.SecurityGroups?.length) throw invalidConfiguration("At least one security group must be specified");
    const net = await network(ctx);
    const groups = await chooseGroups(net, input.SecurityGroups, before.vpcId);
    const after = { ...before, groups };
    ctx.state.put(types.loadBalancer, after.name, after);
    putFrontEnd(ctx, after, await trafficOf(net, groups));
    requestInterfaces(ctx, after);
    publishGroups(ctx, groups);
    return { SecurityGroupIds: groups };
  },

  async SetIpAddressType(input, ctx) {
    await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    if (input.IpAddressType !== "ipv4") throw unsupported(`IP address type '${String(input.IpAddressType)}' is`);
    return { IpAddressType: "ipv4" };
  },

  /** Nothing is reserved: a load balancer here has the capacity of the machine. */
  async DescribeCapacityReservation(input, ctx) {
    await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    return { CapacityReservationState: [] };
  },
};
