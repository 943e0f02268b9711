/** Each HSM of a SoftHSM cluster has its token in a folder of its own, and all have the same in it, whatever happens. */
import assert from "node:assert/strict";
import { fork, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { HsmKey, HsmSession } from "../contract.ts";
import { RpcClient } from "../rpc/client.ts";
import { clientModule, pkcs11Tool, TestPlane, testSecret } from "../testing.ts";
import { CKA } from "../token/constants.ts";
import { derive } from "../vault/box.ts";
import { readBackup, writeBackup } from "./backup.ts";
import { moduleBackend } from "./backends.ts";
import { openSession } from "./client.ts";
import { Journal } from "./journal.ts";

const softHsm = moduleBackend({ module: "softhsm", path: process.env["PATH"] ?? "" });
const skip = softHsm.kind === "none" && softHsm.description;
const id = "cluster-own";
const hsmIds = [`hsm-${id}-1`, `hsm-${id}-2`];
const none = new Uint8Array(0);

/** The other process of the test of kills: makes and destroys keys and says what is done. */
async function makeAndDestroy(folder: string): Promise<void> {
  const { plane } = await TestPlane.open(softHsm, folder);
  const sessions = await Promise.all(hsmIds.map(() => openSession(plane, id, credentials)));
  const say = (message: object): void => void process.send!(message);
  for (let number = 0; ; number++) {
    await Promise.all(
      sessions.map(async (session, index) => {
        const name = `kill-${process.pid}-${number}-${index}`;
        const key = await session.generateAesKey({ label: name, keyId: Buffer.from(name) });
        say({ made: name });
        if (number % 2 === 0) return;
        say({ destroying: name });
        await session.destroy(key);
        say({ destroyed: name });
      }),
    );
  }
}

const credentials = { user: "alice", password: "alice-password" };

if (process.argv[2] === "make-and-destroy") await makeAndDestroy(process.argv[3]!);
else describe("HSMs with a token folder each", { skip }, tests);

function tests(): void {
  let test: TestPlane;
  /** Two at each HSM: the cluster hands them out in turn, so that the first two are at different ones. */
  let sessions: HsmSession[] = [];
  const enter = async (): Promise<void> => {
    await allAlive();
    sessions = await Promise.all([1, 2, 3, 4].map(() => openSession(test.plane, id, credentials)));
  };
  const leave = async (): Promise<void> => {
    for (const session of sessions.splice(0)) await session.close();
  };
  const make = (name: string, by = 0): Promise<HsmKey> =>
    sessions[by % sessions.length]!.generateAesKey({ label: name, keyId: Buffer.from(name) });
  const clusterFolder = (): string => join(test.folder, "hsm", id);
  const tokenOf = (hsmId: string): string => {
    const token = join(clusterFolder(), hsmId, "token");
    const [tokens] = readdirSync(token).filter((name) => name.startsWith("tokens-"));
    return join(token, tokens!, readdirSync(join(token, tokens!))[0]!);
  };
  /** Files of keys, by name. */
  const filesOf = (hsmId: string): Map<string, string> => {
    const folder = tokenOf(hsmId);
    const names = readdirSync(folder).filter((name) => name.endsWith(".object") && name !== "token.object");
    return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), "base64")]));
  };
  const expectSame = (count?: number): void => {
    const [one, two] = hsmIds.map(filesOf);
    assert.deepEqual(one, two);
    if (count !== undefined) assert.equal(one!.size, count);
  };
  const allAlive = async (): Promise<void> => {
    while (!(await test.plane.cluster(id))!.hsms.every(({ inStep }) => inStep)) await new Promise(setImmediate);
  };
  const usableEverywhere = async (keys: readonly HsmKey[]): Promise<void> => {
    for (const session of sessions.slice(0, hsmIds.length)) {
      await Promise.all(
        keys.map(async (key) => {
          const sealed = await session.encrypt(key, Buffer.from("text"), none);
          assert.deepEqual(Buffer.from(await session.decrypt(key, sealed, none)), Buffer.from("text"));
        }),
      );
    }
  };
  const expectRestored = async (backup: Uint8Array, keys: readonly HsmKey[]): Promise<void> => {
    await test.plane.createHsm("cluster-restored", "hsm-restored", { backup });
    const restored = await openSession(test.plane, "cluster-restored", credentials);
    for (const key of keys) await restored.encrypt(key, none, none);
    await restored.close();
    await test.plane.deleteCluster("cluster-restored");
  };
  const keyCount = async (): Promise<number> => (await sessions[0]!.list()).length;

  before(async () => {
    test = await TestPlane.open(softHsm);
    await test.activeCluster(id, 2, ["alice"]);
    await enter();
  });
  afterEach(async () => {
    expectSame(await keyCount());
  });
  after(async () => {
    await leave();
    await test.close();
  });

  it("have one token in two folders, as SoftHSM's own program sees", () => {
    const seen = hsmIds.map((hsmId) => {
      const { stdout, status } = spawnSync("softhsm2-util", ["--show-slots"], {
        encoding: "utf8",
        env: { ...process.env, SOFTHSM2_CONF: join(clusterFolder(), hsmId, "token", "softhsm2.conf") },
      });
      assert.equal(status, 0);
      return /Serial number: +(\S+)[\s\S]*?Label: +(\S+)/.exec(stdout)!.slice(1);
    });
    assert.deepEqual(seen[0], seen[1]);
    assert.equal(seen[0]![1], "jikimi");
    assert.notEqual(tokenOf(hsmIds[0]!), tokenOf(hsmIds[1]!));
    assert.ok(!existsSync(join(clusterFolder(), ".token")));
  });

  it("use a key at once that another made, and not one that another destroyed", async () => {
    for (let by = 0; by < 4; by++) {
      const key = await make(`shared-${by}`, by);
      expectSame();
      await usableEverywhere([key]);
      const count = filesOf(hsmIds[0]!).size;
      await sessions[(by + 1) % 4]!.destroy(key);
      expectSame(count - 1);
      for (const session of sessions) {
        await assert.rejects(session.encrypt(key, none, none), { kind: "key-missing" });
        assert.equal(await session.find(Buffer.from(`shared-${by}`)), undefined);
      }
    }
  });

  it("keep private keys in step too", async () => {
    const { privateKey } = await sessions[0]!.generateKeyPair("P-256", { label: "pair", keyId: Buffer.from("pair") });
    for (const session of sessions)
      assert.equal((await session.signDigest(privateKey, Buffer.alloc(32, 1))).length, 64);
    for (const key of await sessions[1]!.list()) await sessions[1]!.destroy(key);
    expectSame(0);
  });

  it("see a changed label", { skip: !clientModule && "no p11-kit-client.so" }, async () => {
    const key = await make("before");
    const socket = connect(test.socket(id));
    const client = new RpcClient(socket, socket, { end: () => socket.destroy() });
    await client.initialize();
    const [session] = await client.call("C_OpenSession", [1, 6]);
    await client.call("C_Login", [session!, 1, Buffer.from("alice:alice-password")]);
    await client.call("C_FindObjectsInit", [session!, [{ type: CKA.ID, value: Buffer.from("before") }]]);
    const [[handle]] = (await client.call("C_FindObjects", [session!, { room: 2 }])) as [number[]];
    await client.call("C_FindObjectsFinal", [session!]);
    await client.call("C_SetAttributeValue", [
      session!,
      handle!,
      [{ type: CKA.LABEL, value: Buffer.from("afterwards") }],
    ]);
    client.close();
    for (let at = 0; at < 2; at++) {
      const { stdout, status } = await pkcs11Tool(test.socket(id), "--login", "--pin", "alice:alice-password", "-O");
      assert.equal(status, 0);
      assert.match(stdout, /label: +afterwards/);
      assert.doesNotMatch(stdout, /label: +before/);
    }
    await sessions[1]!.destroy(key);
  });

  it("have sixteen creators at both", async () => {
    const names = Array.from({ length: 48 }, (_, index) => `many-${index}`);
    const keys: HsmKey[] = [];
    await Promise.all(
      Array.from({ length: 16 }, async (_, at) => {
        for (let name = names.pop(); name !== undefined; name = names.pop()) {
          const key = await make(name, at);
          keys.push(key);
          // At once at the other, whose module makes keys meanwhile and counts on over what it has not seen.
          await sessions[(at + 1) % 4]!.encrypt(key, none, none);
        }
      }),
    );
    expectSame(48);
    await usableEverywhere(keys);
    await Promise.all(keys.map((key, at) => sessions[at % 4]!.destroy(key)));
    expectSame(0);
  });

  it("have a key's file on the disk of both when it is acknowledged", async (t) => {
    const probe = await open(process.execPath);
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const { datasync } = handles;
    const synced: string[] = [];
    t.mock.method(handles, "datasync", async function (this: FileHandle) {
      const path = readlinkSync(`/proc/self/fd/${this.fd}`);
      await datasync.call(this);
      synced.push(path);
    });
    const key = await make("durable");
    for (const hsmId of hsmIds) assert.ok(synced.includes(join(clusterFolder(), hsmId, "journal")), synced.join(" "));
    // The journals are enough: what the system did not write of the folders is written again.
    await leave();
    await test.plane.close();
    for (const hsmId of hsmIds) rmSync(join(clusterFolder(), hsmId, "token"), { recursive: true });
    await test.start();
    await enter();
    await usableEverywhere([key]);
    await sessions[0]!.destroy(key);
  });

  it("come back with the same after a kill while keys are made and destroyed", async () => {
    const keys: HsmKey[] = [];
    let stop = false;
    const work = Promise.all(
      sessions.map(async (session, at) => {
        for (let number = 0; !stop; number++) {
          const name = `killed-${at}-${number}`;
          try {
            const key = await session.generateAesKey({ label: name, keyId: Buffer.from(name) });
            if (number % 3 === 0) await session.destroy(key);
            else keys.push(key);
          } catch {
            // Its HSM was killed; whether the call had its effect is not known.
          }
        }
      }),
    );
    for (const at of [0, 1, 0]) {
      const had = keys.length;
      while (keys.length < had + 4) await new Promise(setImmediate);
      await allAlive();
      process.kill((await test.plane.cluster(id))!.hsms[at]!.pid!, "SIGKILL");
    }
    const had = keys.length;
    while (keys.length < had + 4) await new Promise(setImmediate);
    stop = true;
    await work;
    await leave();
    await enter();
    expectSame(await keyCount());
    await usableEverywhere(keys);
    for (const key of await sessions[0]!.list()) await sessions[0]!.destroy(key);
  });

  it("get back what is lost, damaged or put there", async () => {
    const keys = [await make("one"), await make("two", 1)];
    await leave();
    await test.plane.close();
    const [first, second] = hsmIds as [string, string];
    rmSync(join(clusterFolder(), first, "token"), { recursive: true });
    const [damaged, other] = [...filesOf(second).keys()].map((name) => join(tokenOf(second), name));
    writeFileSync(damaged!, "damaged");
    cpSync(other!, join(tokenOf(second), "00000000-0000-0000-0000-000000000000.object"));
    cpSync(tokenOf(second), `${tokenOf(second)}-copy`, { recursive: true });
    await test.start();
    await enter();
    expectSame(2);
    await usableEverywhere(keys);
  });

  it("stay away when their folder cannot be made, and the others serve", async () => {
    const [key] = await sessions[0]!.list();
    await leave();
    await test.plane.close();
    const folder = join(clusterFolder(), hsmIds[0]!, "token");
    renameSync(folder, `${folder}-away`);
    writeFileSync(folder, "in the way");
    await test.start();
    const session = await openSession(test.plane, id, credentials);
    await session.encrypt(key!, none, none);
    const made = await session.generateAesKey({ label: "alone", keyId: Buffer.from("alone") });
    assert.deepEqual(
      (await test.plane.cluster(id))!.hsms.map(({ inStep }) => inStep),
      [false, true],
    );
    await session.close();
    rmSync(folder);
    await enter();
    await usableEverywhere([key!, made]);
    rmSync(`${folder}-away`, { recursive: true });
  });

  it("begin again when a file is lost while they run", async () => {
    for (const isUsedBefore of [false, true]) {
      const [hsmId] = hsmIds as [string];
      const had = filesOf(hsmId);
      const key = await make(`lost-${isUsedBefore}`);
      if (isUsedBefore) await usableEverywhere([key]);
      const [name] = [...filesOf(hsmId).keys()].filter((each) => !had.has(each));
      rmSync(join(tokenOf(hsmId), name!));
      await usableEverywhere([key]);
      await allAlive();
      expectSame();
      await leave();
      await enter();
    }
    for (const each of await sessions[0]!.list()) await sessions[0]!.destroy(each);
  });

  it("have what was acknowledged when everything is killed, and nothing half", { timeout: 60_000 }, async () => {
    await leave();
    await test.plane.close();
    const made = new Set<string>();
    const unsure = new Set<string>();
    const gone = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const child = fork(import.meta.filename, ["make-and-destroy", test.folder]);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      let acknowledged = 0;
      child.on("message", (message: { made?: string; destroying?: string; destroyed?: string }) => {
        if (message.made) made.add(message.made);
        if (message.destroying) unsure.add(message.destroying);
        if (message.destroyed) gone.add(message.destroyed);
        if (++acknowledged === 5 + round) child.kill("SIGKILL");
      });
      await ended;
    }
    await test.start();
    await enter();
    const found = new Map((await sessions[0]!.list()).map((key) => [key.label, key]));
    for (const name of made) assert.ok(found.has(name) || unsure.has(name), `${name} was acknowledged`);
    for (const name of gone) assert.ok(!found.has(name), `${name} was destroyed`);
    assert.ok(made.size > 6 && gone.size > 0);
    expectSame(found.size);
    await usableEverywhere([...found.values()]);
  });

  it("take over the folder that they shared, however often that is ended", async () => {
    const keys = await sessions[0]!.list();
    await leave();
    await test.plane.close();
    const shared = join(clusterFolder(), ".token");
    const kept = join(test.folder, "kept");
    mkdirSync(join(shared, "tokens"), { recursive: true });
    cpSync(tokenOf(hsmIds[0]!), join(shared, "tokens", "a-token"), { recursive: true });
    cpSync(shared, kept, { recursive: true });
    for (const hsmId of hsmIds) {
      rmSync(join(clusterFolder(), hsmId, "token"), { recursive: true });
      const key = derive(testSecret, Buffer.from(id), "jikimi-hsm/journal");
      const journal = await Journal.open(join(clusterFolder(), hsmId), key, id);
      const entries = [...journal.entries()].filter(({ record }) => record && record.kind !== "file");
      for (const { record } of entries) if (record?.kind === "object") delete record.file;
      await journal.rewrite(entries);
      await journal.close();
    }
    await test.start();
    await enter();
    assert.ok(!existsSync(shared));
    expectSame(keys.length);
    await usableEverywhere(keys);

    // Such a key's file is not known by name.
    await sessions[1]!.destroy(keys[0]!);
    expectSame(keys.length - 1);
    const { data } = await test.plane.backup(id);
    await expectRestored(data, keys.slice(1));
    // A backup of that time has the shared folder's files beside its entries.
    const content = readBackup(testSecret, data);
    const files = Object.fromEntries(
      readdirSync(join(kept, "tokens", "a-token")).map((name) => {
        const path = join("tokens", "a-token", name);
        return [path, readFileSync(join(kept, path), "base64")];
      }),
    );
    const entries = content.entries.filter(({ record }) => record?.kind !== "file");
    await expectRestored(writeBackup(testSecret, { ...content, entries, files }).data, keys.slice(1));

    // Ended before the shared folder was gone: what was destroyed since stays so.
    await leave();
    await test.plane.close();
    cpSync(kept, shared, { recursive: true });
    await test.start();
    await enter();
    assert.ok(!existsSync(shared));
    expectSame(keys.length - 1);
  });
}
