import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ManualClock } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import { type KeyHolderOptions, startKeyHolder } from "./client.ts";
import {
  DecryptError,
  KeyDestroyed,
  KeyHolderUnavailable,
  type KeyToken,
  type MaterialSpec,
  Sealed,
  SealError,
  UnsupportedMaterial,
} from "./contract.ts";
import type { Keyring } from "./keyring.ts";
import { HolderProcess } from "./process.ts";
import { Op, Status } from "./protocol.ts";

const folders: string[] = [];
const running: { close(): Promise<void> }[] = [];
after(async () => {
  await Promise.all(running.map((holder) => holder.close()));
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "jikimi-keys-"));
  folders.push(path);
  return path;
}

async function start(dataDir: string, options: Partial<KeyHolderOptions> = {}) {
  const holder = await startKeyHolder({ dataDir, seal: { kind: "development" }, logger: silentLogger, ...options });
  running.push(holder);
  return holder;
}

const aad = Buffer.from("context");
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const passphrase = (): Buffer => Buffer.from("correct horse battery staple");

test("what was encrypted before a restart decrypts after it", async () => {
  const dataDir = await folder();
  const first = await start(dataDir);
  const { token } = await first.generate("SYMMETRIC_DEFAULT", "arn:k|1|SYMMETRIC_DEFAULT");
  const blob = await first.encrypt(token, Buffer.from("hello"), aad);
  const secret = await first.protect("secret-key", "AKIA", Buffer.from("hidden"));
  await first.close();
  await assert.rejects(first.encrypt(token, aad, aad), KeyHolderUnavailable);
  const second = await start(dataDir);
  assert.deepEqual(await second.state(), { sealed: false, seal: "development", development: true });
  assert.equal(text(await second.decrypt(token, blob, aad)), "hello");
  assert.equal(text(await second.reveal("secret-key", "AKIA", secret)), "hidden");
  await assert.rejects(second.decrypt(token, blob, Buffer.from("other")), DecryptError);
  await assert.rejects(second.reveal("secret-key", "AKIB", secret), DecryptError);
  await assert.rejects(second.generate("SM2" as MaterialSpec, "arn:r|1"), UnsupportedMaterial);
});

test("a start takes as long as it takes, but not when the process ends every time", async () => {
  const dataDir = await folder();
  const file = join(dataDir, "passphrase");
  await writeFile(file, passphrase(), { mode: 0o600 });
  const holder = await start(dataDir, { seal: { kind: "passphrase", file }, waitMs: 1 });
  assert.equal((await holder.state()).sealed, false);
  const { execPath } = process;
  process.execPath = "/bin/false";
  try {
    await assert.rejects(start(await folder()), KeyHolderUnavailable);
  } finally {
    process.execPath = execPath;
  }
});

test("re-encryption and data keys", async () => {
  const holder = await start(await folder());
  const { token: a } = await holder.generate("SYMMETRIC_DEFAULT", "a|1");
  const { token: b } = await holder.generate("SYMMETRIC_DEFAULT", "b|1");
  await holder.close();
  const again = await start(folders.at(-1)!);
  const { plaintext, ciphertext } = await again.dataKey(a, 32, aad);
  assert.equal(plaintext.length, 32);
  const cold = await start(folders.at(-1)!);
  const moved = await cold.reencrypt({ token: a, ciphertext, aad }, { token: b, aad: Buffer.from("new") });
  assert.deepEqual(await cold.decrypt(b, moved, Buffer.from("new")), plaintext);
  const same = await cold.reencrypt({ token: a, ciphertext, aad }, { token: a, aad });
  assert.deepEqual(await cold.decrypt(a, same, aad), plaintext);
  await assert.rejects(cold.reencrypt({ token: b, ciphertext, aad }, { token: a, aad }), DecryptError);
  const wrapped = await cold.wrappedDataKey(a, 16, aad);
  assert.equal((await cold.decrypt(a, wrapped, aad)).length, 16);
  assert.equal((await cold.random(1024)).length, 1024);
  await assert.rejects(cold.random(0), RangeError);
});

test("the process is confined: permission model, no environment, no core files, no sockets, stdio only", async () => {
  const holder = await start(await folder());
  const proc = `/proc/${holder.pid}`;
  const command = readFileSync(`${proc}/cmdline`, "utf8").split("\0");
  assert.ok(command.includes("--permission"));
  const allowed = command.filter((argument) => argument.startsWith("--allow-"));
  for (const argument of allowed) {
    assert.match(argument, /^--allow-fs-read=.*\/(keys|@noble\/(curves|hashes|post-quantum))$/);
  }
  assert.doesNotMatch(readFileSync(`${proc}/environ`, "utf8"), /(PATH|HOME|AWS|NODE|JIKIMI)/);
  assert.match(readFileSync(`${proc}/limits`, "utf8"), /Max core file size\s+0\s+0/);
});

test("passphrase: sealed until the right one is given, also after the process was killed", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir, { seal: { kind: "passphrase" } });
  assert.equal((await holder.state()).sealed, true);
  await assert.rejects(holder.generate("SYMMETRIC_DEFAULT", "k|1"), Sealed);
  await assert.rejects(holder.unseal(Buffer.from("short")), SealError);
  await holder.unseal(passphrase());
  const { token } = await holder.generate("SYMMETRIC_DEFAULT", "k|1");
  const blob = await holder.encrypt(token, Buffer.from("hello"), aad);

  await holder.seal();
  await assert.rejects(holder.decrypt(token, blob, aad), Sealed);
  await assert.rejects(holder.unseal(Buffer.from("wrong horse battery staple")), SealError);
  await assert.rejects(holder.decrypt(token, blob, aad), Sealed, "still sealed after a wrong passphrase");
  await holder.unseal(passphrase());
  assert.equal(text(await holder.decrypt(token, blob, aad)), "hello");

  process.kill(holder.pid!, "SIGKILL");
  for (;;) {
    const error = await holder.decrypt(token, blob, aad).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof Sealed) break;
    assert.ok(error === undefined || error instanceof KeyHolderUnavailable);
  }
  await holder.close();

  const file = join(dataDir, "passphrase");
  await writeFile(file, Buffer.concat([passphrase(), Buffer.from("\n")]));
  const opened = await start(dataDir, { seal: { kind: "passphrase", file } });
  assert.deepEqual(await opened.state(), { sealed: false, seal: "passphrase", development: false });
  assert.equal(text(await opened.decrypt(token, blob, aad)), "hello");
  await opened.close();

  await assert.rejects(start(dataDir), SealError, "another kind of seal than the folder's");
  const missing = await start(dataDir, { seal: { kind: "passphrase", file: join(dataDir, "absent") } });
  assert.equal((await missing.state()).sealed, true);
});

test("sealing a development installation holds until it is unsealed", async () => {
  const holder = await start(await folder());
  const before = holder.pid;
  await holder.seal();
  assert.notEqual(holder.pid, before, "the process that knew the keys is gone");
  await assert.rejects(holder.random(1), Sealed);
  process.kill(holder.pid!, "SIGKILL");
  await assert.rejects(
    holder.random(1).catch(() => holder.random(1)),
    Sealed,
  );
  await holder.unseal(new Uint8Array(0));
  assert.equal((await holder.random(1)).length, 1);
});

test("a damaged keyring is refused, never replaced", async () => {
  const dataDir = await folder();
  await (await start(dataDir)).close();
  const path = join(dataDir, "keys", "keyring.json");
  await writeFile(path, "{");
  await assert.rejects(start(dataDir), SealError);
  assert.equal(await readFile(path, "utf8"), "{");
});

test("a lost development key leaves the holder sealed, with the reason", async () => {
  const dataDir = await folder();
  await (await start(dataDir)).close();
  await rm(join(dataDir, "keys", "development.key"));
  const holder = await start(dataDir);
  const state = await holder.state();
  assert.ok(state.sealed && /cannot be read/.test(state.reason));
});

test("destroyed for good: tokens of a restored database do not open, in this process or after a restart", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir);
  const { token: first } = await holder.generate("SYMMETRIC_DEFAULT", "arn:doomed|1|S");
  const { token: second } = await holder.generate("SYMMETRIC_DEFAULT", "arn:doomed|2|S");
  const { token: other } = await holder.generate("SYMMETRIC_DEFAULT", "arn:spared|1|S");
  const blobs = await Promise.all([first, second, other].map((token) => holder.encrypt(token, aad, aad)));
  await holder.destroy("arn:doomed|1|S");
  for (const token of [first, second]) await assert.rejects(holder.encrypt(token, aad, aad), KeyDestroyed);
  await assert.rejects(holder.generate("SYMMETRIC_DEFAULT", "arn:doomed|3|S"), KeyDestroyed);
  assert.equal(text(await holder.decrypt(other, blobs[2]!, aad)), "context");
  await holder.close();
  const restarted = await start(dataDir);
  await assert.rejects(restarted.decrypt(first, blobs[0]!, aad), KeyDestroyed);
  await assert.rejects(restarted.decrypt(second, blobs[1]!, aad), KeyDestroyed);
  assert.equal(text(await restarted.decrypt(other, blobs[2]!, aad)), "context");
});

test("calls that race with the destruction of their key never bring it back", async () => {
  const holder = await start(await folder());
  const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:raced|1");
  const racing = Array.from({ length: 50 }, () => holder.encrypt(token, aad, aad).catch((error: unknown) => error));
  await holder.destroy("arn:raced|1");
  await Promise.all(racing);
  await assert.rejects(holder.encrypt(token, aad, aad), KeyDestroyed);
});

test("concurrent first versions of one key share one tombstone key", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir);
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, n) => holder.generate("SYMMETRIC_DEFAULT", `arn:k|${n}`)),
  );
  await holder.close();
  const restarted = await start(dataDir);
  await Promise.all(made.map(({ token }) => restarted.encrypt(token, aad, aad)));
});

test("domain keys rotate monthly; everything older still opens", async () => {
  const dataDir = await folder();
  const clock = new ManualClock();
  const holder = await start(dataDir, { clock });
  const { token } = await holder.generate("SYMMETRIC_DEFAULT", "k|1");
  const blob = await holder.encrypt(token, aad, aad);
  await holder.rotateDomainKey();
  const { token: newer } = await holder.generate("SYMMETRIC_DEFAULT", "k|2");
  assert.equal(Buffer.from(token.wrapped).readUInt32BE(0), 1);
  assert.equal(Buffer.from(newer.wrapped).readUInt32BE(0), 2);
  await holder.close();
  clock.advance(31 * 86_400_000);
  const later = await start(dataDir, { clock });
  const current = async (): Promise<number> =>
    (JSON.parse(await readFile(join(dataDir, "keys", "keyring.json"), "utf8")) as { current: number }).current;
  while ((await current()) !== 3) await later.random(1);
  assert.equal(text(await later.decrypt(token, blob, aad)), "context");
  await later.encrypt(newer, aad, aad);
});

test("domain keys that rotate at the same time lose nothing", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir);
  const made: Promise<{ token: KeyToken }>[] = [];
  const rotations = Array.from({ length: 5 }, (_, n) => {
    made.push(holder.generate("SYMMETRIC_DEFAULT", `arn:k${n}|1`));
    return holder.rotateDomainKey();
  });
  await Promise.all(rotations);
  const tokens = await Promise.all(made);
  await holder.close();
  const restarted = await start(dataDir);
  await Promise.all(tokens.map(({ token }) => restarted.encrypt(token, aad, aad)));
  const keyring = JSON.parse(await readFile(join(dataDir, "keys", "keyring.json"), "utf8")) as Keyring;
  assert.deepEqual(
    keyring.domainKeys.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6],
  );
});

test("killed again and again under load: each call succeeds or may be retried, and every blob decrypts", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir);
  const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:k|1");
  const blobs: { text: string; blob: Uint8Array }[] = [];
  let stop = false;
  let unavailable = 0;
  const worker = async (n: number): Promise<void> => {
    for (let i = 0; !stop; i++) {
      const content = `${n}/${i}`;
      try {
        blobs.push({ text: content, blob: await holder.encrypt(token, Buffer.from(content), aad) });
      } catch (error) {
        assert.ok(error instanceof KeyHolderUnavailable, String(error));
        unavailable++;
      }
    }
  };
  const workers = Array.from({ length: 8 }, (_, n) => worker(n));
  for (let kills = 0; kills < 10; kills++) {
    const enough = blobs.length + 50;
    while (blobs.length < enough) await new Promise((resolve) => setImmediate(resolve));
    process.kill(holder.pid!, "SIGKILL");
  }
  const enough = blobs.length + 50;
  while (blobs.length < enough) await new Promise((resolve) => setImmediate(resolve));
  stop = true;
  await Promise.all(workers);
  assert.ok(unavailable > 0, "calls were in flight when it died");
  for (const { text: expected, blob } of blobs) assert.equal(text(await holder.decrypt(token, blob, aad)), expected);
});

test("whatever comes through the pipe is answered; the process does not end, and tells nothing of its input", async () => {
  const dataDir = await folder();
  await (await start(dataDir)).close();
  const process = new HolderProcess(join(dataDir, "keys", "development.key"), silentLogger, () => undefined);
  running.push({ close: async () => process.kill() });
  const keyring = await readFile(join(dataDir, "keys", "keyring.json"));
  const canary = Buffer.from("canary-51c0");
  let seed = 1;
  const below = (max: number): number => (seed = (seed * 48271) % 2147483647) % max;
  for (const unsealed of [false, true]) {
    if (unsealed) assert.equal((await process.call(Op.unseal, [keyring, new Uint8Array(0)])).code, Status.ok);
    for (let n = 0; n < 600; n++) {
      const fields = Array.from({ length: below(9) }, () =>
        below(3) === 0 ? canary : Buffer.alloc(below(200), below(256)),
      );
      const code = n < 20 ? n : 1 + below(29);
      if (code === Op.propose || (code === Op.unseal && unsealed)) continue;
      const answer = await process.call(code, fields);
      if (answer.code === Status.ok || answer.code === Status.needsTombstoneKey) continue;
      assert.ok(!Buffer.concat(answer.fields).includes(canary), `operation ${code}`);
    }
  }
  assert.equal((await process.call(Op.random, [Buffer.from("8")])).fields[0]!.length, 8);
});

test("when the process that owns it is killed, the holder ends", { skip: process.platform !== "linux" }, async () => {
  const driver = fileURLToPath(new URL("./memory.driver.ts", import.meta.url));
  const child = spawn(process.execPath, ["--no-warnings", driver, await folder()], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  const [line] = (await once(createInterface(child.stderr), "line")) as [string];
  const { holder } = JSON.parse(line) as { holder: number };
  assert.ok(existsSync(`/proc/${holder}`));
  child.kill("SIGKILL");
  while (existsSync(`/proc/${holder}`) && !/\sZ\s/.test(readFileSync(`/proc/${holder}/stat`, "utf8"))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("files are for the owner only, and none holds a secret that was protected", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir);
  await holder.protect("p", "b", Buffer.from("canary-4f1c"));
  await holder.generate("SYMMETRIC_DEFAULT", "arn:k|1");
  const copy = join(await folder(), "copy");
  await cp(dataDir, copy, { recursive: true });
  for (const entry of await readdir(join(copy, "keys"), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path.replace(copy, dataDir));
    assert.equal(mode & 0o077, 0, path);
    if (entry.isFile()) assert.doesNotMatch(await readFile(path, "latin1"), /canary-4f1c/);
  }
});

test("two processes over one keyring: what one has made the other opens, also after a rotation and a change of the seal", async () => {
  const dataDir = await folder();
  const one = await start(dataDir);
  const two = await start(dataDir);
  const first = await two.generate("SYMMETRIC_DEFAULT", "a|1");
  await one.rotateDomainKey();
  const { token } = await one.generate("SYMMETRIC_DEFAULT", "k|1");
  const blob = await one.encrypt(token, Buffer.from("hello"), aad);
  const secret = await one.protect("p", "b", Buffer.from("s"));
  assert.equal(text(await two.decrypt(token, blob, aad)), "hello");
  assert.equal(text(await two.reveal("p", "b", secret)), "s");
  assert.equal((await two.facts()).domainKeys.count, 2, "it has taken it over, and makes no other");
  // What it makes now is under the newest one as well.
  await one.encrypt((await two.generate("SYMMETRIC_DEFAULT", "k|2")).token, Buffer.from("x"), aad);

  const file = join(dataDir, "passphrase");
  await writeFile(file, passphrase());
  const { id } = await two.proposeRekey({
    to: { kind: "passphrase", file },
    secret: { bytes: Buffer.from(passphrase()), boxed: false },
  });
  await two.confirmRekey(id);
  const later = await two.generate("SYMMETRIC_DEFAULT", "k|3");
  const third = await two.encrypt(later.token, Buffer.from("third"), aad);
  assert.equal(text(await one.decrypt(later.token, third, aad)), "third", "opened anew, under the new seal");
  assert.deepEqual(await one.state(), { sealed: false, seal: "passphrase", development: false });
  await one.encrypt(first.token, Buffer.from("x"), aad);

  const damaged = Buffer.from(later.token.wrapped);
  damaged.writeUInt32BE(77, 0);
  await assert.rejects(one.encrypt({ ...later.token, wrapped: damaged }, Buffer.from("x"), aad), DecryptError);
  await one.close();
  await two.close();
});

test("two processes over one keyring: a seal that somebody opens is to be opened at each", async () => {
  const dataDir = await folder();
  const one = await start(dataDir);
  const two = await start(dataDir);
  const { id } = await one.proposeRekey({
    to: { kind: "passphrase" },
    secret: { bytes: Buffer.from(passphrase()), boxed: false },
  });
  await one.confirmRekey(id);
  const { token } = await one.generate("SYMMETRIC_DEFAULT", "k|1");
  const state = await two.catchUp();
  assert.ok(state.sealed && state.seal === "passphrase", JSON.stringify(state));
  await assert.rejects(two.encrypt(token, Buffer.from("x"), aad), Sealed);
  await two.unseal(passphrase());
  await two.encrypt(token, Buffer.from("x"), aad);
  await one.close();
  await two.close();
});

test("two processes over one keyring: one that is sealed meanwhile waits for the new seal", async () => {
  const dataDir = await folder();
  const one = await start(dataDir);
  const two = await start(dataDir);
  await two.seal();
  const file = join(dataDir, "passphrase");
  await writeFile(file, passphrase());
  const secret = { bytes: Buffer.from(passphrase()), boxed: false };
  await one.confirmRekey((await one.proposeRekey({ to: { kind: "passphrase", file }, secret })).id);
  assert.deepEqual(await two.catchUp(), { sealed: true, seal: "passphrase", reason: "sealed by an operator" });
  await two.unseal(passphrase());
  assert.equal((await two.state()).sealed, false);
  await one.close();
  await two.close();
});

test("of several processes one makes the domain key that is due", async () => {
  const dataDir = await folder();
  const clock = new ManualClock(Date.parse("2026-01-01T00:00:00Z"));
  await (await start(dataDir, { clock })).close();
  clock.advance(31 * 86_400_000);
  const told = await start(dataDir, { clock, mayRotate: async () => false });
  const chosen = await start(dataDir, { clock, mayRotate: async () => true });
  while ((await chosen.facts()).domainKeys.count < 2) await new Promise(setImmediate);
  assert.equal((await told.facts()).domainKeys.count, 1);
  const { token } = await chosen.generate("SYMMETRIC_DEFAULT", "k|1");
  await told.encrypt(token, Buffer.from("x"), aad);
  assert.equal((await told.facts()).domainKeys.count, 2);
  await told.close();
  await chosen.close();
});

test("what one process destroys, the others have no more, though they had it in memory", async () => {
  const dataDir = await folder();
  const other = await start(dataDir);
  const one = await start(dataDir, { onDestroyed: (group) => other.forget(group) });
  const { token } = await one.generate("SYMMETRIC_DEFAULT", "k|1");
  const blob = await other.encrypt(token, Buffer.from("x"), aad);
  await one.destroy("k|1");
  await assert.rejects(other.decrypt(token, blob, aad), KeyDestroyed);
  await assert.rejects(other.generate("SYMMETRIC_DEFAULT", "k|2"), KeyDestroyed);
  const away = await start(dataDir, { onDestroyed: () => Promise.reject(new Error("no answer")) });
  await assert.rejects(away.destroy("l|1"), /no answer/);
  await one.close();
  await other.close();
  await away.close();
});
