/**
 * INVARIANT: key material is in the memory of the holder process and nowhere else. The test unwraps the keys of a
 * development installation itself, from the files, and then searches the memory of both processes for them.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createSecretKey, hkdfSync } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { frameAad, openBlob } from "./blob.ts";
import type { Keyring } from "./keyring.ts";

const driver = fileURLToPath(new URL("./memory.driver.ts", import.meta.url));

function start(dataDir: string): ChildProcess {
  return spawn(process.execPath, ["--no-warnings", driver, dataDir], { stdio: ["pipe", "pipe", "pipe"] });
}

/** Whether the readable memory of a process contains any of the needles; their names. */
function search(pid: number, needles: Readonly<Record<string, Buffer>>): string[] {
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) r[w-]/.exec(line);
      // Private writable memory and the heap; code and files hold no keys.
      if (!match || !line.includes(" rw")) continue;
      let at = parseInt(match[1]!, 16);
      const end = parseInt(match[2]!, 16);
      while (at < end) {
        const chunk = Buffer.alloc(Math.min(end - at, 4 << 20));
        let read: number;
        try {
          read = readSync(memory, chunk, 0, chunk.length, at);
        } catch {
          break;
        }
        if (read === 0) break;
        for (const [name, needle] of Object.entries(needles)) if (chunk.includes(needle)) found.add(name);
        at += read === chunk.length && at + read < end ? read - 64 : read;
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found].sort();
}

/** The keys of a development installation, unwrapped from its files and a token as an independent reader would. */
function keysOf(dataDir: string, wrapped: string, pair: string): Record<string, Buffer> {
  const keys = join(dataDir, "keys");
  const file = readFileSync(join(keys, "development.key"));
  const seed = createHash("sha256").update("jikimi development root").update(file).digest();
  const root = Buffer.from(hkdfSync("sha256", seed, "", "jikimi root", 32));
  const keyring = JSON.parse(readFileSync(join(keys, "keyring.json"), "utf8")) as Keyring;
  const domainWrapped = Buffer.from(keyring.domainKeys[0]!.wrapped, "base64");
  const domain = openBlob(createSecretKey(root), "jikimi domain key", domainWrapped, frameAad("domain", "1"))!;
  const underDomain = (label: string, blob: Buffer, aad: Buffer): Buffer =>
    openBlob(createSecretKey(domain), label, blob.subarray(4), Buffer.concat([blob.subarray(0, 4), aad]))!;
  const tombstones = readdirSync(join(keys, "tombstones"), { recursive: true, withFileTypes: true });
  const tombstoneFile = tombstones.find((entry) => entry.isFile())!;
  const tombstoneWrapped = readFileSync(join(tombstoneFile.parentPath, tombstoneFile.name)).subarray(1);
  const tombstone = underDomain("jikimi tombstone key", tombstoneWrapped, frameAad("tombstone", "arn:k"));
  const opened = (token: string, bound: string): Buffer => {
    const aad = frameAad("token", bound);
    const inner = underDomain("jikimi token outer", Buffer.from(token, "base64"), aad);
    return openBlob(createSecretKey(tombstone), "jikimi token inner", inner, aad)!.subarray(1);
  };
  const material = opened(wrapped, "arn:k|1|SYMMETRIC_DEFAULT");
  const scalar = opened(pair, "arn:k|2|ECC_NIST_P256");
  return { file, root, domain, tombstone, material, scalar };
}

test("keys are in the holder's memory only, and not in its log", { skip: process.platform !== "linux" }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "jikimi-memory-"));
  try {
    // The first run makes the key file, the second uses it: neither keeps it.
    for (const run of ["first run", "second run"]) {
      const child = start(dataDir);
      let log = "";
      child.stdout!.setEncoding("utf8").on("data", (text: string) => (log += text));
      try {
        const [line] = (await once(createInterface(child.stderr!), "line")) as [string];
        const { holder, wrapped, pair } = JSON.parse(line) as { holder: number; wrapped: string; pair: string };
        const needles = keysOf(dataDir, wrapped, pair);
        assert.ok(search(holder, needles).includes("material"), "the search finds a key where one must be");
        assert.deepEqual(search(child.pid!, needles), [], run);
        for (const needle of Object.values(needles)) {
          for (const encoding of ["hex", "base64", "latin1"] as const) {
            assert.ok(!log.includes(needle.toString(encoding)), run);
          }
        }
      } finally {
        child.stdin!.end();
        await once(child, "exit");
      }
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
