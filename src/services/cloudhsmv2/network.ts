/**
 * What a cluster has in the customer's network: a security group of its own, and an interface for each HSM. Asked of EC2
 * with the caller's rights, as AWS does. Sources: CloudHSM User Guide, "Customer managed policies" (the EC2 actions that a
 * caller needs), "Create a cluster"; KMS API Reference, CloudHsmClusterInvalidConfigurationException (name and rules of the group).
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalid } from "./errors.ts";

/** "TCP traffic on ports 2223-2225", in from the group itself and out to it. */
const ports = { FromPort: 2223, ToPort: 2225, IpProtocol: "tcp" };

/** @throws CloudHsmInvalidRequestException, CloudHsmAccessDeniedException */
async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    if (error.code === "UnauthorizedOperation" || error.code.startsWith("AccessDenied")) {
      throw new AwsError("CloudHsmAccessDeniedException", error.message, 400, { cause: error });
    }
    throw invalid(error.message);
  }
}

export interface Subnets {
  vpcId: string;
  /** Availability Zone → subnet. */
  byZone: Record<string, string>;
}

/** "All subnets must be in the same virtual private cloud", "only one subnet per Availability Zone". */
export async function chooseSubnets(ctx: CallContext, ids: readonly string[]): Promise<Subnets> {
  if (new Set(ids).size < ids.length) throw invalid("A subnet can be specified only once.");
  const { Subnets: found = [] } = await asked(ctx.aws.ec2.DescribeSubnets({ SubnetIds: [...ids] }));
  const vpcs = new Set(found.map(({ VpcId }) => VpcId!));
  if (vpcs.size !== 1) throw invalid("All subnets must be in the same VPC.");
  const byZone = Object.fromEntries(found.map(({ AvailabilityZone, SubnetId }) => [AvailabilityZone!, SubnetId!]));
  if (Object.keys(byZone).length < found.length) {
    throw invalid("You can specify only one subnet per Availability Zone.");
  }
  return { vpcId: [...vpcs][0]!, byZone };
}

/** Lets HSMs and what is in the group reach each other, and nothing else. */
export async function makeGroup(ctx: CallContext, clusterId: string, vpcId: string): Promise<string> {
  const { ec2 } = ctx.aws;
  const created = await asked(
    ec2.CreateSecurityGroup({
      GroupName: `cloudhsm-${clusterId}-sg`,
      Description: `CloudHSM cluster ${clusterId}`,
      VpcId: vpcId,
    }),
  );
  const GroupId = created.GroupId!;
  const own = [{ ...ports, UserIdGroupPairs: [{ GroupId }] }];
  try {
    await asked(ec2.AuthorizeSecurityGroupIngress({ GroupId, IpPermissions: own }));
    await asked(ec2.AuthorizeSecurityGroupEgress({ GroupId, IpPermissions: own }));
    const everywhere = [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }];
    await asked(ec2.RevokeSecurityGroupEgress({ GroupId, IpPermissions: everywhere }));
  } catch (error) {
    await dropGroup(ctx, GroupId);
    throw error;
  }
  return GroupId;
}

/** A group that somebody else uses by now, or has removed, is left as it is. */
export async function dropGroup(ctx: CallContext, groupId: string): Promise<void> {
  try {
    await ctx.aws.ec2.DeleteSecurityGroup({ GroupId: groupId });
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    ctx.log.warn({ err: error, groupId }, "the security group of a cluster stays");
  }
}

export interface Interface {
  eniId: string;
  eniIp: string;
}

/** The interface of an HSM. Nothing listens there: applications reach it through the cluster's socket. */
export async function makeInterface(
  ctx: CallContext,
  hsm: { id: string; clusterId: string; subnetId: string; groupId: string; address: string | undefined },
): Promise<Interface> {
  const { NetworkInterface: made } = await asked(
    ctx.aws.ec2.CreateNetworkInterface({
      SubnetId: hsm.subnetId,
      Groups: [hsm.groupId],
      Description: `CloudHSM ${hsm.clusterId} ${hsm.id}`,
      ...(hsm.address === undefined ? {} : { PrivateIpAddress: hsm.address }),
    }),
  );
  return { eniId: made!.NetworkInterfaceId!, eniIp: made!.PrivateIpAddress! };
}

/** One that is gone already is as good. */
export async function dropInterface(ctx: CallContext, eniId: string | undefined): Promise<void> {
  if (eniId === undefined) return;
  try {
    await ctx.aws.ec2.DeleteNetworkInterface({ NetworkInterfaceId: eniId });
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "InvalidNetworkInterfaceID.NotFound") {
      await asked(Promise.reject(error));
    }
  }
}
