/** Clusters as their owner sees them: made, initialized, activated, administered, killed, backed up. */
import assert from "node:assert/strict";
import { createSign, generateKeyPairSync, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { HsmError, loginAttempts, type HsmFailure, type HsmKey, type HsmSession } from "../contract.ts";
import { firstOfficerCredentials, officer, signRequest, TestPlane } from "../testing.ts";
import { openSession } from "./client.ts";

let test: TestPlane;
before(async () => void (test = await TestPlane.open()));
after(() => test.close());

const refused = (kind: HsmFailure) => (error: unknown) => {
  assert.ok(error instanceof HsmError, String(error));
  assert.equal(error.kind, kind, error.message);
  return true;
};

const session = (clusterId: string, user: string, password = `${user}-password`): Promise<HsmSession> =>
  openSession(test.plane, clusterId, { user, password });

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const none = new Uint8Array(0);

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 25) {
    if (await condition()) return;
    await delay(25);
  }
  assert.fail(`not ${what}`);
}

const pids = async (clusterId: string): Promise<number[]> =>
  (await test.plane.cluster(clusterId))!.hsms.flatMap(({ pid }) => pid ?? []);

describe("the beginning of a cluster", () => {
  it("has a request over its own key, and certificates that say what they are", async () => {
    await test.plane.createHsm("cluster-begin", "hsm-begin-1");
    const { state, certificates } = (await test.plane.cluster("cluster-begin"))!;
    assert.equal(state, "uninitialized");
    const [root, hardware, hsm] = [
      certificates!.manufacturerHardwareCertificate,
      certificates!.awsHardwareCertificate,
      certificates!.hsmCertificate,
    ].map((pem) => new X509Certificate(pem));
    assert.ok(root!.verify(root!.publicKey) && hardware!.verify(root!.publicKey) && hsm!.verify(hardware!.publicKey));
    assert.match(root!.subject, /Jikimi root of HSMs \(embedded software token\)/);
  });

  it("takes a certificate of its key, by the authority that is named, once", async () => {
    const { clusterCsr } = (await test.plane.cluster("cluster-begin"))!.certificates!;
    const { signed, anchor } = signRequest(test.folder, clusterCsr);
    await test.plane.createHsm("cluster-other", "hsm-other-1");
    const other = signRequest(test.folder, (await test.plane.cluster("cluster-other"))!.certificates!.clusterCsr);
    await assert.rejects(test.plane.initialize("cluster-begin", other.signed, anchor), refused("certificate-mismatch"));
    await assert.rejects(
      test.plane.initialize("cluster-begin", "no certificate", anchor),
      refused("certificate-invalid"),
    );
    await assert.rejects(test.plane.initialize("cluster-begin", signed, signed), refused("certificate-invalid"));
    await test.plane.initialize("cluster-begin", signed, anchor);
    assert.equal((await test.plane.cluster("cluster-begin"))!.state, "initialized");
    await assert.rejects(test.plane.initialize("cluster-begin", signed, anchor), refused("wrong-state"));
  });

  it("does nothing before the first officer has a password of his own", async () => {
    const user = { name: "early", role: "crypto-user", password: "early-password" } as const;
    await assert.rejects(test.plane.createUser("cluster-begin", firstOfficerCredentials, user), refused("not-active"));
    await assert.rejects(session("cluster-begin", "early"), refused("not-active"));
    const same = test.plane.changePassword("cluster-begin", firstOfficerCredentials, "admin", "password");
    await assert.rejects(same, refused("invalid-argument"));
    await test.plane.changePassword("cluster-begin", firstOfficerCredentials, "admin", officer.password);
    await test.plane.deleteCluster("cluster-other");
    assert.equal((await test.plane.cluster("cluster-begin"))!.state, "active");
    await assert.rejects(test.plane.checkLogin("cluster-begin", firstOfficerCredentials), refused("login-refused"));
  });

  it("refuses ids, names and passwords that cannot be", async () => {
    for (const id of ["../x", "", "A", "cluster_1", "x".repeat(64)]) {
      await assert.rejects(test.plane.createHsm(id, "hsm-1"), refused("invalid-argument"), id);
      await assert.rejects(test.plane.createHsm("cluster-x", id), refused("invalid-argument"), id);
    }
    for (const name of ["", "a:b", "x".repeat(32), "../a"]) {
      const user = { name, role: "crypto-user", password: "long-enough" } as const;
      await assert.rejects(test.plane.createUser("cluster-begin", officer, user), refused("invalid-argument"), name);
    }
    for (const password of ["short", "x".repeat(33), "with\nline"]) {
      const user = { name: "fine", role: "crypto-user", password } as const;
      await assert.rejects(
        test.plane.createUser("cluster-begin", officer, user),
        refused("invalid-argument"),
        password,
      );
    }
    await assert.rejects(test.plane.listUsers("cluster-none"), refused("no-such-cluster"));
    assert.equal(await test.plane.cluster("cluster-none"), undefined);
  });
});

describe("users", () => {
  before(() => test.plane.deleteCluster("cluster-begin"));
  const id = "cluster-users";
  before(async () => void (await test.activeCluster(id, 1, ["alice", "bob"])));
  after(() => test.plane.deleteCluster(id));

  it("only officers make and remove them; the last officer stays", async () => {
    const alice = { user: "alice", password: "alice-password" };
    const user = { name: "carol", role: "crypto-user", password: "carol-password" } as const;
    await assert.rejects(test.plane.createUser(id, alice, user), refused("forbidden"));
    await assert.rejects(test.plane.deleteUser(id, alice, "bob"), refused("forbidden"));
    await assert.rejects(test.plane.changePassword(id, alice, "bob", "stolen-password"), refused("forbidden"));
    await assert.rejects(test.plane.createUser(id, officer, { ...user, name: "alice" }), refused("user-exists"));
    await assert.rejects(test.plane.deleteUser(id, officer, "nobody"), refused("no-such-user"));
    await assert.rejects(test.plane.deleteUser(id, officer, "admin"), refused("wrong-state"));
  });

  it("locks after five wrong passwords, over a restart too; an officer opens it and the keys are there", async () => {
    const open = await session(id, "bob");
    const key = await open.generateAesKey({ label: "kept", keyId: bytes("kept") });
    const sealed = await open.encrypt(key, bytes("of bob"), none);
    for (let attempt = 0; attempt < loginAttempts; attempt++) {
      await assert.rejects(session(id, "bob", "not the password"), refused("login-refused"));
      if (attempt === 2) await test.restart();
    }
    await assert.rejects(session(id, "bob"), refused("user-locked"));
    assert.equal((await test.plane.listUsers(id)).find(({ name }) => name === "bob")!.locked, true);
    await test.plane.changePassword(id, officer, "bob", "bobs-new-password");
    const again = await session(id, "bob", "bobs-new-password");
    assert.deepEqual(Buffer.from(await again.decrypt(key, sealed, none)), Buffer.from("of bob"));
    await again.close();
    await assert.rejects(session(id, "bob"), refused("login-refused"));
  });

  it("a right password forgives wrong ones", async () => {
    for (let round = 0; round < 3; round++) {
      for (let attempt = 0; attempt < loginAttempts - 1; attempt++) {
        await assert.rejects(session(id, "alice", "not the password"), refused("login-refused"));
      }
      await (await session(id, "alice")).close();
    }
  });

  it("a changed password ends what is open", async () => {
    const open = await session(id, "alice");
    await test.plane.changePassword(id, { user: "alice", password: "alice-password" }, "alice", "second-password");
    await assert.rejects(open.ping(), refused("login-refused"));
    await assert.rejects(open.generateAesKey({ label: "x", keyId: bytes("x") }), refused("login-refused"));
    await open.close();
    await test.plane.changePassword(id, officer, "alice", "alice-password");
  });

  it("a removed user's keys are gone, and shares to him", async () => {
    await test.plane.createUser(id, officer, { name: "dave", role: "crypto-user", password: "dave-password" });
    const [alice, dave] = [await session(id, "alice"), await session(id, "dave")];
    const own = await dave.generateAesKey({ label: "daves", keyId: bytes("daves") });
    const shared = await alice.generateAesKey({ label: "to dave", keyId: bytes("to dave") });
    await test.plane.shareKey(id, { user: "alice", password: "alice-password" }, shared.id, "dave");
    await test.plane.deleteUser(id, officer, "dave");
    await assert.rejects(session(id, "dave"), refused("login-refused"));
    await test.plane.createUser(id, officer, { name: "dave", role: "crypto-user", password: "dave-password" });
    const second = await session(id, "dave");
    await assert.rejects(second.encrypt(own, bytes("x"), none), refused("key-missing"));
    await assert.rejects(second.encrypt(shared, bytes("x"), none), refused("key-missing"));
    await Promise.all([alice, dave, second].map((each) => each.close()));
  });

  it("shares a key, to be used and not changed, and takes it back", async () => {
    const [alice, dave] = [await session(id, "alice"), await session(id, "dave")];
    const asAlice = { user: "alice", password: "alice-password" };
    const key = await alice.generateAesKey({ label: "shared", keyId: bytes("shared") });
    await assert.rejects(dave.encrypt(key, bytes("x"), none), refused("key-missing"));
    const asDave = { user: "dave", password: "dave-password" };
    await assert.rejects(test.plane.shareKey(id, asDave, key.id, "dave"), refused("key-missing"));
    await test.plane.shareKey(id, asAlice, key.id, "dave");
    const sealed = await dave.encrypt(key, bytes("from dave"), none);
    assert.equal(Buffer.from(await alice.decrypt(key, sealed, none)).toString(), "from dave");
    await assert.rejects(dave.destroy(key), refused("forbidden"));
    await assert.rejects(test.plane.shareKey(id, asDave, key.id, "bob"), refused("forbidden"));
    assert.deepEqual(
      (await dave.list()).map(({ id: shown }) => shown),
      [key.id],
    );
    await test.plane.unshareKey(id, asAlice, key.id, "dave");
    assert.deepEqual(await dave.list(), []);
    await assert.rejects(dave.encrypt(key, bytes("x"), none), refused("key-missing"));
    assert.equal(Buffer.from(await alice.decrypt(key, sealed, none)).toString(), "from dave");
    await Promise.all([alice.close(), dave.close()]);
  });

  it("lists every key of a user, while others are looked for in the same session", async () => {
    const [owner, look] = [await session(id, "dave"), bytes("pair")];
    const { privateKey, publicKey } = await owner.generateKeyPair("P-256", { label: "pair", keyId: look });
    const secret = await owner.generateAesKey({ label: "one", keyId: bytes("one") });
    const [listed, found] = await Promise.all([owner.list(), owner.find(look, "public"), owner.find(look, "private")]);
    const byId = (keys: HsmKey[]) => keys.toSorted((a, b) => a.id.localeCompare(b.id));
    assert.deepEqual(byId(listed), byId([privateKey, publicKey, secret]));
    assert.deepEqual(found, publicKey);
    for (const key of listed) await owner.destroy(key);
    await owner.close();
  });
});

describe("quorum", () => {
  const id = "cluster-quorum";
  const keys = new Map(
    ["admin", "second", "third"].map((name) => [name, generateKeyPairSync("rsa", { modulusLength: 2048 })]),
  );
  const as = (name: string) => (name === "admin" ? officer : { user: name, password: `${name}-password` });
  const approve = (unsigned: string, names: string[]) =>
    names.map((user) => ({
      user,
      signature: createSign("sha256")
        .update(Buffer.from(unsigned, "base64"))
        .sign(keys.get(user)!.privateKey, "base64"),
    }));

  before(async () => {
    await test.activeCluster(id, 2, ["alice"]);
    for (const name of ["second", "third"]) {
      await test.plane.createUser(id, officer, { name, role: "admin", password: `${name}-password` });
    }
    for (const [name, { publicKey }] of keys) {
      await test.plane.registerQuorumKey(id, as(name), publicKey.export({ format: "pem", type: "spki" }) as string);
    }
  });

  after(() => test.plane.deleteCluster(id));

  it("of more officers than have a key is refused, and keys that approve nothing", async () => {
    await assert.rejects(test.plane.setQuorum(id, officer, "user", 4), refused("invalid-argument"));
    await assert.rejects(test.plane.setQuorum(id, officer, "user", 1), refused("invalid-argument"));
    await assert.rejects(test.plane.registerQuorumKey(id, officer, "no key"), refused("invalid-argument"));
  });

  it("is asked for, bound to officer and service, used once, and ends in time", async () => {
    await test.plane.setQuorum(id, officer, "user", 2);
    const user = { name: "new", role: "crypto-user", password: "new-password" } as const;
    await assert.rejects(test.plane.createUser(id, officer, user), refused("quorum-required"));
    const token = await test.plane.quorumToken(id, officer, "user");
    const { tokenId, unsigned } = token;
    const withApprovals = (who: string, names: string[]) => ({
      ...as(who),
      quorum: { tokenId, approvals: approve(unsigned, names) },
    });
    await assert.rejects(test.plane.createUser(id, withApprovals("admin", ["admin"]), user), refused("quorum-refused"));
    await assert.rejects(
      test.plane.createUser(id, withApprovals("admin", ["admin", "admin"]), user),
      refused("quorum-refused"),
    );
    await assert.rejects(
      test.plane.createUser(id, withApprovals("second", ["second", "third"]), user),
      refused("quorum-refused"),
    );
    const [wrong] = approve(Buffer.from("another").toString("base64"), ["second"]);
    const forged = { ...officer, quorum: { tokenId, approvals: [...approve(unsigned, ["admin"]), wrong!] } };
    await assert.rejects(test.plane.createUser(id, forged, user), refused("quorum-refused"));
    await test.plane.createUser(id, withApprovals("admin", ["admin", "third"]), user);
    await assert.rejects(
      test.plane.deleteUser(id, withApprovals("admin", ["admin", "third"]), "new"),
      refused("quorum-refused"),
    );
    const late = await test.plane.quorumToken(id, officer, "user");
    test.clock.advance(601_000);
    test.plane.clockMoved(test.clock.offset);
    const tooLate = {
      ...officer,
      quorum: { tokenId: late.tokenId, approvals: approve(late.unsigned, ["admin", "second"]) },
    };
    await assert.rejects(test.plane.deleteUser(id, tooLate, "new"), refused("quorum-refused"));
  });

  it("keeps the officers whom it needs", async () => {
    const remove = async (name: string): Promise<void> => {
      const { tokenId, unsigned } = await test.plane.quorumToken(id, officer, "user");
      await test.plane.deleteUser(
        id,
        { ...officer, quorum: { tokenId, approvals: approve(unsigned, ["admin", "second"]) } },
        name,
      );
    };
    await remove("third");
    await assert.rejects(remove("second"), refused("wrong-state"));
  });
});

describe("several HSMs", () => {
  const id = "cluster-several";
  before(async () => void (await test.activeCluster(id, 3, ["alice"])));
  after(() => test.plane.deleteCluster(id));

  it("have a key before the call that made it answers", async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => session(id, "alice")));
    for (let round = 0; round < 10; round++) {
      const key = await sessions[round % 6]!.generateAesKey({ label: "k", keyId: bytes(`step-${round}`) });
      const sealed = await Promise.all(sessions.map((each) => each.encrypt(key, bytes("x"), none)));
      assert.equal(sealed.length, 6);
      await sessions[(round + 1) % 6]!.destroy(key);
      await assert.rejects(sessions[round % 6]!.encrypt(key, bytes("x"), none), refused("key-missing"));
    }
    await Promise.all(sessions.map((each) => each.close()));
  });

  it("serve on when one is killed, again and again; who was dead catches up", async () => {
    const open = await session(id, "alice");
    const key = await open.generateAesKey({ label: "lives", keyId: bytes("lives") });
    const sealed = await open.encrypt(key, bytes("through it all"), none);
    for (let round = 0; round < 2; round++) {
      const [pid] = await pids(id);
      process.kill(pid!, "SIGKILL");
      assert.equal(Buffer.from(await open.decrypt(key, sealed, none)).toString(), "through it all");
      await open.generateAesKey({ label: "meanwhile", keyId: bytes(`meanwhile-${round}`) });
    }
    await until("all alive", async () =>
      (await test.plane.cluster(id))!.hsms.every(({ alive, inStep }) => alive && inStep),
    );
    await open.close();
    const folders = ["1", "2", "3"].map((index) => join(test.folder, "hsm", id, `hsm-${id}-${index}`));
    await test.restart();
    for (const folder of folders) assert.ok(statSync(join(folder, "journal")).size > 0);
    const again = await session(id, "alice");
    for (let round = 0; round < 2; round++) assert.ok(await again.find(bytes(`meanwhile-${round}`)));
    await again.close();
  });

  it("killed while keys are made: what was acknowledged is there", async () => {
    const open = await session(id, "alice");
    const made: string[] = [];
    const stop = Date.now() + 1_000;
    const killer = (async () => {
      while (Date.now() < stop) {
        await delay(150);
        for (const pid of (await pids(id)).slice(0, 2)) process.kill(pid, "SIGKILL");
      }
    })();
    for (let index = 0; Date.now() < stop; index++) {
      const name = `crash-${index}`;
      const key = await open.generateAesKey({ label: name, keyId: bytes(name) }).catch(() => undefined);
      if (key) made.push(name);
    }
    await killer;
    await open.close();
    assert.ok(made.length > 0);
    await test.restart();
    const again = await session(id, "alice");
    for (const name of made) assert.ok(await again.find(bytes(name), "secret"), name);
    await again.close();
  });

  it("one that stands still is ended; who waited for it is served by another", async () => {
    await test.plane.close();
    test.heartbeat = { everyMs: 100, withinMs: 1_500 };
    await test.start();
    test.heartbeat = undefined;
    await until("all live", async () => (await pids(id)).length === 3);
    const sessions = await Promise.all(Array.from({ length: 6 }, () => session(id, "alice")));
    const key = (await sessions[0]!.find(bytes("lives"), "secret"))!;
    const [still] = await pids(id);
    process.kill(still!, "SIGSTOP");
    const sealed = await Promise.all(sessions.map((each) => each.encrypt(key, bytes("x"), none)));
    assert.equal(sealed.length, 6);
    await until("it is ended", async () => !(await pids(id)).includes(still!));
    await Promise.all(sessions.map((each) => each.close()));
    await test.restart();
  });

  it("an HSM whose journal is damaged is made anew of the others; alone, it stays away", async () => {
    await test.plane.close();
    const journal = join(test.folder, "hsm", id, `hsm-${id}-2`, "journal");
    const content = readFileSync(journal);
    content[Math.floor(content.length / 2)]! ^= 1;
    writeFileSync(journal, content);
    await test.start();
    assert.equal((await test.plane.cluster(id))!.hsms.length, 3);
    await (await session(id, "alice")).close();
    await test.activeCluster("cluster-alone", 1, ["alice"]);
    await test.plane.close();
    const alone = join(test.folder, "hsm", "cluster-alone", "hsm-cluster-alone-1", "journal");
    const bad = readFileSync(alone);
    bad[40]! ^= 1;
    writeFileSync(alone, bad);
    await test.start();
    await assert.rejects(session("cluster-alone", "alice"), refused("no-hsm"));
    await test.plane.deleteCluster("cluster-alone");
  });

  it("a plane that is emptied keeps nothing: neither what is being made nor what cannot be read", async () => {
    const other = await TestPlane.open();
    try {
      const folder = join(other.folder, "hsm");
      await other.plane.createHsm("cluster-broken", "hsm-broken");
      await other.plane.close();
      writeFileSync(join(folder, "cluster-broken", "cluster"), "not a box");
      await other.start();
      const making = other.plane.createHsm("cluster-new", "hsm-new");
      await other.plane.clear();
      const { pid } = await making;
      assert.throws(() => process.kill(pid!, 0), { code: "ESRCH" });
      assert.deepEqual(readdirSync(folder), []);
      await other.plane.createHsm("cluster-broken", "hsm-again");
    } finally {
      await other.close();
    }
  });

  it("an entry that did not reach the disk whole is forgotten, all before it stands", async () => {
    await test.activeCluster("cluster-torn", 1, ["alice"]);
    const open = await session("cluster-torn", "alice");
    await open.generateAesKey({ label: "whole", keyId: bytes("whole") });
    await open.generateAesKey({ label: "torn", keyId: bytes("torn") });
    await open.close();
    await test.plane.close();
    const journal = join(test.folder, "hsm", "cluster-torn", "hsm-cluster-torn-1", "journal");
    const content = readFileSync(journal);
    writeFileSync(journal, content.subarray(0, content.length - 5));
    await test.start();
    const again = await session("cluster-torn", "alice");
    assert.ok(await again.find(bytes("whole")));
    assert.equal(await again.find(bytes("torn")), undefined);
    await again.generateAesKey({ label: "next", keyId: bytes("next") });
    await again.close();
    await test.plane.deleteCluster("cluster-torn");
  });

  it("one is added and gets everything; one is removed and takes nothing along", async () => {
    await test.plane.createHsm(id, "hsm-late");
    for (const pid of await pids(id)) {
      const late = (await test.plane.cluster(id))!.hsms.find(({ hsmId }) => hsmId === "hsm-late")!;
      if (pid !== late.pid) process.kill(pid, "SIGKILL");
    }
    const open = await session(id, "alice");
    assert.ok(await open.find(bytes("lives")));
    await open.close();
    await test.plane.deleteHsm(id, "hsm-late");
    await test.plane.deleteHsm(id, "hsm-late");
    assert.ok(!readdirSync(join(test.folder, "hsm", id)).includes("hsm-late"));
    await (await session(id, "alice")).close();
  });
});

describe("backups", () => {
  const id = "cluster-backup";

  it("give a new cluster the same users and keys, and are nothing without passwords", async () => {
    await test.activeCluster(id, 1, ["alice"]);
    const open = await session(id, "alice");
    const key = await open.generateAesKey({ label: "backed up", keyId: bytes("backed up") });
    const sealed = await open.encrypt(key, bytes("before"), none);
    await open.close();
    const { data, users, objects } = await test.plane.backup(id);
    assert.deepEqual([users, objects], [2, 1]);
    await test.plane.createHsm("cluster-restored", "hsm-restored", { backup: data });
    const restored = (await test.plane.cluster("cluster-restored"))!;
    assert.equal(restored.state, "active");
    assert.equal(
      restored.certificates!.clusterCertificate,
      (await test.plane.cluster(id))!.certificates!.clusterCertificate,
    );
    const there = await session("cluster-restored", "alice");
    assert.equal(Buffer.from(await there.decrypt(key, sealed, none)).toString(), "before");
    await there.close();
    await assert.rejects(session("cluster-restored", "alice", "not the password"), refused("login-refused"));
  });

  it("that were changed, or are none, are refused", async () => {
    const { data } = await test.plane.backup(id);
    for (const at of [0, 20, data.length - 1]) {
      const changed = Buffer.from(data);
      changed[at]! ^= 1;
      await assert.rejects(
        test.plane.createHsm("cluster-bad", "hsm-bad", { backup: changed }),
        refused("backup-invalid"),
      );
    }
    await assert.rejects(
      test.plane.createHsm("cluster-bad", "hsm-bad", { backup: Buffer.alloc(3) }),
      refused("backup-invalid"),
    );
    await assert.rejects(test.plane.createHsm(id, "hsm-more", { backup: data }), refused("wrong-state"));
  });

  it("are what a cluster without HSMs begins again with", async () => {
    const { data } = await test.plane.backup(id);
    await test.plane.deleteHsm(id, `hsm-${id}-1`);
    await assert.rejects(session(id, "alice"), refused("no-hsm"));
    await assert.rejects(test.plane.createHsm(id, "hsm-new"), refused("wrong-state"));
    await test.plane.createHsm(id, "hsm-new", { backup: data });
    const open = await session(id, "alice");
    assert.ok(await open.find(bytes("backed up")));
    await open.close();
    await test.plane.deleteCluster(id);
    assert.equal(await test.plane.cluster(id), undefined);
    assert.ok(!readdirSync(join(test.folder, "hsm")).includes(id));
  });
});
