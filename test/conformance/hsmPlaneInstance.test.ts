/** The HSMs of a running installation: their role, their sockets, what is on the disk, and a kill of everything. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { HsmPlane } from "../../src/hsm/contract.ts";
import { connectHsmPlane } from "../../src/hsm/plane/client.ts";
import { RpcClient } from "../../src/hsm/rpc/client.ts";
import { firstOfficerCredentials, officer, signRequest } from "../../src/hsm/testing.ts";
import { CKA, CKK, CKO } from "../../src/hsm/token/constants.ts";
import { connect } from "node:net";
import { eventually, startInstance, type Instance } from "../instance.ts";

const dataDir = mkdtempSync(join(tmpdir(), "jikimi-hsm-instance-"));
const cluster = "cluster-instance";
const alice = { user: "alice", password: "alice-password" };
let instance: Instance;
let plane: HsmPlane;

before(async () => {
  // Where there is something of a cluster, its role runs from the start.
  mkdirSync(join(dataDir, "hsm", cluster), { recursive: true });
  instance = await startInstance({ dataDir, env: { JIKIMI_PKCS11_MODULE: "embedded" } });
  plane = connectHsmPlane(join(dataDir, "run/hsm.sock"), { want() {} });
  for (const index of [1, 2]) await plane.createHsm(cluster, `hsm-instance-${index}`);
  const { certificates } = (await plane.cluster(cluster))!;
  const { signed, anchor } = signRequest(dataDir, certificates!.clusterCsr);
  await plane.initialize(cluster, signed, anchor);
  await plane.changePassword(cluster, firstOfficerCredentials, "admin", officer.password);
  await plane.createUser(cluster, officer, { name: "alice", role: "crypto-user", password: alice.password });
});
after(async () => {
  await plane.close();
  await instance.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

describe("the HSMs of an installation", () => {
  it("serve sessions across processes", async () => {
    const session = await plane.openSession(cluster, alice);
    const key = await session.generateAesKey({ label: "first", keyId: Buffer.from("first") });
    const sealed = await session.encrypt(key, Buffer.from("x"), Buffer.from("context"));
    assert.equal(Buffer.from(await session.decrypt(key, sealed, Buffer.from("context"))).toString(), "x");
    await session.close();
  });

  it("have folders and sockets that are nobody else's", () => {
    for (const path of [`hsm/${cluster}/hsm-instance-1`, "run/hsm"]) {
      assert.equal(statSync(join(dataDir, path)).mode & 0o077, 0, path);
    }
    assert.equal(statSync(join(dataDir, `run/hsm/${cluster}.sock`)).mode & 0o077, 0);
    assert.equal(statSync(join(dataDir, `hsm/${cluster}/hsm-instance-1/journal`)).mode & 0o077, 0);
  });

  it("run each in a process that may read its program, and neither write, connect nor start anything", async () => {
    for (const { pid } of (await plane.cluster(cluster))!.hsms) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      assert.ok(command.includes("--permission"), command.join(" "));
      const allowed = command.filter((word) => word.startsWith("--allow"));
      assert.equal(allowed.length, 1);
      assert.match(allowed[0]!, /^--allow-fs-read=.*\/src$/);
      assert.match(readFileSync(`/proc/${pid}/limits`, "utf8"), /Max core file size\s+0/);
      assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, "utf8"), /JIKIMI|AWS|PATH=/);
    }
  });

  it("keep nothing on the disk that opens a key: an imported value is in no file, nor a password", async () => {
    const canary = Buffer.from("canary-key-material-0123456789ab");
    const socket = connect((await plane.cluster(cluster))!.endpoints.socket);
    const client = new RpcClient(socket, socket, { end: () => socket.destroy() });
    await client.initialize();
    const [handle] = await client.call("C_OpenSession", [1, 6]);
    await client.call("C_Login", [handle!, 1, Buffer.from(`${alice.user}:${alice.password}`)]);
    await client.call("C_CreateObject", [
      handle!,
      [
        { type: CKA.CLASS, value: CKO.SECRET_KEY },
        { type: CKA.KEY_TYPE, value: CKK.AES },
        { type: CKA.TOKEN, value: 1 },
        { type: CKA.LABEL, value: Buffer.from("canary-label") },
        { type: CKA.VALUE, value: canary },
      ],
    ]);
    client.close();
    const backup = await plane.backup(cluster);
    const planted = [
      canary,
      Buffer.from("canary-label"),
      Buffer.from(alice.password),
      Buffer.from(officer.password),
    ].flatMap(forms);
    let searched = 0;
    for (const [path, content] of [...filesOf(dataDir), ["the backup", Buffer.from(backup.data)] as const]) {
      searched++;
      for (const each of planted) assert.ok(!content.includes(each), `${each.toString("latin1")} in ${path}`);
    }
    assert.ok(searched > 5);
  });

  it("are there again after the role and every HSM were killed", async () => {
    const before = (await plane.cluster(cluster))!.hsms.map(({ pid }) => pid!);
    const role = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${before[0]}/status`, "utf8"))![1]);
    for (const pid of [...before, role]) process.kill(pid, "SIGKILL");
    await eventually(async () => {
      const status = await plane.cluster(cluster).catch(() => undefined);
      return status?.hsms.length === 2 && status.hsms.every(({ alive, pid }) => alive && !before.includes(pid!));
    });
    const session = await plane.openSession(cluster, alice);
    const key = await session.find(Buffer.from("first"));
    assert.equal(key?.label, "first");
    await session.close();
    const { data } = await plane.backup(cluster);
    await plane.createHsm("cluster-instance-2", "hsm-instance-9", { backup: data });
    await plane.deleteCluster("cluster-instance-2");
  });
});

/** As it is, in base64 at every offset, in hexadecimal. */
function forms(secret: Buffer): Buffer[] {
  const shifted = [0, 1, 2].map((skip) => secret.subarray(skip).toString("base64").slice(0, -4));
  return [secret, ...shifted.map((text) => Buffer.from(text)), Buffer.from(secret.toString("hex"))];
}

function filesOf(folder: string): [string, Buffer][] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path): [string, Buffer] => [path, readFileSync(path)]);
}
