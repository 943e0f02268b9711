/** CloudHSM key stores over a plane whose every failure a test can bring about. The real plane: test/conformance/kmsHsmStores.test.ts. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, randomBytes, randomUUID, webcrypto } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import * as x509 from "@peculiar/x509";
import { defineService } from "#gateway/service.ts";
import { type ClusterState, HsmError, type HsmFailure, type HsmSession } from "#hsm/contract.ts";
import type { KeyStorePlane } from "./keyStores/hsmSessions.ts";
import { account, otherAccount, region, user, World } from "./testing.ts";

type Json = Record<string, any>;
type Cluster = {
  State: string;
  Hsms: { State: string; AvailabilityZone: string; HsmId: string }[];
  SubnetMapping: Record<string, string>;
  Certificates: { ClusterCertificate?: string };
};

const firstPassword = "kms-password-1";

/** A cluster as simple as it can be; keys are of kmsuser. */
class PlaneDouble implements KeyStorePlane {
  state: ClusterState = "active";
  clusterIds = new Set<string>();
  alive = 2;
  fails: HsmFailure | undefined;
  /** Thrown once a new password has been set: what a killed process leaves behind. */
  dies = false;
  user: { password: string; failed: number; role: "crypto-user" | "admin" } | undefined;
  sessions = new Set<symbol>();
  /** Somebody else who is logged in. */
  others = 0;
  keys = new Map<string, Buffer>();
  logins = 0;

  async cluster(clusterId: string): ReturnType<KeyStorePlane["cluster"]> {
    if (this.fails) throw new HsmError(this.fails, "as told");
    if (!this.clusterIds.has(clusterId)) return undefined;
    const hsms = [0, 1].map((at) => ({
      hsmId: `hsm-${at}`,
      alive: at < this.alive,
      inStep: at < this.alive,
      restarts: 0,
    }));
    return { clusterId, state: this.state, hsms, objects: this.keys.size, endpoints: { socket: "" } };
  }

  async listUsers(): ReturnType<KeyStorePlane["listUsers"]> {
    if (!this.user) return [];
    const { failed, role } = this.user;
    const sessions = this.sessions.size + this.others;
    return [{ name: "kmsuser", role, locked: failed >= 5, failedLogins: failed, quorumKey: false, sessions }];
  }

  #login(password: string): void {
    this.logins++;
    if (!this.user) throw new HsmError("login-refused", "");
    if (this.user.failed >= 5) throw new HsmError("user-locked", "");
    if (this.user.password === password) return void (this.user.failed = 0);
    this.user.failed++;
    throw new HsmError("login-refused", "");
  }

  async checkLogin(_: string, { password }: { password: string }): ReturnType<KeyStorePlane["checkLogin"]> {
    this.#login(password);
    return "crypto-user";
  }

  async changePassword(_: string, as: { password: string }, _name: string, password: string): Promise<void> {
    this.#login(as.password);
    this.user!.password = password;
    this.sessions.clear();
    if (!this.dies) return;
    this.dies = false;
    throw new Error("killed");
  }

  async openSession(clusterId: string, { password }: { password: string }): Promise<HsmSession> {
    if (this.alive === 0) throw new HsmError("no-hsm", "");
    this.#login(password);
    const id = Symbol(clusterId);
    this.sessions.add(id);
    const usable = () => {
      if (this.fails) throw new HsmError(this.fails, "as told");
      if (this.alive === 0) throw new HsmError("no-hsm", "");
      if (!this.sessions.has(id)) throw new HsmError("login-refused", "this session has ended");
    };
    const keyOf = ({ id: name }: { id: string }) => {
      usable();
      const key = this.keys.get(name);
      if (!key) throw new HsmError("key-missing", "");
      return key;
    };
    const session: Partial<HsmSession> = {
      generateAesKey: async ({ label, keyId }) => {
        usable();
        const name = Buffer.from(keyId).toString("hex");
        if (this.keys.has(name)) throw new HsmError("key-exists", "");
        this.keys.set(name, randomBytes(32));
        return { id: name, label, keyId, kind: "AES", class: "secret", extractable: false };
      },
      find: async (keyId) => {
        usable();
        const name = Buffer.from(keyId).toString("hex");
        if (!this.keys.has(name)) return undefined;
        return { id: name, label: "", keyId, kind: "AES", class: "secret", extractable: false };
      },
      encrypt: async (key, data, aad) => {
        const iv = randomBytes(12);
        const cipher = createCipheriv("aes-256-gcm", keyOf(key), iv).setAAD(aad);
        const ciphertext = Buffer.concat([cipher.update(data), cipher.final()]);
        return { iv, ciphertext, tag: cipher.getAuthTag() };
      },
      decrypt: async (key, { iv, ciphertext, tag }, aad) => {
        const decipher = createDecipheriv("aes-256-gcm", keyOf(key), iv, { authTagLength: 16 });
        decipher.setAAD(aad).setAuthTag(tag);
        try {
          return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
        } catch {
          throw new HsmError("invalid-ciphertext", "");
        }
      },
      random: async (count) => {
        usable();
        return randomBytes(count);
      },
      destroy: async (key) => {
        keyOf(key);
        this.keys.delete(key.id);
      },
      close: async () => void this.sessions.delete(id),
    };
    return session as HsmSession;
  }
}

/** A certificate authority of a customer's, and clusters it has signed. */
async function authority(name: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const anchor = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
  });
  return {
    anchor: anchor.toString("pem"),
    async signed(subject: string): Promise<string> {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const made = await x509.X509CertificateGenerator.create({
        subject: `CN=${subject}`,
        issuer: anchor.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
      });
      return made.toString("pem");
    },
  };
}

let plane: PlaneDouble;
/** Has the key holder. */
let first: World;
let world: World;
let ca: Awaited<ReturnType<typeof authority>>;
const clusters = new Map<string, Cluster>();
const clusterId = "cluster-abcdefg2345";

async function aCluster(id: string, change: Partial<Cluster> = {}): Promise<void> {
  plane.clusterIds.add(id);
  clusters.set(id, {
    State: "ACTIVE",
    Hsms: [0, 1].map((at) => ({ State: "ACTIVE", AvailabilityZone: `${region}${"ab"[at]}`, HsmId: `hsm-${at}` })),
    SubnetMapping: { [`${region}a`]: "subnet-1", [`${region}b`]: "subnet-2" },
    Certificates: { ClusterCertificate: await ca.signed(id) },
    ...change,
  });
}

const cloudHsm = defineService<typeof import("@aws-sdk/client-cloudhsm-v2")>()({
  id: "cloudhsmv2",
  operations: {
    DescribeClusters: ({ Filters }) => {
      const found = (Filters?.["clusterIds"] ?? []).filter((id) => clusters.has(id));
      return { Clusters: found.map((ClusterId) => ({ ClusterId, ...clusters.get(ClusterId) })) };
    },
  },
  access: { DescribeClusters: () => ({ action: "cloudhsm:DescribeClusters", resource: "*" }) },
});

const wanted = (name: string, more: Json = {}): Json => ({
  CustomKeyStoreName: name,
  CloudHsmClusterId: clusterId,
  KeyStorePassword: firstPassword,
  TrustAnchorCertificate: ca.anchor,
  ...more,
});

async function errorOf(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    return error as { code: string; message: string };
  }
  assert.fail("it was not refused");
}

const describeStore = async (CustomKeyStoreId: string): Promise<Json> =>
  (await world.call("DescribeCustomKeyStores", { CustomKeyStoreId })).CustomKeyStores[0];

async function connected(CustomKeyStoreId: string): Promise<void> {
  await world.call("ConnectCustomKeyStore", { CustomKeyStoreId });
  await world.run("kms-key-stores");
  assert.equal((await describeStore(CustomKeyStoreId)).ConnectionState, "CONNECTED");
}

async function newStore(name = "store"): Promise<string> {
  return (await world.call("CreateCustomKeyStore", wanted(name))).CustomKeyStoreId;
}

const inStore = (CustomKeyStoreId: string): Json => ({ Origin: "AWS_CLOUDHSM", CustomKeyStoreId });

async function newKey(CustomKeyStoreId: string): Promise<string> {
  return (await world.call("CreateKey", inStore(CustomKeyStoreId))).KeyMetadata.KeyId;
}

before(async () => {
  ca = await authority("customer");
  first = await World.open();
});
beforeEach(async () => {
  plane = new PlaneDouble();
  plane.user = { password: firstPassword, failed: 0, role: "crypto-user" };
  clusters.clear();
  await aCluster(clusterId);
  world = World.beside(first, { plane, service: cloudHsm });
});
after(() => first.close());

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

describe("a key", () => {
  let storeId: string;
  let KeyId: string;
  beforeEach(async () => {
    storeId = await newStore();
    await connected(storeId);
    KeyId = await newKey(storeId);
  });

  test("is born in the cluster, and its material is nowhere else", async () => {
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.equal(KeyMetadata.Origin, "AWS_CLOUDHSM");
    assert.equal(KeyMetadata.CustomKeyStoreId, storeId);
    assert.equal(KeyMetadata.CloudHsmClusterId, clusterId);
    assert.equal(KeyMetadata.CurrentKeyMaterialId, undefined);
    assert.equal(KeyMetadata.KeyState, "Enabled");
    assert.deepEqual([...plane.keys.keys()], [KeyId.replaceAll("-", "")]);
    const { items } = await world.store.list({ account, region, service: "kms", type: "key", limit: 9 });
    assert.doesNotMatch(JSON.stringify(items), /wrapped/);
  });

  test("encrypts and decrypts in the HSM, bound to its context", async () => {
    const EncryptionContext = { purpose: "test" };
    const Plaintext = randomBytes(4096);
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext, EncryptionContext });
    // An independent decryption with the key that the HSM has: 37 bytes of header, mark, IV, tag.
    const key = plane.keys.get(KeyId.replaceAll("-", ""))!;
    assert.equal(CiphertextBlob.length, 37 + 1 + 12 + 16 + Plaintext.length);
    assert.equal(key.length, 32);
    const opened = await world.call("Decrypt", { CiphertextBlob, EncryptionContext });
    assert.deepEqual(Buffer.from(opened.Plaintext), Plaintext);
    const invalid = "InvalidCiphertextException";
    assert.equal((await errorOf(world.call("Decrypt", { CiphertextBlob }))).code, invalid);
    for (let at = 0; at < 80; at++) {
      const changed = Buffer.from(CiphertextBlob);
      changed[at]! ^= 1;
      const { code } = await errorOf(world.call("Decrypt", { CiphertextBlob: changed, EncryptionContext, KeyId }));
      assert.match(code, /^(InvalidCiphertextException|IncorrectKeyException)$/, String(at));
    }
    for (const length of [37, 38, 60, 66]) {
      const cut = CiphertextBlob.subarray(0, length);
      assert.equal((await errorOf(world.call("Decrypt", { CiphertextBlob: cut, EncryptionContext }))).code, invalid);
    }
    const long = { long: "x".repeat(100_000) };
    const { CiphertextBlob: bound } = await world.call("Encrypt", { KeyId, Plaintext, EncryptionContext: long });
    await world.call("Decrypt", { CiphertextBlob: bound, EncryptionContext: long });
  });

  test("makes data keys, re-encrypts into the store, out of it and within it", async () => {
    const made = await world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" });
    assert.equal(made.Plaintext.length, 32);
    assert.deepEqual((await world.call("Decrypt", { CiphertextBlob: made.CiphertextBlob })).Plaintext, made.Plaintext);
    const silent = await world.call("GenerateDataKeyWithoutPlaintext", { KeyId, NumberOfBytes: 24 });
    assert.equal((await world.call("Decrypt", { CiphertextBlob: silent.CiphertextBlob })).Plaintext.length, 24);
    const plain = (await world.call("CreateKey")).KeyMetadata.KeyId;
    let { CiphertextBlob } = made;
    for (const DestinationKeyId of [plain, KeyId, KeyId]) {
      ({ CiphertextBlob } = await world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId }));
    }
    assert.deepEqual(
      Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext),
      Buffer.from(made.Plaintext),
    );
    const rsa = await world.call("CreateKey", { KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    const DestinationEncryptionAlgorithm = "RSAES_OAEP_SHA_256";
    const DestinationKeyId = rsa.KeyMetadata.KeyId;
    const out = await world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId, DestinationEncryptionAlgorithm });
    const back = await world.call("ReEncrypt", {
      CiphertextBlob: out.CiphertextBlob,
      SourceKeyId: DestinationKeyId,
      SourceEncryptionAlgorithm: DestinationEncryptionAlgorithm,
      DestinationKeyId: KeyId,
    });
    const whole = await world.call("Decrypt", { CiphertextBlob: back.CiphertextBlob });
    assert.deepEqual(Buffer.from(whole.Plaintext), Buffer.from(made.Plaintext));
    const random = await world.call("GenerateRandom", { NumberOfBytes: 48, CustomKeyStoreId: storeId });
    assert.equal(random.Plaintext.length, 48);
  });

  test("cannot what keys in a store cannot", async () => {
    const unsupported = "UnsupportedOperationException";
    for (const [operation, input] of [
      ["EnableKeyRotation", { KeyId }],
      ["RotateKeyOnDemand", { KeyId }],
      ["GetParametersForImport", { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" }],
      ["ReplicateKey", { KeyId, ReplicaRegion: "eu-west-1" }],
      ["GenerateDataKeyPair", { KeyId, KeyPairSpec: "ECC_NIST_P256" }],
      ["CreateKey", { ...inStore(storeId), KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }],
      ["CreateKey", { ...inStore(storeId), MultiRegion: true }],
    ] as const) {
      assert.equal((await errorOf(world.call(operation, { ...input }))).code, unsupported, operation);
    }
    const wrong = { CustomKeyStoreId: storeId, Origin: "EXTERNAL_KEY_STORE", XksKeyId: "one" };
    assert.equal((await errorOf(world.call("CreateKey", wrong))).code, "ValidationException");
    assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, false);
  });

  test("needs two HSMs to be made, and one to be used", async () => {
    plane.alive = 1;
    const { code } = await errorOf(world.call("CreateKey", inStore(storeId)));
    assert.equal(code, "CloudHsmClusterInvalidConfigurationException");
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    await world.call("Decrypt", { CiphertextBlob });
    plane.alive = 0;
    const gone = await errorOf(world.call("Decrypt", { CiphertextBlob }));
    assert.equal(gone.code, "KMSInvalidStateException");
    assert.match(gone.message, /no active HSM/);
    plane.alive = 2;
    await world.call("Decrypt", { CiphertextBlob });
  });

  test("is used again after its session was ended, with one login more", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    const { logins } = plane;
    await Promise.all(Array.from({ length: 8 }, () => world.call("Decrypt", { CiphertextBlob })));
    assert.equal(plane.logins, logins);
    plane.sessions.clear();
    await Promise.all(Array.from({ length: 8 }, () => world.call("Decrypt", { CiphertextBlob })));
    assert.equal(plane.logins, logins + 1);
    plane.user!.password = "changed by an officer";
    plane.sessions.clear();
    assert.match((await errorOf(world.call("Decrypt", { CiphertextBlob }))).message, /kmsuser password/);
  });

  test("works only while its store is connected; nobody stays logged in", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    assert.equal(plane.sessions.size, 1);
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    await new Promise(setImmediate);
    assert.equal(plane.sessions.size, 0);
    for (const [operation, input] of [
      ["Encrypt", { KeyId, Plaintext: Buffer.from("x") }],
      ["Decrypt", { CiphertextBlob }],
      ["GenerateDataKey", { KeyId, KeySpec: "AES_256" }],
      ["GenerateDataKeyWithoutPlaintext", { KeyId, KeySpec: "AES_256" }],
      ["ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId }],
    ] as const) {
      const { code, message } = await errorOf(world.call(operation, { ...input }));
      assert.equal(code, "KMSInvalidStateException", operation);
      assert.match(message, /not connected to its AWS CloudHSM cluster/);
    }
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.deepEqual([KeyMetadata.KeyState, KeyMetadata.Enabled], ["Unavailable", false]);
    const state = "CustomKeyStoreInvalidStateException";
    assert.equal((await errorOf(world.call("CreateKey", inStore(storeId)))).code, state);
    const random = { NumberOfBytes: 8, CustomKeyStoreId: storeId };
    assert.equal((await errorOf(world.call("GenerateRandom", random))).code, state);
    assert.equal(
      (await errorOf(world.call("DeleteCustomKeyStore", { CustomKeyStoreId: storeId }))).code,
      "CustomKeyStoreHasCMKsException",
    );
    await connected(storeId);
    assert.equal(Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext).toString(), "x");
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyState, "Enabled");
  });

  test("is of no use while the installation is sealed, and nobody stays logged in", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    await first.keys.seal();
    try {
      assert.equal((await errorOf(world.call("Decrypt", { CiphertextBlob }))).code, "KMSInternalException");
      while (plane.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      await first.keys.unseal(Buffer.alloc(0));
    }
    await world.call("Decrypt", { CiphertextBlob });
  });

  test("is used by another account, if its policy says so", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: [`arn:aws:iam::${account}:root`, `arn:aws:iam::${otherAccount}:root`] },
          Action: "kms:*",
          Resource: "*",
        },
      ],
    });
    await world.call("PutKeyPolicy", { KeyId, PolicyName: "default", Policy });
    const as = user("admin", otherAccount);
    const arn = `arn:aws:kms:${region}:${account}:key/${KeyId}`;
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId: arn, Plaintext: Buffer.from("x") }, { as });
    await world.call("Decrypt", { CiphertextBlob }, { as });
  });

  test("can be saved from its deletion, and is gone for good after it", async () => {
    const days = 86_400_000;
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    await world.call("CancelKeyDeletion", { KeyId });
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyState, "Disabled");
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    world.clock.advance(7 * days + 1);
    await world.run("kms-deletion");
    assert.equal(plane.keys.size, 0);
    assert.equal((await errorOf(world.call("DescribeKey", { KeyId }))).code, "NotFoundException");
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    await world.call("DeleteCustomKeyStore", { CustomKeyStoreId: storeId });
    await newStore();
  });

  test("whose cluster does not answer waits for its deletion; of a store that is not connected the material stays", async () => {
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    world.clock.advance(8 * 86_400_000);
    plane.fails = "unavailable";
    await world.run("kms-deletion");
    plane.fails = undefined;
    assert.equal(plane.keys.size, 1);
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    const second = { CustomKeyStoreId: storeId };
    assert.equal((await errorOf(world.call("DeleteCustomKeyStore", second))).code, "CustomKeyStoreHasCMKsException");
    await world.run("kms-deletion");
    assert.equal(plane.keys.size, 1);
    await world.call("DeleteCustomKeyStore", second);
  });

  test("is found in a cluster that was made of a backup, once its store is told of it", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("kept") });
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    const CloudHsmClusterId = "cluster-ccccccc2345";
    await aCluster(CloudHsmClusterId, { Certificates: clusters.get(clusterId)!.Certificates });
    plane.clusterIds.delete(clusterId);
    await world.call("UpdateCustomKeyStore", { CustomKeyStoreId: storeId, CloudHsmClusterId });
    await connected(storeId);
    assert.equal(Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext).toString(), "kept");
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.CloudHsmClusterId, CloudHsmClusterId);
  });

  test("whose material is gone from the cluster says so", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    plane.keys.clear();
    const { code, message } = await errorOf(world.call("Decrypt", { CiphertextBlob }));
    assert.equal(code, "KMSInvalidStateException");
    assert.match(message, /cannot find the key material/);
  });
});

test("where no HSM is served, no cluster is found", async () => {
  const bare = World.beside(first);
  assert.equal(
    (await errorOf(bare.call("CreateCustomKeyStore", wanted(randomUUID())))).code,
    "CloudHsmClusterNotFoundException",
  );
});
