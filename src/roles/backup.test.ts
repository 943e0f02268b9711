import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { BlobMissing, BlobUnavailable, type BlobStore } from "#blob/contract.ts";
import { openBlobs } from "#blob/open.ts";
import { ManualClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import type { Store } from "#store/contract.ts";
import { backup, type BackupSource } from "./backup.ts";
import { BackupDamaged } from "./backupFormat.ts";
import { restore, TargetNotEmpty } from "./restore.ts";
import type { RoleConfig } from "./role.ts";

const clock = new ManualClock();
let folder: string;
let dataDir: string;
let target: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-backup-"));
  dataDir = join(folder, "data");
  target = join(folder, "backup");
  for (const name of ["keys/tombstones", "logs", "run"]) mkdirSync(join(dataDir, name), { recursive: true });
  writeFileSync(join(dataDir, "keys/keyring.json"), "wrapped");
  writeFileSync(join(dataDir, "keys/tombstones/t"), Buffer.of(0, 255, 1));
  writeFileSync(join(dataDir, "logs/api.log"), "noise");
  writeFileSync(join(dataDir, "run.json"), "{}");
  writeFileSync(join(dataDir, "store.sqlite-wal"), "half");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const config = (): RoleConfig => ({ dataDir }) as RoleConfig;
const memory = new Map<string, Buffer>();

/** `onStore` happens while the store is copied. */
function source(blobs: Record<string, string>, onStore: () => void = () => {}): BackupSource {
  memory.clear();
  for (const [id, text] of Object.entries(blobs)) memory.set(id, Buffer.from(text));
  const store = {
    backup: async (path: string) => {
      writeFileSync(path, "store");
      onStore();
    },
  } as Partial<Store> as Store;
  const blobStore = {
    list: async (after: string | undefined, limit: number) =>
      [...memory.keys()]
        .toSorted()
        .filter((id) => after === undefined || id > after)
        .slice(0, limit)
        .map((id) => ({ id, size: memory.get(id)!.length, modified: 0 })),
    async *get(id: string) {
      const content = memory.get(id);
      if (!content) throw new BlobMissing(id);
      if (content.toString() === "unreadable") throw new BlobUnavailable("disk error");
      yield content;
    },
  } as Partial<BlobStore> as BlobStore;
  return { clock, runtime: { store, blobs: blobStore } };
}

const into = (dir: string) => ({
  path: target,
  keysPath: `${target}.keys`,
  dataDir: dir,
  openBlobs: (each: string) => openBlobs(`file:${join(each, "blobs")}`, { clock }),
});

async function blobText(dir: string, id: string): Promise<string> {
  const blobs = await openBlobs(`file:${join(dir, "blobs")}`, { clock });
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.get(id)) chunks.push(chunk);
  await blobs.close();
  return Buffer.concat(chunks).toString();
}

test("what is backed up is what is restored; keys and state are apart", async () => {
  const made = await backup(config(), source({ a1: "first", b2: "second" }), target);
  assert.equal(made.keysPath, `${target}.keys`);
  assert.equal(statSync(made.keysPath).mode & 0o777, 0o600);
  const keys = JSON.parse(readFileSync(made.keysPath, "utf8")) as { files: Record<string, string> };
  assert.deepEqual(Object.keys(keys.files), ["keys/keyring.json", "keys/tombstones/t"]);
  const inFolder = readdirSync(target, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  for (const each of inFolder) assert.doesNotMatch(readFileSync(join(each.parentPath, each.name), "utf8"), /wrapped/);

  const restored = join(folder, "restored");
  await restore(into(restored));
  assert.equal(readFileSync(join(restored, "store.sqlite"), "utf8"), "store");
  assert.deepEqual(readFileSync(join(restored, "keys/tombstones/t")), Buffer.of(0, 255, 1));
  assert.equal(await blobText(restored, "b2"), "second");
  assert.equal(existsSync(join(restored, "run.json")), false);
});

test("a body that comes in while the store is copied is there; one that goes is no obstacle", async () => {
  const changing = source({ a1: "stays", b2: "goes" }, () => {
    memory.set("c3", Buffer.from("came"));
    memory.delete("b2");
  });
  await backup(config(), changing, target);
  const restored = join(folder, "restored");
  await restore(into(restored));
  assert.equal(await blobText(restored, "c3"), "came");
});

test("a backup that fails leaves nothing", async () => {
  await assert.rejects(backup(config(), source({ a1: "unreadable" }), target), BlobUnavailable);
  assert.deepEqual(readdirSync(folder), ["data"]);
});

test("paths that cannot be are refused", async () => {
  await backup(config(), source({}), target);
  const cases: [string, string][] = [
    ["relative/path", "InvalidRequest"],
    [join(dataDir, "inside"), "InvalidRequest"],
    [dataDir, "InvalidRequest"],
    [target, "AlreadyExists"],
  ];
  for (const [path, code] of cases) {
    await assert.rejects(
      backup(config(), source({}), path),
      (error) => error instanceof AwsError && error.code === code,
    );
  }
});

test("a restore writes over nothing, and nothing that is damaged", async () => {
  await backup(config(), source({ a1: "first" }), target);
  await assert.rejects(restore(into(dataDir)), TargetNotEmpty);
  const restored = join(folder, "restored");
  const manifest = join(target, "manifest.json");
  const whole = readFileSync(manifest, "utf8");
  const damages: [string, () => void][] = [
    ["store", () => writeFileSync(join(target, "store.sqlite"), "other")],
    ["keys", () => writeFileSync(`${target}.keys`, "{}")],
    ["list of bodies", () => writeFileSync(join(target, "blobs.ndjson"), "")],
    ["format", () => writeFileSync(manifest, whole.replace('"format": 1', '"format": 2'))],
    ["path", () => writeFileSync(manifest, whole.replace('"store.sqlite"', '"../data/store.sqlite-wal"'))],
    ["manifest", () => rmSync(manifest)],
  ];
  for (const [what, damage] of damages) {
    const kept = new Map(
      ["store.sqlite", "blobs.ndjson", "manifest.json"].map((name) => [name, readFileSync(join(target, name))]),
    );
    const keys = readFileSync(`${target}.keys`);
    damage();
    await assert.rejects(restore(into(restored)), BackupDamaged, what);
    assert.equal(existsSync(restored), false, what);
    for (const [name, content] of kept) writeFileSync(join(target, name), content);
    writeFileSync(`${target}.keys`, keys);
  }
  await restore(into(restored));
});
