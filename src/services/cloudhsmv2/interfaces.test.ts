import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./testing.ts";

let world: World;
before(async () => (world = await World.open()));
after(() => world.close());

const invalid = { code: "CloudHsmInvalidRequestException" };
const shown = async (id: string) =>
  (await world.ec2("DescribeNetworkInterfaces", { NetworkInterfaceIds: [id] })).NetworkInterfaces[0];

test("each HSM has an interface in its cluster's subnet and group, for as long as it is there", async () => {
  const id = await world.newCluster();
  const create = async (IpAddress?: string) => {
    const input = { ClusterId: id, AvailabilityZone: "us-east-1a", ...(IpAddress === undefined ? {} : { IpAddress }) };
    const { Hsm } = await world.call("CreateHsm", input);
    await world.settle();
    return Hsm;
  };
  const first = await create();
  const eni = await shown(first.EniId);
  const { SecurityGroup, SubnetMapping } = await world.cluster(id);
  assert.equal(eni.PrivateIpAddress, first.EniIp);
  assert.equal(eni.SubnetId, SubnetMapping["us-east-1a"]);
  assert.deepEqual(
    eni.Groups.map((group: any) => group.GroupId),
    [SecurityGroup],
  );
  assert.equal(eni.RequesterManaged, true);
  const own = { NetworkInterfaceId: first.EniId };
  await assert.rejects(world.ec2("DeleteNetworkInterface", own), /in use/);
  await assert.rejects(world.ec2("ModifyNetworkInterfaceAttribute", { ...own, Groups: [SecurityGroup] }), /managed by/);

  assert.deepEqual(await world.call("DeleteHsm", { ClusterId: id, EniIp: first.EniIp }), { HsmId: first.HsmId });
  await world.settle();
  await assert.rejects(shown(first.EniId), /does not exist/);
  const second = await create(first.EniIp);
  assert.equal(second.EniIp, first.EniIp);
  await world.call("DeleteHsm", { ClusterId: id, EniId: second.EniId });
  await world.settle();
  await assert.rejects(create("10.9.9.9"), invalid);
  await world.call("DeleteCluster", { ClusterId: id });
  await world.settle();
  const groups = { Filters: [{ Name: "group-name", Values: ["cloudhsm-*"] }] };
  assert.deepEqual((await world.ec2("DescribeSecurityGroups", groups)).SecurityGroups, []);
});
