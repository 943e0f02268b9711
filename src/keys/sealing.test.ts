/** Opening by shares, and coming under another seal, at the key holder itself. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "#kernel/log.ts";
import { type KeyHolderOptions, startKeyHolder } from "./client.ts";
import { Sealed, SealError } from "./contract.ts";
import { BoxReader, boxFor } from "./seals/box.ts";
import { handedOutPurpose, secretPurpose } from "./seals/seal.ts";

const folders: string[] = [];
const running: { close(): Promise<void> }[] = [];
after(async () => {
  await Promise.all(running.map((holder) => holder.close()));
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "jikimi-sealing-"));
  folders.push(path);
  return path;
}

async function start(dataDir: string, seal: KeyHolderOptions["seal"], recipient?: Uint8Array) {
  const options = { dataDir, seal, logger: silentLogger, ...(recipient ? { recipient } : {}) };
  const holder = await startKeyHolder(options);
  running.push(holder);
  return holder;
}

type Holder = Awaited<ReturnType<typeof start>>;

const twoOfThree = { kind: "shamir", threshold: 2, shares: 3 } as const;
const plain = (text: string) => ({ bytes: Buffer.from(text), boxed: false });
const linesOf = (reader: BoxReader, box: Uint8Array | undefined): string[] =>
  reader.open(box!, handedOutPurpose)!.toString().split("\n");

async function newShared(dataDir: string): Promise<{ holder: Holder; shares: string[] }> {
  const reader = new BoxReader();
  const holder = await start(dataDir, twoOfThree, reader.publicKey);
  return { holder, shares: linesOf(reader, holder.takeHandedOut()) };
}

async function rekeyToShares(holder: Holder): Promise<string[]> {
  const reader = new BoxReader();
  const proposal = await holder.proposeRekey({ to: twoOfThree, recipient: reader.publicKey });
  await holder.confirmRekey(proposal.id);
  return linesOf(reader, proposal.handedOut);
}

test("a new installation hands out its shares once, and opens with enough of them after a restart", async () => {
  const dataDir = await folder();
  const { holder, shares } = await newShared(dataDir);
  assert.equal(shares.length, 3);
  assert.equal(holder.takeHandedOut(), undefined);
  assert.deepEqual(await holder.state(), { sealed: false, seal: "shamir", development: false });
  const kept = await holder.protect("p", "b", Buffer.from("kept"));
  const keyring = await readFile(join(dataDir, "keys", "keyring.json"), "utf8");
  for (const share of shares) assert.ok(!keyring.includes(share));
  await holder.close();

  const again = await start(dataDir, twoOfThree);
  assert.deepEqual(await again.state(), { sealed: true, seal: "shamir", reason: "waiting for 2 shares" });
  const afterOne = await again.offer(plain(shares[2]!));
  assert.deepEqual(afterOne, {
    sealed: true,
    seal: "shamir",
    reason: "waiting for 2 shares",
    shares: { entered: 1, needed: 2 },
  });
  await assert.rejects(again.reveal("p", "b", kept), Sealed);
  await assert.rejects(again.offer(plain(shares[2]!)), /entered already/);
  await assert.rejects(again.offer(plain("JKM1-NONSENSE")), /not a share/);
  const box = boxFor(await again.boxKey(), secretPurpose, Buffer.from(shares[0]!));
  assert.equal((await again.offer({ bytes: box, boxed: true })).sealed, false);
  assert.equal(Buffer.from(await again.reveal("p", "b", kept)).toString(), "kept");

  // The holder alone is started again: its memory is gone, and so is what was in it.
  process.kill(again.pid!, "SIGKILL");
  await assert.rejects(async () => {
    for (;;)
      await again
        .reveal("p", "b", kept)
        .catch((error: unknown) => (error instanceof Sealed ? Promise.reject(error) : undefined));
  }, Sealed);
  await assert.rejects(again.offer({ bytes: box, boxed: true }), /try again/);
  for (const share of shares.slice(0, 2)) await again.offer(plain(share));
  assert.equal(Buffer.from(await again.reveal("p", "b", kept)).toString(), "kept");
});

test("shares of two sets do not open it, and nothing tells which of them is wrong", async () => {
  const mine = await newShared(await folder());
  const other = await newShared(await folder());
  await mine.holder.seal();
  const refusals: string[] = [];
  for (const [first, second] of [
    [mine.shares[0]!, other.shares[1]!],
    [other.shares[0]!, mine.shares[1]!],
    [other.shares[0]!, other.shares[1]!],
    [mine.shares[0]!, other.shares[0]!],
  ]) {
    await mine.holder.offer(plain(first!));
    await assert.rejects(mine.holder.offer(plain(second!)), (error) => {
      assert.ok(error instanceof SealError);
      refusals.push(error.message);
      return true;
    });
    assert.equal((await mine.holder.state()).sealed, true);
  }
  assert.equal(new Set(refusals).size, 1);
  for (const share of mine.shares.slice(1)) await mine.holder.offer(plain(share));
  assert.equal((await mine.holder.state()).sealed, false);
});

test("what there is to know of the seal: since when, what is pending, nothing that opens it", async () => {
  const dataDir = await folder();
  const before = Date.now();
  const holder = await start(dataDir, { kind: "development" });
  const { since, setAt, domainKeys, ...facts } = await holder.facts();
  assert.ok(since >= before && setAt! >= before && domainKeys.currentSince! >= before);
  const state = { sealed: false, seal: "development", development: true };
  assert.deepEqual(facts, { state, opensItself: true, keptOutside: false });
  const reader = new BoxReader();
  const proposal = await holder.proposeRekey({ to: twoOfThree, recipient: reader.publicKey });
  assert.equal((await holder.facts()).pending!.to, "shamir");
  await holder.confirmRekey(proposal.id);
  const after = await holder.facts();
  assert.equal(after.pending, undefined);
  assert.equal(after.since, since);
  assert.equal(after.domainKeys.count, 2);
  assert.ok(after.setAt! >= setAt!);
  assert.equal(after.opensItself, false);
  await holder.proposeRekey({ to: twoOfThree, recipient: reader.publicKey });
  await holder.seal();
  const sealed = await holder.facts();
  assert.equal(sealed.state.sealed, true);
  assert.ok(sealed.since >= since);
  // Its process is gone, and with it what it proposed.
  assert.equal(sealed.pending, undefined);
  assert.equal(
    (await start(dataDir, { kind: "shamir", threshold: 2, shares: 3 }).then((one) => one.facts())).setAt,
    after.setAt,
  );
});

test("a live holder comes under other seals, and only the last one opens it", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir, { kind: "development" });
  const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:k|1|SYMMETRIC_DEFAULT");
  const aad = Buffer.from("aad");
  const blob = await holder.encrypt(token, Buffer.from("before"), aad);
  const kept = await holder.protect("p", "b", Buffer.from("kept"));
  const backup = await folder();
  await cp(dataDir, backup, { recursive: true });

  const firstShares = await rekeyToShares(holder);
  assert.equal((await holder.state()).sealed, false);
  await assert.rejects(stat(join(dataDir, "keys", "development.key")), /ENOENT/);
  const shares = await rekeyToShares(holder);
  const madeAfter = await holder.protect("p", "b", Buffer.from("after"));
  assert.equal(Buffer.from(await holder.decrypt(token, blob, aad)).toString(), "before");
  await holder.seal();

  for (const share of firstShares.slice(0, 1)) await holder.offer(plain(share));
  await assert.rejects(holder.offer(plain(firstShares[1]!)), SealError);
  for (const share of shares.slice(0, 2)) await holder.offer(plain(share));
  assert.equal(Buffer.from(await holder.reveal("p", "b", kept)).toString(), "kept");
  assert.equal(Buffer.from(await holder.decrypt(token, blob, aad)).toString(), "before");

  const box = boxFor(await holder.boxKey(), secretPurpose, Buffer.from("a passphrase of my own"));
  const { id, handedOut } = await holder.proposeRekey({
    to: { kind: "passphrase" },
    secret: { bytes: box, boxed: true },
  });
  assert.equal(handedOut, undefined);
  await holder.confirmRekey(id);
  await holder.close();
  const last = await start(dataDir, { kind: "passphrase" });
  await last.unseal(Buffer.from("a passphrase of my own"));
  assert.equal(Buffer.from(await last.reveal("p", "b", madeAfter)).toString(), "after");

  // A backup from before opens with its own seal, and opens nothing that was made since.
  const restored = await start(backup, { kind: "development" });
  assert.equal(Buffer.from(await restored.reveal("p", "b", kept)).toString(), "kept");
  await assert.rejects(restored.reveal("p", "b", madeAfter));
});

test("until a change of the seal is confirmed nothing has changed; a stale one is refused", async () => {
  const dataDir = await folder();
  const holder = await start(dataDir, { kind: "development" });
  const before = await readFile(join(dataDir, "keys", "keyring.json"), "utf8");
  const reader = new BoxReader();
  const propose = () => holder.proposeRekey({ to: twoOfThree, recipient: reader.publicKey });
  const forgotten = await propose();
  const pending = await propose();
  await assert.rejects(holder.confirmRekey(forgotten.id), /begin again/);
  assert.equal(await readFile(join(dataDir, "keys", "keyring.json"), "utf8"), before);
  await holder.rotateDomainKey();
  await assert.rejects(holder.confirmRekey(pending.id), /begin again/);
  const third = await propose();
  process.kill(holder.pid!, "SIGKILL");
  await holder.random(8).catch(() => undefined);
  await assert.rejects(async () => {
    await holder.boxKey();
    await holder.confirmRekey(third.id);
  });
  await assert.rejects(holder.proposeRekey({ to: twoOfThree }), /nobody is there/);
  await assert.rejects(holder.proposeRekey({ to: { kind: "development" } }), /one key only/);
  await assert.rejects(holder.proposeRekey({ to: { kind: "passphrase" } }), /missing/);
  await assert.rejects(holder.proposeRekey({ to: { kind: "passphrase" }, secret: plain("short") }), /12 bytes/);
  await assert.rejects(holder.proposeRekey({ to: { kind: "shamir", threshold: 1, shares: 1 } }), SealError);
  assert.equal((await holder.state()).sealed, false);
  await holder.close();
  assert.equal((await (await start(dataDir, { kind: "development" })).state()).sealed, false);
});

test("two processes of one installation: the other one takes no key under the seal that is gone", async () => {
  const dataDir = await folder();
  const first = await start(dataDir, { kind: "development" });
  const other = await start(dataDir, { kind: "development" });
  const kept = await first.protect("p", "b", Buffer.from("kept"));
  const shares = await rekeyToShares(first);
  assert.equal(Buffer.from(await other.reveal("p", "b", kept)).toString(), "kept");
  await assert.rejects(other.rotateDomainKey(), /another process has changed the keyring/);
  await assert.rejects(other.proposeRekey({ to: twoOfThree }), /another process has changed the keyring/);
  process.kill(other.pid!, "SIGKILL");
  await other.reveal("p", "b", kept).catch(() => undefined);
  await assert.rejects(async () => {
    for (;;) {
      const { sealed } = await other.state();
      if (sealed) await other.reveal("p", "b", kept);
    }
  }, Sealed);
  for (const share of shares.slice(0, 2)) await other.offer(plain(share));
  assert.equal(Buffer.from(await other.reveal("p", "b", kept)).toString(), "kept");
});

test("the file that a rekey was told of opens it from then on", async () => {
  const dataDir = await folder();
  const file = join(await folder(), "passphrase");
  await writeFile(file, "one that is long enough\n", { mode: 0o600 });
  const holder = await start(dataDir, { kind: "development" });
  const secret = plain("one that is long enough");
  const { id } = await holder.proposeRekey({ to: { kind: "passphrase", file }, secret });
  await holder.confirmRekey(id);
  await holder.close();
  assert.equal((await (await start(dataDir, { kind: "passphrase" })).state()).sealed, false);
});
