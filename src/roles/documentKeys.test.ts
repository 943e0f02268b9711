import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { Sealed } from "#keys/contract.ts";
import type { SealingKey } from "#store/sealing.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { DocumentKeys } from "./documentKeys.ts";

let folder: string;
let store: SqliteStore;
let clock: ManualClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-document-keys-"));
  clock = new ManualClock();
  store = new SqliteStore(join(folder, "state.db"), { clock });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** A key holder that can be sealed, and counts. */
class Holder {
  sealed = false;
  protected = 0;
  revealed = 0;

  async protect(purpose: string, bound: string, secret: Uint8Array): Promise<Uint8Array> {
    if (this.sealed) throw new Sealed();
    this.protected++;
    return Buffer.from(JSON.stringify([purpose, bound, Buffer.from(secret).toString("hex")]));
  }

  async reveal(purpose: string, bound: string, kept: Uint8Array): Promise<Uint8Array> {
    if (this.sealed) throw new Sealed();
    this.revealed++;
    const [ofPurpose, ofBound, secret] = JSON.parse(Buffer.from(kept).toString()) as [string, string, string];
    assert.deepEqual([purpose, bound], [ofPurpose, ofBound]);
    return Buffer.from(secret, "hex");
  }
}

function open(holder: Holder): DocumentKeys {
  return new DocumentKeys({ store, keys: holder, clock, random: systemRandom });
}

const nonceOf = (key: SealingKey): string => Buffer.from(key.nonce()).toString("hex");

test("a process has one key, however many ask for the first, and no nonce twice", async () => {
  const holder = new Holder();
  const keys = open(holder);
  const had = await Promise.all(Array.from({ length: 20 }, async () => await keys.current()));
  assert.deepEqual([new Set(had.map(({ id }) => id)).size, holder.protected], [1, 1]);
  const nonces = had.map(nonceOf);
  assert.equal(new Set(nonces).size, 20);
  const next = keys.current();
  assert.ok(!(next instanceof Promise), "at hand");
  assert.ok(!nonces.includes(nonceOf(next)));
});

test("every process, and every day, has another key; each opens what the others sealed", async () => {
  const holder = new Holder();
  const [first, second] = [open(holder), open(holder)];
  const a = await first.current();
  const b = await second.current();
  clock.advance(86_400_000);
  const c = await first.current();
  assert.equal(new Set([a.id, b.id, c.id]).size, 3);
  for (const { id, key } of [a, b, c]) {
    assert.ok((await second.byId(id)).equals(key));
  }
  const again = open(holder);
  assert.ok((await again.byId(a.id)).equals(a.key), "after a restart");
  await assert.rejects(async () => await again.byId("none"), /not there/);
});

test("what is known is forgotten after a minute; a sealed installation seals and opens nothing more, and counts on", async () => {
  const holder = new Holder();
  const keys = open(holder);
  const first = await keys.current();
  const nonce = nonceOf(first);
  holder.sealed = true;
  assert.equal((await keys.current()).id, first.id, "within the minute");
  clock.advance(60_000);
  await assert.rejects(async () => await keys.current(), Sealed);
  await assert.rejects(async () => await keys.byId(first.id), Sealed);
  await assert.rejects(async () => await open(holder).current(), Sealed);
  holder.sealed = false;
  const after = await keys.current();
  assert.equal(after.id, first.id);
  assert.ok(nonceOf(after) > nonce);
});
