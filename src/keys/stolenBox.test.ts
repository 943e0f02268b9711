/**
 * Whoever takes the box away has nothing of it. Of 1,000 keys that were planted and used, while it is open none is in the
 * memory of the process beside the holder, or in the data folder; once it is sealed, none is anywhere.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { constants, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const driver = fileURLToPath(new URL("./stolenBox.driver.ts", import.meta.url));
const planted = 1000;
/** The same at the start of all of them, so that one search finds every one. */
const mark = randomBytes(12);

/** The marked keys in a piece of memory or of a file, by their hexadecimal digits. */
function marked(bytes: Buffer, found: Set<string>): void {
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    found.add(bytes.subarray(at, at + 32).toString("hex"));
  }
}

function inMemory(pid: number): Set<string> {
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (!match) continue;
      const end = parseInt(match[2]!, 16);
      for (let at = parseInt(match[1]!, 16); at < end;) {
        const chunk = Buffer.alloc(Math.min(end - at, 4 << 20));
        let read = 0;
        try {
          read = readSync(memory, chunk, 0, chunk.length, at);
        } catch {
          // A guard page: the rest of this mapping cannot be read by anybody.
        }
        if (read === 0) break;
        marked(chunk.subarray(0, read), found);
        at += read === chunk.length && at + read < end ? read - 64 : read;
      }
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

function inFiles(folder: string): Set<string> {
  const found = new Set<string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) marked(readFileSync(join(entry.parentPath, entry.name)), found);
  }
  return found;
}

test("a stolen box: 0 of 1,000 keys", { skip: process.platform !== "linux" }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "jikimi-stolen-"));
  const child = spawn(process.execPath, ["--no-warnings", driver, dataDir], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => JSON.parse((await lines.next()).value as string) as T;
  try {
    const { publicKey } = await next<{ publicKey: string }>();
    const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), type: "spki", format: "der" });
    const secrets = Array.from({ length: planted }, () => Buffer.concat([mark, randomBytes(20)]));
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const wrapped = secrets.map((secret) =>
      publicEncrypt({ key, padding, oaepHash: "sha256" }, secret).toString("base64"),
    );
    const all = new Set(secrets.map((secret) => secret.toString("hex")));
    const ours = (found: Set<string>): number => [...found].filter((each) => all.has(each)).length;

    child.stdin.write(`${JSON.stringify(wrapped)}\n`);
    const open = await next<{ holder: number }>();
    assert.ok(ours(inMemory(open.holder)) > planted / 2, "the search finds keys where they must be");
    assert.equal(ours(inMemory(child.pid!)), 0, "beside the open holder");
    assert.equal(ours(inFiles(dataDir)), 0, "on disk");

    child.stdin.write("seal\n");
    const sealed = await next<{ holder: number }>();
    assert.notEqual(sealed.holder, open.holder);
    assert.throws(() => process.kill(open.holder, 0), { code: "ESRCH" });
    assert.equal(ours(inMemory(sealed.holder)), 0, "in the sealed holder");
    assert.equal(ours(inMemory(child.pid!)), 0, "beside the sealed holder");
  } finally {
    child.stdin.end();
    await once(child, "exit");
    await rm(dataDir, { recursive: true, force: true });
  }
});
