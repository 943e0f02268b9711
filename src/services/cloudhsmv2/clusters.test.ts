import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HsmError } from "../../hsm/contract.ts";
import { admin, CustomerCa, newRequest, preCoPassword, region, user, World } from "./testing.ts";

let world: World;
before(async () => (world = await World.open()));
after(() => world.close());

const refused = (code: string, message?: RegExp) => (error: any) => {
  assert.equal(error.code, code, error.message);
  if (message) assert.match(error.message, message);
  return true;
};
const invalid = (message?: RegExp) => refused("CloudHsmInvalidRequestException", message);

async function removed(id: string): Promise<void> {
  for (const { HsmId } of (await world.cluster(id)).Hsms) await world.call("DeleteHsm", { ClusterId: id, HsmId });
  await world.settle();
  await world.call("DeleteCluster", { ClusterId: id });
  await world.settle();
}

test("a cluster goes from its creation to its end", async () => {
  const subnets = await world.subnets();
  const tags = [{ Key: "team", Value: "keys" }];
  const input = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: subnets, TagList: tags };
  const { Cluster: created } = await world.call("CreateCluster", input);
  assert.match(created.ClusterId, /^cluster-[a-z2-7]{11}$/);
  assert.equal(created.State, "CREATE_IN_PROGRESS");
  assert.deepEqual(created.SubnetMapping, { "us-east-1a": subnets[0], "us-east-1b": subnets[1] });
  assert.deepEqual(created.BackupRetentionPolicy, { Type: "DAYS", Value: "90" });
  assert.deepEqual(created.Hsms, []);
  assert.deepEqual(created.Certificates, {});
  assert.deepEqual(created.TagList, tags);
  const id = created.ClusterId;
  await world.settle();
  assert.equal((await world.cluster(id)).State, "UNINITIALIZED");
  assert.deepEqual(world.plane.calls, [], "no HSM process before there is an HSM");

  const { Hsm } = await world.call("CreateHsm", { ClusterId: id, AvailabilityZone: "us-east-1b" });
  assert.equal(Hsm.State, "CREATE_IN_PROGRESS");
  assert.equal(Hsm.SubnetId, subnets[1]);
  await assert.rejects(
    world.call("CreateHsm", { ClusterId: id, AvailabilityZone: "us-east-1a" }),
    invalid(/^Cluster 'cluster-.*' already contains an HSM but has not yet been fully activated$/),
  );
  await world.settle();
  const made = await world.cluster(id);
  assert.equal(made.Hsms[0].State, "ACTIVE");
  assert.match(made.Certificates.ClusterCsr, /BEGIN CERTIFICATE REQUEST/);
  assert.equal(made.PreCoPassword, undefined);

  const ca = new CustomerCa();
  const answer = await world.call("InitializeCluster", { ClusterId: id, ...ca.sign(made.Certificates.ClusterCsr) });
  assert.deepEqual(answer, {
    State: "INITIALIZE_IN_PROGRESS",
    StateMessage: "Cluster is initializing. State will change to INITIALIZED upon completion.",
  });
  await world.settle();
  const initialized = await world.cluster(id);
  assert.equal(initialized.State, "INITIALIZED");
  assert.equal(initialized.PreCoPassword, preCoPassword);
  assert.deepEqual(Object.keys(initialized.Certificates), ["ClusterCertificate"]);
  assert.match(initialized.Certificates.ClusterCertificate, /BEGIN CERTIFICATE/);

  world.plane.activate(id, "a key");
  await world.settle();
  const active = await world.cluster(id);
  assert.equal(active.State, "ACTIVE");
  assert.equal(active.PreCoPassword, undefined);

  await assert.rejects(world.call("DeleteCluster", { ClusterId: id }), invalid(/contains HSMs/));
  await removed(id);
  assert.equal((await world.cluster(id)).State, "DELETED");
  assert.equal(world.plane.clusters.size, 0);
  const groups = await world.ec2("DescribeSecurityGroups", {
    Filters: [{ Name: "group-name", Values: [`cloudhsm-${id}-sg`] }],
  });
  assert.deepEqual(groups.SecurityGroups, []);
  world.clock.advance(3_600_001);
  assert.equal(await world.cluster(id), undefined);
});

test("the security group of a cluster lets nothing but its own members in and out", async () => {
  const id = await world.newCluster();
  const { SecurityGroup: GroupId } = await world.cluster(id);
  const { SecurityGroups } = await world.ec2("DescribeSecurityGroups", { GroupIds: [GroupId] });
  const [group] = SecurityGroups;
  assert.equal(group.GroupName, `cloudhsm-${id}-sg`);
  for (const permissions of [group.IpPermissions, group.IpPermissionsEgress]) {
    assert.equal(permissions.length, 1);
    assert.deepEqual([permissions[0].IpProtocol, permissions[0].FromPort, permissions[0].ToPort], ["tcp", 2223, 2225]);
    assert.deepEqual(
      permissions[0].UserIdGroupPairs.map((pair: any) => pair.GroupId),
      [GroupId],
    );
    assert.deepEqual(permissions[0].IpRanges ?? [], []);
  }
  await removed(id);
});

test("what CreateCluster refuses", async () => {
  const [a, b] = await world.subnets();
  const fine = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: [a] };
  const { Vpc } = await world.ec2("CreateVpc", { CidrBlock: "10.7.0.0/16" });
  const make = async (CidrBlock: string) =>
    (await world.ec2("CreateSubnet", { VpcId: Vpc.VpcId, CidrBlock, AvailabilityZone: "us-east-1a" })).Subnet.SubnetId;
  const other = await make("10.7.1.0/24");
  const sameZone = await make("10.7.2.0/24");
  const cases: [object, RegExp][] = [
    [{ HsmType: "hsm9.large" }, /^Provided HsmType is not supported\.$/],
    [{ HsmType: "hsm1.medium", Mode: "NON_FIPS" }, /FIPS mode only/],
    [{ Mode: undefined }, /Mode must be specified/],
    [{ NetworkType: "DUALSTACK" }, /IPv6/],
    [{ BackupRetentionPolicy: { Type: "DAYS", Value: "6" } }, /between 7 and 379/],
    [{ BackupRetentionPolicy: { Type: "DAYS", Value: "380" } }, /between 7 and 379/],
    [{ BackupRetentionPolicy: { Type: "DAYS" } }, /Value/],
    [{ SubnetIds: ["subnet-00000000000000000"] }, /does not exist/],
    [{ SubnetIds: [a, a] }, /only once/],
    [{ SubnetIds: [b, other] }, /same VPC/],
    [{ SubnetIds: [other, sameZone] }, /one subnet per Availability Zone/],
  ];
  for (const [change, message] of cases) {
    await assert.rejects(world.call("CreateCluster", { ...fine, ...change }), invalid(message), JSON.stringify(change));
  }
  await assert.rejects(
    world.call("CreateCluster", { ...fine, SourceBackupId: "backup-aaaaaaaaaaa" }),
    refused("CloudHsmResourceNotFoundException"),
  );
  await assert.rejects(
    world.call("CreateCluster", { ...fine, TagList: [{ Key: "aws:x", Value: "1" }] }),
    refused("CloudHsmTagException"),
  );
  assert.deepEqual(
    (await world.call("DescribeClusters", { Filters: { states: ["CREATE_IN_PROGRESS"] } })).Clusters,
    [],
  );
});

test("without a backend nothing is begun, and the reason is told", async () => {
  const id = await world.newCluster();
  const before = world.plane.answer;
  world.plane.answer = { available: false, reason: "no module is installed" };
  try {
    const reason = refused("CloudHsmServiceException", /no module is installed/);
    const input = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: await world.subnets() };
    await assert.rejects(world.call("CreateCluster", input), reason);
    await assert.rejects(world.call("CreateHsm", { ClusterId: id, AvailabilityZone: "us-east-1a" }), reason);
  } finally {
    world.plane.answer = before;
  }
  await removed(id);
});

test("InitializeCluster takes only the certificate of the cluster's key, issued by the trust anchor", async () => {
  const id = await world.newCluster();
  const ca = new CustomerCa();
  await assert.rejects(
    world.call("InitializeCluster", { ClusterId: id, ...ca.sign(newRequest()) }),
    invalid(/no active HSM/),
  );
  await world.newHsm(id);
  const csr = (await world.cluster(id)).Certificates.ClusterCsr;
  const right = ca.sign(csr);
  const stranger = new CustomerCa().sign(csr);
  const cases: [{ SignedCert: string; TrustAnchor: string }, RegExp][] = [
    [ca.sign(newRequest()), /not a certificate of the key/],
    [{ ...right, TrustAnchor: stranger.TrustAnchor }, /not issued by/],
    [{ ...right, TrustAnchor: right.SignedCert }, /self-signed/],
    [{ ...right, SignedCert: "no certificate" }, /PEM/],
    [{ ...right, SignedCert: right.SignedCert + right.TrustAnchor }, /one certificate/],
    [{ ...right, TrustAnchor: `${right.TrustAnchor}${"\n".repeat(5_000)}` }, /5000 characters/],
  ];
  for (const [certificates, message] of cases) {
    await assert.rejects(world.call("InitializeCluster", { ClusterId: id, ...certificates }), invalid(message));
  }
  assert.equal((await world.cluster(id)).State, "UNINITIALIZED");
  assert.equal(world.plane.clusters.get(id)!.state, "uninitialized");
  await world.call("InitializeCluster", { ClusterId: id, ...right });
  await assert.rejects(world.call("InitializeCluster", { ClusterId: id, ...right }), invalid(/INITIALIZE_IN_PROGRESS/));
  await world.settle();
  await removed(id);
});

test("an HSM is deleted by any of its names, and only by one of its cluster", async () => {
  const id = await world.activeCluster();
  const second = await world.newHsm(id, "b");
  const [first] = (await world.cluster(id)).Hsms;
  await assert.rejects(world.call("DeleteHsm", { ClusterId: id }), invalid(/must be specified/));
  for (const name of [{ HsmId: "hsm-aaaaaaaaaaa" }, { EniId: "eni-00000000" }, { EniIp: "10.0.0.1" }]) {
    await assert.rejects(
      world.call("DeleteHsm", { ClusterId: id, ...name }),
      refused("CloudHsmResourceNotFoundException"),
    );
  }
  assert.deepEqual(await world.call("DeleteHsm", { ClusterId: id, HsmId: second }), { HsmId: second });
  await assert.rejects(world.call("DeleteHsm", { ClusterId: id, HsmId: second }), invalid(/already/));
  await world.settle();
  assert.deepEqual(
    (await world.cluster(id)).Hsms.map((hsm: any) => hsm.HsmId),
    [first.HsmId],
  );
  await removed(id);
});

test("an HSM that dies is told of, and one that comes back too; the cluster serves while one lives", async () => {
  const id = await world.activeCluster();
  await world.newHsm(id, "b");
  const { hsms } = world.plane.clusters.get(id)!;
  const [one, other] = [...hsms.values()];
  const look = () => world.run("lifecycle");
  one!.alive = false;
  await look();
  await look();
  const seen = await world.cluster(id);
  assert.deepEqual(seen.Hsms.map((hsm: any) => hsm.State).toSorted(), ["ACTIVE", "DEGRADED"]);
  assert.equal(seen.State, "ACTIVE");
  other!.alive = false;
  await look();
  await look();
  assert.equal((await world.cluster(id)).State, "DEGRADED");
  one!.alive = true;
  other!.alive = true;
  await look();
  const back = await world.cluster(id);
  assert.equal(back.State, "ACTIVE");
  assert.deepEqual(
    back.Hsms.map((hsm: any) => hsm.State),
    ["ACTIVE", "ACTIVE"],
  );
  await removed(id);
});

test("of many calls at once one is served", async () => {
  const id = await world.newCluster();
  const each = <T>(work: () => Promise<T>) => Promise.allSettled(Array.from({ length: 5 }, work));
  const served = (answers: PromiseSettledResult<unknown>[]) => answers.filter(({ status }) => status === "fulfilled");
  const made = await each(() => world.call("CreateHsm", { ClusterId: id, AvailabilityZone: "us-east-1a" }));
  assert.equal(served(made).length, 1);
  await world.settle();
  const { Hsms, Certificates } = await world.cluster(id);
  assert.equal(Hsms.length, 1);
  const signed = new CustomerCa().sign(Certificates.ClusterCsr);
  assert.equal(served(await each(() => world.call("InitializeCluster", { ClusterId: id, ...signed }))).length, 1);
  await world.settle();
  const gone = await each(() => world.call("DeleteHsm", { ClusterId: id, HsmId: Hsms[0].HsmId }));
  assert.equal(served(gone).length, 1);
  await world.settle();
  assert.equal(served(await each(() => world.call("DeleteCluster", { ClusterId: id }))).length, 1);
  await world.settle();
});

test("a step that fails is told of and taken again", async () => {
  const id = await world.newCluster();
  world.plane.failures.set("createHsm", new HsmError("failed", "the token folder cannot be written"));
  await world.newHsm(id);
  const [failing] = (await world.cluster(id)).Hsms;
  assert.equal(failing.State, "CREATE_IN_PROGRESS");
  assert.equal(failing.StateMessage, "the token folder cannot be written");
  world.plane.failures.clear();
  await world.settle();
  assert.equal((await world.cluster(id)).Hsms[0].State, "ACTIVE");
  await removed(id);
});

test("an HSM that was made for a cluster that nobody knows any more is not left behind", async () => {
  const emptied = await World.open(undefined, { patienceMs: 10 });
  try {
    const id = await emptied.newCluster();
    const answer = Promise.withResolvers<void>();
    emptied.plane.waits.set("createHsm", answer.promise);
    await emptied.newHsm(id);
    for (const [row, { key }] of emptied.store.rows) if (key.id === id) emptied.store.rows.delete(row);
    answer.resolve();
    while (!emptied.plane.calls.includes(`deleteCluster ${id}`)) await emptied.run("lifecycle");
    assert.equal(emptied.plane.clusters.size, 0);
  } finally {
    await emptied.close();
  }
});

test("an HSM that does not answer holds up its own cluster alone", async () => {
  const impatient = await World.open(undefined, { patienceMs: 10 });
  try {
    const stuck = await impatient.newCluster();
    const answer = Promise.withResolvers<void>();
    impatient.plane.waits.set("createHsm", answer.promise);
    await impatient.newHsm(stuck);
    const other = await impatient.newCluster();
    assert.equal((await impatient.cluster(other)).State, "UNINITIALIZED");
    const calls = impatient.plane.calls.filter((call) => call.startsWith("createHsm"));
    assert.equal(calls.length, 1, "it is not begun again meanwhile");
    answer.resolve();
    while ((await impatient.cluster(stuck)).Hsms[0].State !== "ACTIVE") await impatient.run("lifecycle");
  } finally {
    await impatient.close();
  }
});

test("the HSM type changes one HSM after the other, and back within a day", async () => {
  const subnets = await world.subnets();
  const id = await world.newCluster({ HsmType: "hsm1.medium", SubnetIds: subnets });
  await assert.rejects(
    world.call("ModifyCluster", { ClusterId: id, HsmType: "hsm2m.medium" }),
    invalid(/must be ACTIVE/),
  );
  await world.newHsm(id);
  const { Certificates } = await world.cluster(id);
  await world.call("InitializeCluster", { ClusterId: id, ...new CustomerCa().sign(Certificates.ClusterCsr) });
  await world.settle();
  world.plane.activate(id, "kept");
  await world.settle();
  await world.newHsm(id, "b");
  const before = await world.cluster(id);
  const { Cluster } = await world.call("ModifyCluster", { ClusterId: id, HsmType: "hsm2m.medium" });
  assert.equal(Cluster.State, "MODIFY_IN_PROGRESS");
  await world.settle();
  const after = await world.cluster(id);
  assert.equal(after.State, "ACTIVE");
  assert.equal(after.HsmType, "hsm2m.medium");
  assert.deepEqual(
    after.Hsms.map((hsm: any) => hsm.HsmType),
    ["hsm2m.medium", "hsm2m.medium"],
  );
  assert.ok(after.Hsms.every((hsm: any) => !before.Hsms.some((old: any) => old.HsmId === hsm.HsmId)));
  assert.equal(world.plane.clusters.get(id)!.keys, "kept");
  assert.equal(after.HsmTypeRollbackExpiration.getTime(), world.clock.now() + 86_400_000);
  const back = await world.call("ModifyCluster", { ClusterId: id, HsmType: "hsm1.medium" });
  assert.equal(back.Cluster.State, "ROLLBACK_IN_PROGRESS");
  await world.settle();
  const rolledBack = await world.cluster(id);
  assert.equal(rolledBack.HsmType, "hsm1.medium");
  assert.equal(rolledBack.HsmTypeRollbackExpiration, undefined);
  await assert.rejects(world.call("ModifyCluster", { ClusterId: id, HsmType: "hsm1.medium" }), invalid(/already/));
  await removed(id);
});

test("the quotas of clusters and HSMs", async () => {
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await world.newCluster());
  const input = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: await world.subnets() };
  await assert.rejects(world.call("CreateCluster", input), refused("CloudHsmServiceException", /4 clusters/));
  for (const id of ids) await removed(id);
  // Nor do many at once get more, and those that are refused leave nothing behind.
  const answers = await Promise.allSettled(Array.from({ length: 7 }, () => world.call("CreateCluster", input)));
  const made = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.Cluster] : []));
  assert.equal(made.length, 4);
  const { SecurityGroups } = await world.ec2("DescribeSecurityGroups", {
    Filters: [{ Name: "group-name", Values: ["cloudhsm-*"] }],
  });
  assert.deepEqual(
    SecurityGroups.map((group: any) => group.GroupId).toSorted(),
    made.map((cluster) => cluster.SecurityGroup).toSorted(),
  );
  await world.settle();
  for (const { ClusterId } of made) await removed(ClusterId);
});

test("DescribeClusters filters and pages", async () => {
  const ids = [await world.newCluster(), await world.newCluster(), await world.newCluster()];
  await world.newHsm(ids[1]!);
  const { VpcId } = await world.cluster(ids[0]!);
  const found = async (Filters: object) =>
    (await world.call("DescribeClusters", { Filters })).Clusters.map((each: any) => each.ClusterId);
  assert.deepEqual(new Set(await found({ vpcIds: [VpcId], states: ["UNINITIALIZED"] })), new Set(ids));
  assert.deepEqual(await found({ clusterIds: [ids[2]], states: ["ACTIVE"] }), []);
  assert.deepEqual(await found({ clusterIds: [] }), []);
  await assert.rejects(world.call("DescribeClusters", { Filters: { color: ["red"] } }), invalid(/color/));
  const seen: string[] = [];
  for (let NextToken: string | undefined; ;) {
    const page = await world.call("DescribeClusters", {
      MaxResults: 2,
      Filters: { states: ["UNINITIALIZED"] },
      ...(NextToken ? { NextToken } : {}),
    });
    seen.push(...page.Clusters.map((each: any) => each.ClusterId));
    NextToken = page.NextToken;
    if (NextToken === undefined) break;
  }
  assert.deepEqual(new Set(seen), new Set(ids));
  assert.equal(seen.length, 3);
  await assert.rejects(world.call("DescribeClusters", { NextToken: "nonsense" }), invalid(/NextToken/));
  for (const id of ids) await removed(id);
});

test("each permission is asked for: of CloudHSM, and of EC2 in the caller's name", async () => {
  const [subnet] = await world.subnets();
  const clerk = user("clerk");
  const input = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: [subnet] };
  const create = () => world.call("CreateCluster", input, clerk);
  await assert.rejects(create(), /cloudhsm:CreateCluster/);
  const may = (...actions: string[]) =>
    world.allow(clerk, { Effect: "Allow", Action: ["cloudhsm:*", ...actions], Resource: "*" });
  const ec2 = [
    "ec2:DescribeSubnets",
    "ec2:CreateSecurityGroup",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:DeleteSecurityGroup",
  ];
  for (let given = 0; given < 5; given++) {
    may(...ec2.slice(0, given), "ec2:DeleteSecurityGroup");
    await assert.rejects(create(), refused("CloudHsmAccessDeniedException", new RegExp(ec2[given]!)));
  }
  may(...ec2);
  const { Cluster } = await create();
  await world.settle();
  const arn = `arn:aws:cloudhsm:${region}:${admin.account}:cluster/${Cluster.ClusterId}`;
  world.allow(clerk, { Effect: "Allow", Action: "cloudhsm:*", Resource: `${arn}x` });
  for (const operation of ["InitializeCluster", "DeleteCluster", "ModifyCluster", "CreateHsm"]) {
    const given = { ClusterId: Cluster.ClusterId, SignedCert: "x", TrustAnchor: "x", AvailabilityZone: "us-east-1a" };
    await assert.rejects(world.call(operation, given, clerk), new RegExp(`cloudhsm:${operation} on resource: ${arn}`));
  }
  world.allow(clerk, {
    Effect: "Allow",
    Action: "cloudhsm:TagResource",
    Resource: arn,
    Condition: { StringEquals: { "aws:RequestTag/team": "keys" } },
  });
  const tag = (Value: string) =>
    world.call("TagResource", { ResourceId: Cluster.ClusterId, TagList: [{ Key: "team", Value }] }, clerk);
  await assert.rejects(tag("others"), /cloudhsm:TagResource/);
  await tag("keys");
  world.allow(clerk, {
    Effect: "Allow",
    Action: "cloudhsm:ListTags",
    Resource: "*",
    Condition: { StringEquals: { "aws:ResourceTag/team": "keys" } },
  });
  const { TagList } = await world.call("ListTags", { ResourceId: Cluster.ClusterId }, clerk);
  assert.deepEqual(TagList, [{ Key: "team", Value: "keys" }]);
  await removed(Cluster.ClusterId);
});

test("tags: fifty at the most, none of AWS's, pages", async () => {
  const id = await world.newCluster();
  const tags = Array.from({ length: 50 }, (_, n) => ({ Key: `k${String(n).padStart(2, "0")}`, Value: "v" }));
  await world.call("TagResource", { ResourceId: id, TagList: tags });
  await assert.rejects(
    world.call("TagResource", { ResourceId: id, TagList: [{ Key: "one more", Value: "" }] }),
    refused("CloudHsmResourceLimitExceededException"),
  );
  const first = await world.call("ListTags", { ResourceId: id, MaxResults: 30 });
  const second = await world.call("ListTags", { ResourceId: id, MaxResults: 30, NextToken: first.NextToken });
  assert.deepEqual([...first.TagList, ...second.TagList], tags);
  await world.call("UntagResource", { ResourceId: id, TagKeyList: ["k00", "no such"] });
  assert.equal((await world.call("ListTags", { ResourceId: id })).TagList.length, 49);
  await assert.rejects(
    world.call("TagResource", { ResourceId: id, TagList: [{ Key: "aws:a", Value: "" }] }),
    refused("CloudHsmTagException"),
  );
  await assert.rejects(
    world.call("ListTags", { ResourceId: "backup-aaaaaaaaaaa" }),
    refused("CloudHsmResourceNotFoundException"),
  );
  await removed(id);
});

test("the trail records what AWS's does", async () => {
  const id = await world.newCluster();
  await world.newHsm(id);
  const record = world.records().findLast(({ eventName }) => eventName === "CreateHsm")!;
  assert.equal(record["eventSource"], "cloudhsm.amazonaws.com");
  assert.deepEqual(record["requestParameters"], { availabilityZone: "us-east-1a", clusterId: id });
  const { hsm } = record["responseElements"];
  assert.equal(hsm.state, "CREATE_IN_PROGRESS");
  assert.equal(hsm.clusterId, id);
  assert.equal(hsm.availabilityZone, "us-east-1a");
  assert.match(hsm.hsmId, /^hsm-/);
  const group = world.records().findLast(({ eventName }) => eventName === "CreateSecurityGroup")!;
  assert.equal(group["userIdentity"].arn, admin.arn);
  assert.equal(group["requestParameters"].groupName, `cloudhsm-${id}-sg`);
  await removed(id);
});
