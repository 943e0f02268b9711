/** CloudHSM key stores over a plane whose every failure a test can bring about. The real plane: test/conformance/kmsHsmStores.test.ts. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { account, otherAccount, region, user, World } from "./testing.ts";
import {
  aCluster,
  authority,
  ca,
  clusterId,
  clusters,
  connected,
  describeStore,
  eachOnItsOwn,
  errorOf,
  first,
  firstPassword,
  newKey,
  newStore,
  plane,
  wanted,
  world,
  type Json,
} from "./testingHsm.ts";

eachOnItsOwn();

describe("a store", () => {
  test("says what it is, and no secret; AWS_CLOUDHSM is the default type", async () => {
    const id = await newStore();
    assert.match(id, /^cks-[0-9a-f]{17}$/);
    const { CreationDate, ...rest } = await describeStore(id);
    assert.ok(CreationDate instanceof Date);
    assert.deepEqual(rest, {
      CustomKeyStoreId: id,
      CustomKeyStoreName: "store",
      CustomKeyStoreType: "AWS_CLOUDHSM",
      CloudHsmClusterId: clusterId,
      TrustAnchorCertificate: ca.anchor,
      ConnectionState: "DISCONNECTED",
    });
    const record = world.records().find(({ eventName }) => eventName === "CreateCustomKeyStore")!;
    assert.deepEqual(record["requestParameters"], { customKeyStoreName: "store", clusterId });
    assert.equal(JSON.stringify(world.records()).includes(firstPassword), false);
  });

  const refusals: [what: string, code: string, prepare: () => Promise<Json> | Json][] = [
    [
      "of a cluster that is not there",
      "CloudHsmClusterNotFoundException",
      () => ({ CloudHsmClusterId: "cluster-bbbbbbb2345" }),
    ],
    [
      "of a cluster that was deleted",
      "CloudHsmClusterNotFoundException",
      async () => (await aCluster(clusterId, { State: "DELETED" }), {}),
    ],
    [
      "of a cluster that is not active",
      "CloudHsmClusterNotActiveException",
      async () => (await aCluster(clusterId, { State: "INITIALIZED" }), {}),
    ],
    [
      "of a cluster with one HSM",
      "CloudHsmClusterInvalidConfigurationException",
      async () => (clusters.get(clusterId)!.Hsms.pop(), {}),
    ],
    [
      "of a cluster whose HSMs are in one zone",
      "CloudHsmClusterInvalidConfigurationException",
      async () => ((clusters.get(clusterId)!.Hsms[1]!.AvailabilityZone = `${region}a`), {}),
    ],
    [
      "of a cluster with an HSM that is only being made",
      "CloudHsmClusterInvalidConfigurationException",
      async () => ((clusters.get(clusterId)!.Hsms[1]!.State = "CREATE_IN_PROGRESS"), {}),
    ],
    [
      "of a cluster in one subnet",
      "CloudHsmClusterInvalidConfigurationException",
      async () => (delete clusters.get(clusterId)!.SubnetMapping[`${region}b`], {}),
    ],
    [
      "with the anchor of somebody else",
      "IncorrectTrustAnchorException",
      async () => ({ TrustAnchorCertificate: (await authority("customer")).anchor }),
    ],
    [
      "with the cluster's own certificate as the anchor",
      "IncorrectTrustAnchorException",
      () => ({ TrustAnchorCertificate: clusters.get(clusterId)!.Certificates.ClusterCertificate }),
    ],
    [
      "with an anchor that is no certificate",
      "IncorrectTrustAnchorException",
      () => ({ TrustAnchorCertificate: "none" }),
    ],
    ["without an anchor", "ValidationException", () => ({ TrustAnchorCertificate: undefined })],
    ["without a password", "ValidationException", () => ({ KeyStorePassword: undefined })],
    ["with the address of a proxy", "ValidationException", () => ({ XksProxyUriEndpoint: "https://proxy.example" })],
  ];
  for (const [what, code, prepare] of refusals) {
    test(`${what} is refused`, async () => {
      const change = await prepare();
      assert.equal((await errorOf(world.call("CreateCustomKeyStore", wanted("store", change)))).code, code);
      assert.deepEqual((await world.call("DescribeCustomKeyStores")).CustomKeyStores, []);
    });
  }

  test("each name and each cluster once; a cluster of the same backup history counts as the same", async () => {
    const id = await newStore("one");
    assert.equal((await errorOf(newStore("two"))).code, "CloudHsmClusterInUseException");
    const { Certificates } = clusters.get(clusterId)!;
    await aCluster("cluster-ccccccc2345", { Certificates });
    const restored = { CloudHsmClusterId: "cluster-ccccccc2345" };
    const { code } = await errorOf(world.call("CreateCustomKeyStore", wanted("three", restored)));
    assert.equal(code, "CloudHsmClusterInUseException");
    await aCluster("cluster-ddddddd2345");
    const another = { CloudHsmClusterId: "cluster-ddddddd2345" };
    assert.equal(
      (await errorOf(world.call("CreateCustomKeyStore", wanted("one", another)))).code,
      "CustomKeyStoreNameInUseException",
    );
    await world.call("DeleteCustomKeyStore", { CustomKeyStoreId: id });
    await newStore("one");
  });

  test("of a cluster that several want at once is made once", async () => {
    const made = await Promise.allSettled(["a", "b", "c", "d"].map((name) => newStore(name)));
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
    for (const each of made) {
      if (each.status === "rejected") assert.equal(each.reason.code, "CloudHsmClusterInUseException");
    }
  });

  test("is nothing to another account, and nothing to whoever may not", async () => {
    const id = await newStore();
    const calls: [operation: string, input: Json][] = [
      ["UpdateCustomKeyStore", { NewCustomKeyStoreName: "mine" }],
      ["ConnectCustomKeyStore", {}],
      ["DisconnectCustomKeyStore", {}],
      ["DeleteCustomKeyStore", {}],
      ["DescribeCustomKeyStores", {}],
      ["CreateKey", { Origin: "AWS_CLOUDHSM" }],
      ["GenerateRandom", { NumberOfBytes: 8 }],
    ];
    for (const [operation, input] of calls) {
      const asked = { CustomKeyStoreId: id, ...input };
      const other = await errorOf(world.call(operation, asked, { as: user("admin", otherAccount) }));
      assert.equal(other.code, "CustomKeyStoreNotFoundException", operation);
      assert.match(
        (await errorOf(world.call(operation, asked, { as: user("nobody") }))).code,
        /^AccessDenied/,
        operation,
      );
    }
    assert.equal((await describeStore(id)).ConnectionState, "DISCONNECTED");
  });

  test("is made with the caller's own right to see the cluster", async () => {
    const maker = user("maker");
    world.allow(maker, { Effect: "Allow", Action: "kms:*", Resource: "*" });
    assert.match(
      (await errorOf(world.call("CreateCustomKeyStore", wanted("x"), { as: maker }))).message,
      /cloudhsm:DescribeClusters/,
    );
    world.allow(maker, { Effect: "Allow", Action: ["kms:*", "cloudhsm:DescribeClusters"], Resource: "*" });
    await world.call("CreateCustomKeyStore", wanted("x"), { as: maker });
  });

  test("changes its name, its password and its cluster, each when it may", async () => {
    const id = await newStore();
    await connected(id);
    const update = (change: Json) => world.call("UpdateCustomKeyStore", { CustomKeyStoreId: id, ...change });
    await update({ NewCustomKeyStoreName: "renamed" });
    assert.equal((await describeStore(id)).CustomKeyStoreName, "renamed");
    const refused = "CustomKeyStoreInvalidStateException";
    assert.equal((await errorOf(update({ KeyStorePassword: "another-one" }))).code, refused);
    assert.equal((await errorOf(update({ CloudHsmClusterId: clusterId }))).code, refused);
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: id });
    await aCluster("cluster-ddddddd2345");
    assert.equal(
      (await errorOf(update({ CloudHsmClusterId: "cluster-ddddddd2345" }))).code,
      "CloudHsmClusterNotRelatedException",
    );
    assert.equal((await errorOf(update({ XksProxyUriPath: "/kms/xks/v1" }))).code, "ValidationException");
    await aCluster("cluster-ccccccc2345", { Certificates: clusters.get(clusterId)!.Certificates });
    await update({ CloudHsmClusterId: "cluster-ccccccc2345" });
    assert.equal((await describeStore(id)).CloudHsmClusterId, "cluster-ccccccc2345");
    plane.user!.password = "set-by-an-officer";
    await update({ KeyStorePassword: "set-by-an-officer" });
    await connected(id);
  });
});

describe("connecting", () => {
  test("takes a moment, and gives kmsuser a password that nobody else knows", async () => {
    const id = await newStore();
    await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
    assert.equal((await describeStore(id)).ConnectionState, "CONNECTING");
    await world.run("kms-key-stores");
    assert.equal((await describeStore(id)).ConnectionState, "CONNECTED");
    assert.notEqual(plane.user!.password, firstPassword);
    assert.ok(plane.user!.password.length >= 7 && plane.user!.password.length <= 32);
    const kept = JSON.stringify([
      ...(await world.store.list({ account, region, service: "kms", type: "keyStore", limit: 9 })).items,
    ]);
    assert.equal(kept.includes(plane.user!.password) || kept.includes(firstPassword), false);
    // Connected again, it goes on as it is.
    const { password } = plane.user!;
    await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
    await world.run("kms-key-stores");
    assert.equal(plane.user!.password, password);
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: id });
    await connected(id);
    assert.notEqual(plane.user!.password, password);
  });

  const failures: [code: string, prepare: () => void][] = [
    ["CLUSTER_NOT_FOUND", () => plane.clusterIds.clear()],
    ["INSUFFICIENT_CLOUDHSM_HSMS", () => (plane.alive = 0)],
    ["INSUFFICIENT_CLOUDHSM_HSMS", () => ([plane.alive, plane.state] = [0, "empty"])],
    ["INVALID_CREDENTIALS", () => (plane.user!.password = "another password")],
    ["USER_LOCKED_OUT", () => (plane.user!.failed = 5)],
    ["USER_NOT_FOUND", () => (plane.user = undefined)],
    ["USER_NOT_FOUND", () => (plane.user!.role = "admin")],
    ["USER_LOGGED_IN", () => (plane.others = 1)],
  ];
  for (const [code, prepare] of failures) {
    test(`fails with ${code}, and succeeds once that is mended`, async () => {
      const id = await newStore();
      const { user: before } = plane;
      prepare();
      await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
      await world.run("kms-key-stores");
      // What may pass by itself is waited for.
      if ((await describeStore(id)).ConnectionState === "CONNECTING") world.clock.advance(15_000);
      await world.run("kms-key-stores");
      const failed = await describeStore(id);
      assert.deepEqual([failed.ConnectionState, failed.ConnectionErrorCode], ["FAILED", code]);
      const again = await errorOf(world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id }));
      assert.equal(again.code, "CustomKeyStoreInvalidStateException");
      assert.equal((await errorOf(world.call("DeleteCustomKeyStore", { CustomKeyStoreId: id }))).code, again.code);
      plane.clusterIds.add(clusterId);
      [plane.alive, plane.others, plane.state] = [2, 0, "active"];
      plane.user = { ...before!, password: firstPassword, failed: 0, role: "crypto-user" };
      await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: id });
      await connected(id);
    });
  }

  test("that does not reach the plane fails with NETWORK_ERRORS", async () => {
    const id = await newStore();
    await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
    plane.fails = "unavailable";
    await world.run("kms-key-stores");
    world.clock.advance(15_000);
    await world.run("kms-key-stores");
    assert.equal((await describeStore(id)).ConnectionErrorCode, "NETWORK_ERRORS");
  });

  test("waits for modules that are just starting, and for who is about to log out", async () => {
    for (const passes of [
      (at: boolean) => (plane.alive = at ? 0 : 2),
      (at: boolean) => (plane.others = at ? 1 : 0),
      (at: boolean) => (plane.fails = at ? "unavailable" : undefined),
    ]) {
      plane.user = { password: firstPassword, failed: 0, role: "crypto-user" };
      const id = await newStore();
      await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
      passes(true);
      await world.run("kms-key-stores");
      world.clock.advance(2_000);
      await world.run("kms-key-stores");
      assert.equal((await describeStore(id)).ConnectionState, "CONNECTING");
      passes(false);
      await world.run("kms-key-stores");
      assert.equal((await describeStore(id)).ConnectionState, "CONNECTED");
      await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: id });
      await world.call("DeleteCustomKeyStore", { CustomKeyStoreId: id });
    }
  });

  test("is refused of a cluster that is not active", async () => {
    const id = await newStore();
    plane.state = "initialized";
    const { code } = await errorOf(world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id }));
    assert.equal(code, "CloudHsmClusterNotActiveException");
  });

  test("goes on after it was killed right after the password was changed", async () => {
    const id = await newStore();
    await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
    plane.dies = true;
    await world.run("kms-key-stores");
    assert.equal((await describeStore(id)).ConnectionState, "CONNECTING");
    await world.run("kms-key-stores");
    assert.equal((await describeStore(id)).ConnectionState, "CONNECTED");
    assert.equal(plane.user!.failed, 0);
    await newKey(id);
  });

  test("that is given up ends disconnected, with the password that kmsuser has", async () => {
    const id = await newStore();
    await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
    plane.dies = true;
    await world.run("kms-key-stores");
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: id });
    assert.equal((await describeStore(id)).ConnectionState, "DISCONNECTING");
    assert.equal(
      (await errorOf(world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id }))).code,
      "CustomKeyStoreInvalidStateException",
    );
    await world.run("kms-key-stores");
    assert.equal((await describeStore(id)).ConnectionState, "DISCONNECTED");
    await connected(id);
  });

  test("wrong passwords count no more often than they are tried", async () => {
    const id = await newStore();
    plane.user!.password = "another password";
    for (let tries = 1; tries <= 3; tries++) {
      await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: id });
      await world.run("kms-key-stores");
      assert.equal(plane.user!.failed, tries);
      await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: id });
    }
  });
});

test("where no HSM is served, no cluster is found", async () => {
  const bare = World.beside(first);
  assert.equal(
    (await errorOf(bare.call("CreateCustomKeyStore", wanted(randomUUID())))).code,
    "CloudHsmClusterNotFoundException",
  );
});
