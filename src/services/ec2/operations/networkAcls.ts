/** The default network ACL of each VPC, which lets everything through; others are not served. Source: EC2 API Reference, DescribeNetworkAcls. */
import { lookup } from "../lookup.ts";
import { all } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import { shownTags } from "../tags.ts";
import { anywhere } from "../defaults.ts";

/** Rule 100 allows, the last one (32767, shown as `*`) denies what no other rule is about. */
const entries = [false, true].flatMap((egress) => [
  { CidrBlock: anywhere, Egress: egress, Protocol: "-1", RuleAction: "allow" as const, RuleNumber: 100 },
  { CidrBlock: anywhere, Egress: egress, Protocol: "-1", RuleAction: "deny" as const, RuleNumber: 32_767 },
]);

export const networkAclHandlers: Ec2Handlers = {
  async DescribeNetworkAcls(input, ctx) {
    const subnets = await all(ctx, "subnet");
    const within = (vpcId: string) => subnets.filter((subnet) => subnet.vpcId === vpcId);
    const { items, NextToken } = await lookup(
      ctx,
      "networkAcl",
      input.NetworkAclIds,
      input,
      {
        "network-acl-id": ({ id }) => id,
        "vpc-id": ({ vpcId }) => vpcId,
        "owner-id": () => ctx.account,
        default: () => true,
        "association.association-id": ({ vpcId }) => within(vpcId).map(({ aclAssociationId }) => aclAssociationId),
        "association.network-acl-id": ({ id, vpcId }) => within(vpcId).map(() => id),
        "association.subnet-id": ({ vpcId }) => within(vpcId).map(({ id }) => id),
        "entry.cidr": () => anywhere,
        "entry.protocol": () => "-1",
        "entry.rule-action": () => ["allow", "deny"],
        "entry.rule-number": () => ["100", "32767"],
        "entry.egress": () => ["true", "false"],
      },
      { least: 5, most: 1000, idsName: "networkAclIds" },
    );
    return {
      NetworkAcls: items.map((acl) => ({
        NetworkAclId: acl.id,
        VpcId: acl.vpcId,
        OwnerId: ctx.account,
        IsDefault: true,
        Entries: entries,
        Associations: within(acl.vpcId).map((subnet) => ({
          NetworkAclAssociationId: subnet.aclAssociationId,
          NetworkAclId: acl.id,
          SubnetId: subnet.id,
        })),
        Tags: shownTags(acl.tags),
      })),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },
};
