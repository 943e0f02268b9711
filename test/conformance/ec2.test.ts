/** The network of an account through the unmodified AWS SDK for JavaScript and the AWS CLI. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EC2 } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { aws } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";

describe("EC2: the network of an account", () => {
  let instance: Instance;
  let ec2: EC2;
  before(async () => {
    instance = await startInstance();
    ec2 = new EC2(instance.client);
  });
  after(() => instance.stop());

  const refused = (code: string, text?: string | RegExp) => (error: Error) => {
    assert.equal(error.name, code, error.message);
    if (typeof text === "string") assert.equal(error.message, text);
    else if (text) assert.match(error.message, text);
    return true;
  };
  const permission = (FromPort: number, ...cidrs: string[]) => ({
    IpProtocol: "tcp",
    FromPort,
    ToPort: FromPort,
    IpRanges: cidrs.map((CidrIp) => ({ CidrIp })),
  });

  test("every account has a default network in every Region, the same however often it is looked at", async () => {
    const everything = async (client: EC2) => ({
      vpcs: (await client.describeVpcs({})).Vpcs!,
      subnets: (await client.describeSubnets({})).Subnets!,
      groups: (await client.describeSecurityGroups({})).SecurityGroups!,
      gateways: (await client.describeInternetGateways({})).InternetGateways!,
      tables: (await client.describeRouteTables({})).RouteTables!,
      acls: (await client.describeNetworkAcls({})).NetworkAcls!,
    });
    const [first, second] = await Promise.all([everything(ec2), everything(ec2)]);
    assert.deepEqual(first, second);
    const [vpc] = first.vpcs;
    assert.equal(vpc!.CidrBlock, "172.31.0.0/16");
    assert.equal(vpc!.IsDefault, true);
    const zones = (await ec2.describeAvailabilityZones({})).AvailabilityZones!;
    assert.deepEqual(
      first.subnets.map(({ AvailabilityZone }) => AvailabilityZone).toSorted(),
      zones.map(({ ZoneName }) => ZoneName),
    );
    assert.ok(first.subnets.every((subnet) => subnet.DefaultForAz && subnet.AvailableIpAddressCount === 4091));
    assert.equal(first.groups[0]!.GroupName, "default");
    assert.deepEqual(first.groups[0]!.IpPermissions![0]!.UserIdGroupPairs, [
      { GroupId: first.groups[0]!.GroupId, UserId: instance.ready.accountId },
    ]);
    assert.equal(first.gateways[0]!.Attachments![0]!.VpcId, vpc!.VpcId);
    assert.deepEqual(
      first.tables[0]!.Routes!.map(({ GatewayId, State }) => [GatewayId, State]),
      [
        ["local", "active"],
        [first.gateways[0]!.InternetGatewayId, "active"],
      ],
    );
    assert.equal(first.acls[0]!.Associations!.length, first.subnets.length);
    const elsewhere = await everything(new EC2({ ...instance.client, region: "eu-west-1" }));
    assert.notEqual(elsewhere.vpcs[0]!.VpcId, vpc!.VpcId);
    const attributes = await ec2.describeAccountAttributes({ AttributeNames: ["default-vpc"] });
    assert.equal(attributes.AccountAttributes![0]!.AttributeValues![0]!.AttributeValue, vpc!.VpcId);
  });

  test("a VPC with its parts is made, found, kept while something is in it, and deleted", async () => {
    const tags = [{ ResourceType: "vpc" as const, Tags: [{ Key: "Name", Value: "shop" }] }];
    const { Vpc } = await ec2.createVpc({ CidrBlock: "10.0.3.9/16", TagSpecifications: tags });
    const VpcId = Vpc!.VpcId!;
    assert.equal(Vpc!.CidrBlock, "10.0.0.0/16");
    const found = await ec2.describeVpcs({ Filters: [{ Name: "tag:Name", Values: ["sh?p*"] }] });
    assert.deepEqual(
      found.Vpcs!.map((vpc) => vpc.VpcId),
      [VpcId],
    );
    await ec2.modifyVpcAttribute({ VpcId, EnableDnsHostnames: { Value: true } });
    const attribute = await ec2.describeVpcAttribute({ VpcId, Attribute: "enableDnsHostnames" });
    assert.equal(attribute.EnableDnsHostnames!.Value, true);

    const { Subnet } = await ec2.createSubnet({
      VpcId,
      CidrBlock: "10.0.1.0/24",
      AvailabilityZone: `${instance.ready.region}b`,
    });
    const SubnetId = Subnet!.SubnetId!;
    assert.equal(Subnet!.AvailableIpAddressCount, 251);
    const overlapping = ec2.createSubnet({ VpcId, CidrBlock: "10.0.1.128/25" });
    await assert.rejects(
      overlapping,
      refused("InvalidSubnet.Conflict", "The CIDR '10.0.1.128/25' conflicts with another subnet"),
    );
    await assert.rejects(ec2.createSubnet({ VpcId, CidrBlock: "10.1.0.0/24" }), refused("InvalidSubnet.Range"));
    await assert.rejects(ec2.createSubnet({ VpcId, CidrBlock: "10.0.0.0/29" }), refused("InvalidSubnet.Range"));
    await assert.rejects(
      ec2.createSubnet({ VpcId, CidrBlock: "10.0.2.0/24", AvailabilityZone: "nowhere-1a" }),
      refused("InvalidParameterValue", /Subnets can currently only be created in the following availability zones/),
    );
    await assert.rejects(
      ec2.deleteVpc({ VpcId }),
      refused("DependencyViolation", `The vpc '${VpcId}' has dependencies and cannot be deleted.`),
    );

    const { InternetGateway } = await ec2.createInternetGateway({});
    const InternetGatewayId = InternetGateway!.InternetGatewayId!;
    const { RouteTable } = await ec2.createRouteTable({ VpcId });
    const RouteTableId = RouteTable!.RouteTableId!;
    const route = { RouteTableId, DestinationCidrBlock: "0.0.0.0/0", GatewayId: InternetGatewayId };
    await assert.rejects(ec2.createRoute(route), refused("InvalidParameterValue", /belong to different networks/));
    await ec2.attachInternetGateway({ VpcId, InternetGatewayId });
    await assert.rejects(
      ec2.attachInternetGateway({ VpcId, InternetGatewayId }),
      refused("Resource.AlreadyAssociated"),
    );
    await ec2.createRoute(route);
    await assert.rejects(ec2.createRoute(route), refused("RouteAlreadyExists"));
    const { AssociationId } = await ec2.associateRouteTable({ RouteTableId, SubnetId });
    const tables = await ec2.describeRouteTables({ Filters: [{ Name: "association.subnet-id", Values: [SubnetId] }] });
    assert.equal(tables.RouteTables![0]!.Associations![0]!.RouteTableAssociationId, AssociationId);
    await assert.rejects(ec2.deleteRouteTable({ RouteTableId }), refused("DependencyViolation"));
    await ec2.detachInternetGateway({ VpcId, InternetGatewayId });
    const black = await ec2.describeRouteTables({ RouteTableIds: [RouteTableId] });
    assert.equal(black.RouteTables![0]!.Routes![1]!.State, "blackhole");

    await ec2.disassociateRouteTable({ AssociationId });
    await ec2.deleteRouteTable({ RouteTableId });
    await ec2.deleteInternetGateway({ InternetGatewayId });
    await ec2.deleteSubnet({ SubnetId });
    await ec2.deleteVpc({ VpcId });
    await assert.rejects(
      ec2.describeVpcs({ VpcIds: [VpcId] }),
      refused("InvalidVpcID.NotFound", `The vpc ID '${VpcId}' does not exist`),
    );
    const left = await ec2.describeSecurityGroups({ Filters: [{ Name: "vpc-id", Values: [VpcId] }] });
    assert.deepEqual(left.SecurityGroups, []);
  });

  test("security groups and their rules", async () => {
    const create = (GroupName: string) => ec2.createSecurityGroup({ GroupName, Description: "a group" });
    const GroupId = (await create("web")).GroupId!;
    const other = (await create("application")).GroupId!;
    await assert.rejects(
      create("web"),
      refused("InvalidGroup.Duplicate", /^The security group 'web' already exists for VPC 'vpc-/),
    );
    await assert.rejects(
      create("Default"),
      refused("InvalidParameterValue", "Cannot use reserved security group name: Default"),
    );

    const allow = (...IpPermissions: object[]) => ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions });
    const { SecurityGroupRules } = await allow(permission(443, "0.0.0.0/0", "10.9.8.7/8"), {
      IpProtocol: "-1",
      UserIdGroupPairs: [{ GroupId: other, Description: "the application" }],
    });
    assert.deepEqual(
      SecurityGroupRules!.map((rule) => rule.CidrIpv4 ?? rule.ReferencedGroupInfo!.GroupId),
      ["0.0.0.0/0", "10.0.0.0/8", other],
    );
    await assert.rejects(
      allow(permission(443, "0.0.0.0/0")),
      refused(
        "InvalidPermission.Duplicate",
        `the specified rule "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW" already exists`,
      ),
    );
    const wrong: [object, string, RegExp][] = [
      [permission(22, "10.0.0.0/33"), "InvalidParameterValue", /CIDR block 10\.0\.0\.0\/33 is malformed/],
      [permission(22, "10.0.0.1"), "InvalidParameterValue", /is malformed/],
      [
        permission(22, "1.1.1.1/32", "1.1.1.1/32"),
        "InvalidParameterValue",
        /The same permission must not appear multiple times/,
      ],
      [
        { ...permission(22, "1.1.1.1/32"), ToPort: 21 },
        "InvalidParameterValue",
        /Invalid TCP\/UDP port range \(22:21\)/,
      ],
      [{ ...permission(22, "1.1.1.1/32"), ToPort: 70_000 }, "InvalidParameterValue", /Invalid TCP\/UDP port range/],
      [
        { IpProtocol: "tcp", IpRanges: [{ CidrIp: "1.1.1.1/32" }] },
        "InvalidParameterValue",
        /Must specify both from and to ports/,
      ],
      [{ ...permission(22, "1.1.1.1/32"), IpProtocol: "ftp" }, "InvalidParameterValue", /Unknown protocol/],
      [permission(22), "MissingParameter", /Missing source specification/],
      [
        { IpProtocol: "-1", UserIdGroupPairs: [{ GroupId: "sg-00000000000000000" }] },
        "InvalidGroup.NotFound",
        /does not exist/,
      ],
      [
        { IpProtocol: "-1", PrefixListIds: [{ PrefixListId: "pl-00000000000000000" }] },
        "InvalidPrefixListID.NotFound",
        /does not exist/,
      ],
    ];
    for (const [given, code, text] of wrong) await assert.rejects(allow(given), refused(code, text));
    await assert.rejects(
      allow(permission(1, ...Array.from({ length: 60 }, (_, i) => `10.0.${i}.0/24`))),
      refused("RulesPerSecurityGroupLimitExceeded"),
    );
    await assert.rejects(
      ec2.deleteSecurityGroup({ GroupId: other }),
      refused("DependencyViolation", `resource ${other} has a dependent object`),
    );

    const [first] = SecurityGroupRules!;
    const SecurityGroupRuleId = first!.SecurityGroupRuleId!;
    await ec2.modifySecurityGroupRules({
      GroupId,
      SecurityGroupRules: [
        {
          SecurityGroupRuleId,
          SecurityGroupRule: { IpProtocol: "tcp", FromPort: 8443, ToPort: 8443, CidrIpv4: "192.0.2.0/24" },
        },
      ],
    });
    await ec2.createTags({ Resources: [SecurityGroupRuleId], Tags: [{ Key: "use", Value: "test" }] });
    const rules = await ec2.describeSecurityGroupRules({ Filters: [{ Name: "tag:use", Values: ["test"] }] });
    assert.deepEqual(
      [rules.SecurityGroupRules![0]!.FromPort, rules.SecurityGroupRules![0]!.CidrIpv4],
      [8443, "192.0.2.0/24"],
    );
    const tags = await ec2.describeTags({ Filters: [{ Name: "resource-type", Values: ["security-group-rule"] }] });
    assert.equal(tags.Tags![0]!.ResourceId, SecurityGroupRuleId);
    await ec2.revokeSecurityGroupIngress({ GroupId, SecurityGroupRuleIds: [SecurityGroupRuleId] });
    const unmatched = await ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions: [permission(7, "1.1.1.1/32")] });
    assert.equal(unmatched.UnknownIpPermissions![0]!.FromPort, 7);
    const all = { IpProtocol: "-1", UserIdGroupPairs: [{ GroupId: other }] };
    await ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions: [all, permission(443, "10.0.0.0/8")] });
    const shown = (await ec2.describeSecurityGroups({ GroupIds: [GroupId] })).SecurityGroups![0]!;
    assert.deepEqual(shown.IpPermissions, []);
    assert.deepEqual(shown.IpPermissionsEgress![0]!.IpRanges, [{ CidrIp: "0.0.0.0/0" }]);
    await ec2.deleteSecurityGroup({ GroupId: other });
    await ec2.deleteSecurityGroup({ GroupId });
    const group = (await ec2.describeSecurityGroups({ GroupNames: ["default"] })).SecurityGroups![0]!;
    await assert.rejects(ec2.deleteSecurityGroup({ GroupId: group.GroupId! }), refused("CannotDelete"));
  });

  test("rules that name a prefix list keep it, and count with its size", async () => {
    const { PrefixList } = await ec2.createManagedPrefixList({
      PrefixListName: "offices",
      AddressFamily: "IPv4",
      MaxEntries: 40,
      Entries: [{ Cidr: "198.51.100.0/24", Description: "Seoul" }],
    });
    const PrefixListId = PrefixList!.PrefixListId!;
    const { GroupId } = await ec2.createSecurityGroup({ GroupName: "offices", Description: "offices" });
    const about = (FromPort: number) => ({
      IpProtocol: "tcp",
      FromPort,
      ToPort: FromPort,
      PrefixListIds: [{ PrefixListId }],
    });
    await ec2.authorizeSecurityGroupIngress({ GroupId: GroupId!, IpPermissions: [about(80)] });
    await assert.rejects(
      ec2.authorizeSecurityGroupIngress({ GroupId: GroupId!, IpPermissions: [about(81)] }),
      refused("RulesPerSecurityGroupLimitExceeded"),
    );
    await assert.rejects(
      ec2.modifyManagedPrefixList({ PrefixListId, CurrentVersion: 7, AddEntries: [{ Cidr: "203.0.113.0/24" }] }),
      refused("PrefixListVersionMismatch"),
    );
    await ec2.modifyManagedPrefixList({ PrefixListId, CurrentVersion: 1, AddEntries: [{ Cidr: "203.0.113.0/24" }] });
    const { Entries } = await ec2.getManagedPrefixListEntries({ PrefixListId });
    assert.deepEqual(
      Entries!.map(({ Cidr }) => Cidr),
      ["198.51.100.0/24", "203.0.113.0/24"],
    );
    await assert.rejects(ec2.deleteManagedPrefixList({ PrefixListId }), refused("DependencyViolation"));
    await ec2.deleteSecurityGroup({ GroupId: GroupId! });
    await ec2.deleteManagedPrefixList({ PrefixListId });
  });

  test("dry runs, pages, filters and ids that are none", async () => {
    await assert.rejects(
      ec2.createVpc({ CidrBlock: "10.0.0.0/16", DryRun: true }),
      refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
    );
    assert.equal((await ec2.describeVpcs({})).Vpcs!.length, 1);
    for (let i = 0; i < 6; i++) await ec2.createSecurityGroup({ GroupName: `page-${i}`, Description: "page" });
    const first = await ec2.describeSecurityGroups({ MaxResults: 5 });
    const second = await ec2.describeSecurityGroups({ MaxResults: 5, NextToken: first.NextToken });
    const ids = [...first.SecurityGroups!, ...second.SecurityGroups!].map(({ GroupId }) => GroupId);
    assert.equal(new Set(ids).size, 7);
    assert.equal(second.NextToken, undefined);
    await assert.rejects(
      ec2.describeSecurityGroups({ MaxResults: 4 }),
      refused("InvalidParameterValue", /greater than or equal to 5/),
    );
    await assert.rejects(
      ec2.describeSecurityGroups({ Filters: [{ Name: "colour", Values: ["red"] }] }),
      refused("InvalidParameterValue", "The filter 'colour' is invalid"),
    );
    await assert.rejects(
      ec2.describeSecurityGroups({ GroupIds: ["sg-1"] }),
      refused("InvalidGroupId.Malformed", 'Invalid id: "sg-1" (expecting "sg-...")'),
    );
    await assert.rejects(
      ec2.createTags({ Resources: ["nothing"], Tags: [{ Key: "a", Value: "b" }] }),
      refused("InvalidID"),
    );
    const { Vpcs } = await aws(instance, ["ec2", "describe-vpcs", "--filters", "Name=is-default,Values=true"]);
    assert.equal(Vpcs.length, 1);
  });

  test("routes, associations and blocks are replaced", async () => {
    const VpcId = (await ec2.createVpc({ CidrBlock: "10.40.0.0/16" })).Vpc!.VpcId!;
    const more = await ec2.associateVpcCidrBlock({ VpcId, CidrBlock: "10.41.0.0/16" });
    await assert.rejects(ec2.associateVpcCidrBlock({ VpcId, CidrBlock: "10.41.3.0/24" }), refused("InvalidVpc.Range"));
    const { Subnet } = await ec2.createSubnet({ VpcId, CidrBlock: "10.41.1.0/24" });
    const SubnetId = Subnet!.SubnetId!;
    const AssociationId = more.CidrBlockAssociation!.AssociationId!;
    await assert.rejects(ec2.disassociateVpcCidrBlock({ AssociationId }), refused("DependencyViolation"));
    const [primary] = (await ec2.describeVpcs({ VpcIds: [VpcId] })).Vpcs![0]!.CidrBlockAssociationSet!;
    await assert.rejects(
      ec2.disassociateVpcCidrBlock({ AssociationId: primary!.AssociationId! }),
      refused("OperationNotPermitted", /primary IPv4 CIDR block/),
    );
    const main = (await ec2.describeRouteTables({ Filters: [{ Name: "vpc-id", Values: [VpcId] }] })).RouteTables![0]!;
    assert.deepEqual(
      main.Routes!.map(({ DestinationCidrBlock }) => DestinationCidrBlock),
      ["10.40.0.0/16", "10.41.0.0/16"],
    );
    const RouteTableId = (await ec2.createRouteTable({ VpcId })).RouteTable!.RouteTableId!;
    const gateways = [];
    for (let i = 0; i < 2; i++)
      gateways.push((await ec2.createInternetGateway({})).InternetGateway!.InternetGatewayId!);
    const [GatewayId, other] = gateways as [string, string];
    await ec2.attachInternetGateway({ VpcId, InternetGatewayId: GatewayId });
    const route = { RouteTableId, DestinationCidrBlock: "0.0.0.0/0", GatewayId };
    await assert.rejects(ec2.replaceRoute(route), refused("InvalidParameterValue", /Use CreateRoute instead/));
    await ec2.createRoute(route);
    await ec2.replaceRoute(route);
    await assert.rejects(
      ec2.createRoute({ ...route, DestinationCidrBlock: "10.40.1.0/24" }),
      refused("InvalidParameterValue", /equal to or more specific than/),
    );
    await assert.rejects(
      ec2.createRoute({ RouteTableId, DestinationCidrBlock: "10.50.0.0/16", NatGatewayId: "nat-1" }),
      refused("UnsupportedOperation", "A route with NatGatewayId is not supported by this installation."),
    );
    await assert.rejects(
      ec2.deleteRoute({ RouteTableId, DestinationCidrBlock: "10.40.0.0/16" }),
      refused("InvalidParameterValue", /cannot remove local route/),
    );
    const replaced = await ec2.replaceRouteTableAssociation({
      AssociationId: main.Associations![0]!.RouteTableAssociationId!,
      RouteTableId,
    });
    const tables = await ec2.describeRouteTables({ RouteTableIds: [RouteTableId] });
    assert.deepEqual(
      tables.RouteTables![0]!.Associations!.map((each) => [each.RouteTableAssociationId, each.Main]),
      [[replaced.NewAssociationId, true]],
    );
    await assert.rejects(
      ec2.disassociateRouteTable({ AssociationId: replaced.NewAssociationId! }),
      refused("InvalidParameterValue", /cannot disassociate the main route table association/),
    );
    const forVpc = await ec2.getSecurityGroupsForVpc({ VpcId });
    const GroupId = forVpc.SecurityGroupForVpcs![0]!.GroupId!;
    const IpPermissions = [
      { ...permission(80, "10.0.0.0/8"), IpRanges: [{ CidrIp: "10.0.0.0/8", Description: "now" }] },
    ];
    await ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [permission(80, "10.0.0.0/8")] });
    await ec2.updateSecurityGroupRuleDescriptionsIngress({ GroupId, IpPermissions });
    const shown = (await ec2.describeSecurityGroups({ GroupIds: [GroupId] })).SecurityGroups![0]!;
    const [web] = shown.IpPermissions!.filter(({ FromPort }) => FromPort === 80);
    assert.equal(web!.IpRanges![0]!.Description, "now");
    await assert.rejects(
      ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions: [permission(81, "10.0.0.0/8")] }),
      refused("InvalidPermission.NotFound", "The specified rule does not exist in this security group."),
    );

    await ec2.deleteRoute({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0" });
    await ec2.detachInternetGateway({ VpcId, InternetGatewayId: GatewayId });
    for (const InternetGatewayId of [GatewayId, other]) await ec2.deleteInternetGateway({ InternetGatewayId });
    await ec2.deleteSubnet({ SubnetId });
    await ec2.disassociateVpcCidrBlock({ AssociationId });
    await ec2.deleteRouteTable({ RouteTableId: main.RouteTableId! });
    await ec2.deleteVpc({ VpcId });
  });

  test("of a deletion and of what would need what is deleted, one succeeds", async () => {
    for (let round = 0; round < 5; round++) {
      const VpcId = (await ec2.createVpc({ CidrBlock: "10.60.0.0/16" })).Vpc!.VpcId!;
      const [made, deleted] = await Promise.allSettled([
        ec2.createSubnet({ VpcId, CidrBlock: "10.60.1.0/24" }),
        ec2.deleteVpc({ VpcId }),
      ]);
      assert.notEqual(made.status, deleted.status);
      if (made.status === "rejected") continue;
      await ec2.deleteSubnet({ SubnetId: made.value.Subnet!.SubnetId! });
      await ec2.deleteVpc({ VpcId });
    }
    for (let round = 0; round < 5; round++) {
      const create = async (name: string) =>
        (await ec2.createSecurityGroup({ GroupName: `${name}-${round}`, Description: name })).GroupId!;
      const [one, other] = [await create("one"), await create("other")];
      const IpPermissions = [{ IpProtocol: "-1", UserIdGroupPairs: [{ GroupId: other }] }];
      const [named, deleted] = await Promise.allSettled([
        ec2.authorizeSecurityGroupIngress({ GroupId: one, IpPermissions }),
        ec2.deleteSecurityGroup({ GroupId: other }),
      ]);
      assert.notEqual(named.status, deleted.status);
      await ec2.deleteSecurityGroup({ GroupId: one });
      if (deleted.status === "rejected") await ec2.deleteSecurityGroup({ GroupId: other });
    }
  });

  test("the default network can be deleted, stays so, and can be had again", async () => {
    const client = new EC2({ ...instance.client, region: "eu-central-1" });
    const [vpc] = (await client.describeVpcs({})).Vpcs!;
    const VpcId = vpc!.VpcId!;
    await assert.rejects(client.createDefaultVpc({}), refused("DefaultVpcAlreadyExists"));
    for (const { SubnetId } of (await client.describeSubnets({})).Subnets!)
      await client.deleteSubnet({ SubnetId: SubnetId! });
    const [gateway] = (await client.describeInternetGateways({})).InternetGateways!;
    const InternetGatewayId = gateway!.InternetGatewayId!;
    await client.detachInternetGateway({ VpcId, InternetGatewayId });
    await client.deleteInternetGateway({ InternetGatewayId });
    await client.deleteVpc({ VpcId });
    assert.deepEqual((await client.describeVpcs({})).Vpcs, []);
    await assert.rejects(
      client.createSecurityGroup({ GroupName: "a", Description: "a" }),
      refused("VPCIdNotSpecified", "No default VPC for this user"),
    );
    const again = (await client.createDefaultVpc({})).Vpc!;
    assert.notEqual(again.VpcId, VpcId);
    const [first] = (await client.describeSubnets({})).Subnets!;
    await client.deleteSubnet({ SubnetId: first!.SubnetId! });
    const AvailabilityZone = first!.AvailabilityZone!;
    assert.equal((await client.createDefaultSubnet({ AvailabilityZone })).Subnet!.CidrBlock, first!.CidrBlock);
    await assert.rejects(
      client.createDefaultSubnet({ AvailabilityZone }),
      refused("DefaultSubnetAlreadyExistsInAvailabilityZone"),
    );
  });

  test("a policy decides by tag who may change a group", async () => {
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "network" });
    const statement = (Action: string, rest: object = {}) => ({ Effect: "Allow", Action, Resource: "*", ...rest });
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        statement("ec2:AuthorizeSecurityGroupIngress", {
          Condition: { StringEquals: { "aws:ResourceTag/team": "web" } },
        }),
        statement("ec2:AuthorizeSecurityGroupIngress", { Resource: "arn:aws:ec2:*:*:security-group-rule/*" }),
      ],
    });
    await iam.putUserPolicy({ UserName: "network", PolicyName: "network", PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: "network" });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const user = new EC2({ ...instance.client, credentials });
    const { GroupId } = await ec2.createSecurityGroup({ GroupName: "tagged", Description: "tagged" });
    const allow = (FromPort: number) =>
      user.authorizeSecurityGroupIngress({ GroupId: GroupId!, IpPermissions: [permission(FromPort, "10.0.0.0/8")] });
    await assert.rejects(
      allow(80),
      refused("UnauthorizedOperation", /^You are not authorized to perform this operation/),
    );
    await ec2.createTags({ Resources: [GroupId!], Tags: [{ Key: "team", Value: "web" }] });
    await allow(80);
    await assert.rejects(user.describeVpcs({}), refused("UnauthorizedOperation"));
  });
});
