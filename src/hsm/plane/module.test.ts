/** Clusters whose keys are in a PKCS #11 module: SoftHSM's own tokens, and a token that the operator made. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HsmError } from "../contract.ts";
import { RpcClient } from "../rpc/client.ts";
import { TestPlane } from "../testing.ts";
import { CKA, CKK, CKO } from "../token/constants.ts";
import { embeddedBackend, moduleBackend } from "./backends.ts";
import { openSession } from "./client.ts";

const path = process.env["PATH"] ?? "";
const softHsm = moduleBackend({ module: "softhsm", path });
const skip = softHsm.kind === "none" && softHsm.description;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const none = new Uint8Array(0);

describe("clusters in SoftHSM", { skip }, () => {
  const id = "cluster-soft";
  let test: TestPlane;
  const alice = (cluster = id) => openSession(test.plane, cluster, { user: "alice", password: "alice-password" });
  before(async () => {
    test = await TestPlane.open(softHsm);
    await test.activeCluster(id, 2, ["alice", "bob"]);
  });
  after(() => test.close());

  it("say so", async () => {
    const backend = await test.plane.backend();
    assert.ok(backend.available && backend.kind === "pkcs11" && backend.module?.endsWith("libsofthsm2.so"));
  });

  it("have a key in both HSMs at once, keep it from others, and serve on when one is killed", async () => {
    const [one, two] = [await alice(), await alice()];
    const key = await one.generateAesKey({ label: "soft", keyId: bytes("soft") });
    const sealed = await two.encrypt(key, bytes("text"), bytes("context"));
    assert.deepEqual(Buffer.from(await one.decrypt(key, sealed, bytes("context"))), Buffer.from("text"));
    const bob = await openSession(test.plane, id, { user: "bob", password: "bob-password" });
    await assert.rejects(
      bob.encrypt(key, none, none),
      (error) => error instanceof HsmError && error.kind === "key-missing",
    );
    const [first] = (await test.plane.cluster(id))!.hsms;
    process.kill(first!.pid!, "SIGKILL");
    for (const session of [one, two]) {
      assert.deepEqual(Buffer.from(await session.decrypt(key, sealed, bytes("context"))), Buffer.from("text"));
      await session.close();
    }
    await bob.close();
  });

  it("keep an imported key's value in no file", async () => {
    const canary = Buffer.from("soft-canary-key-0123456789abcdef");
    const socket = connect(test.socket(id));
    const client = new RpcClient(socket, socket, { end: () => socket.destroy() });
    await client.initialize();
    const [session] = await client.call("C_OpenSession", [1, 6]);
    await client.call("C_Login", [session!, 1, Buffer.from("alice:alice-password")]);
    await client.call("C_CreateObject", [
      session!,
      [
        { type: CKA.CLASS, value: CKO.SECRET_KEY },
        { type: CKA.KEY_TYPE, value: CKK.AES },
        { type: CKA.TOKEN, value: 1 },
        { type: CKA.VALUE, value: canary },
      ],
    ]);
    client.close();
    const files = readdirSync(test.folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
    assert.ok(files.length > 5);
    for (const file of files) {
      const content = readFileSync(join(file.parentPath, file.name));
      assert.ok(!content.includes(canary) && !content.includes(canary.toString("base64").slice(0, 40)), file.name);
    }
  });

  it("restore from a backup, token and all", async () => {
    const session = await alice();
    const key = (await session.find(bytes("soft"), "secret"))!;
    const sealed = await session.encrypt(key, bytes("before"), none);
    await session.close();
    const { data } = await test.plane.backup(id);
    await test.plane.createHsm("cluster-soft-2", "hsm-soft-2", { backup: data });
    const restored = await alice("cluster-soft-2");
    assert.deepEqual(Buffer.from(await restored.decrypt(key, sealed, none)), Buffer.from("before"));
    await restored.close();
    await test.plane.deleteHsm("cluster-soft-2", "hsm-soft-2");
    assert.ok(!existsSync(join(test.folder, "hsm", "cluster-soft-2", "hsm-soft-2")));
    await test.plane.deleteCluster("cluster-soft-2");
  });

  it("are not served without the module, and embedded ones stay embedded", async () => {
    await test.plane.close();
    (test as { backend: typeof softHsm }).backend = embeddedBackend;
    await test.start();
    await assert.rejects(alice(), (error) => error instanceof HsmError && error.kind === "no-hsm");
    await test.activeCluster("cluster-embedded", 1, ["alice"]);
    await test.plane.close();
    (test as { backend: typeof softHsm }).backend = softHsm;
    await test.start();
    await (await alice()).close();
    await (await alice("cluster-embedded")).close();
    const embedded = (await test.plane.cluster("cluster-embedded"))!;
    assert.ok(embedded.certificates!.clusterCertificate);
    assert.equal(embedded.backend!.kind, "embedded");
    assert.deepEqual((await test.plane.cluster(id))!.backend, {
      kind: "pkcs11",
      description: "SoftHSM software token",
    });
  });
});

describe(
  "a token of the operator's",
  { skip: skip || (spawnSync("which", ["softhsm2-util"]).status !== 0 && "no softhsm2-util") },
  () => {
    let test: TestPlane;
    before(async () => {
      test = await TestPlane.open();
      await test.plane.close();
      const folder = join(test.folder, "vendor");
      mkdirSync(join(folder, "tokens"), { recursive: true });
      const configuration = join(folder, "softhsm2.conf");
      writeFileSync(configuration, `directories.tokendir = ${join(folder, "tokens")}\n`);
      const { status } = spawnSync(
        "softhsm2-util",
        ["--init-token", "--free", "--label", "vendor", "--so-pin", "12345678", "--pin", "87654321"],
        { env: { ...process.env, SOFTHSM2_CONF: configuration } },
      );
      assert.equal(status, 0);
      writeFileSync(join(folder, "pin"), "87654321\n");
      const chosen = moduleBackend({
        module: softHsm.module!,
        path,
        token: { label: "vendor", pinFile: join(folder, "pin") },
      });
      // A vendor's module finds its configuration by itself; SoftHSM by its variable.
      const choose = (cluster: string) => ({ ...chosen.choose(cluster), variables: { SOFTHSM2_CONF: configuration } });
      (test as { backend: typeof chosen }).backend = { ...chosen, choose: choose as typeof chosen.choose };
      await test.start();
    });
    after(() => test.close());

    it("holds the keys of a cluster; its backup is not ours to take", async () => {
      await test.activeCluster("cluster-vendor", 1, ["alice"]);
      const session = await openSession(test.plane, "cluster-vendor", { user: "alice", password: "alice-password" });
      const key = await session.generateAesKey({ label: "v", keyId: bytes("v") });
      const sealed = await session.encrypt(key, bytes("x"), none);
      assert.deepEqual(Buffer.from(await session.decrypt(key, sealed, none)), Buffer.from("x"));
      await session.destroy(key);
      await session.close();
      await assert.rejects(
        test.plane.backup("cluster-vendor"),
        (error) => error instanceof HsmError && error.kind === "unsupported",
      );
    });
  },
);

describe("modules that are not there", () => {
  it("are said, and make no cluster", async () => {
    for (const backend of [
      moduleBackend({ module: "/nowhere/module.so", path }),
      moduleBackend({ module: "softhsm", path: "/nowhere" }),
      moduleBackend({ module: process.execPath, path }),
    ]) {
      assert.equal(backend.kind, "none", backend.description);
      const test = await TestPlane.open(backend);
      assert.equal((await test.plane.backend()).available, false);
      await assert.rejects(
        test.plane.createHsm("cluster-none", "hsm-none"),
        (error) => error instanceof HsmError && error.kind === "unavailable",
      );
      await test.close();
    }
  });
});
