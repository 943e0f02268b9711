import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { RoleLog, roleLogPath } from "../roles/processLog.ts";
import { lastLines, logFiles, LogTail } from "./logFiles.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "jikimi-logs-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const line = (second: number, msg: string): string => JSON.stringify({ time: `2026-01-01T00:00:0${second}.000Z`, msg });

test("lines of several roles come in the order of time; what has no time stays behind its neighbour", () => {
  new RoleLog(roleLogPath(dataDir, "api")).write(Buffer.from(`${line(1, "a")}\n${line(4, "d")}\n    at stack\n`));
  new RoleLog(roleLogPath(dataDir, "jobs")).write(Buffer.from(`${line(2, "b")}\n${line(3, "c")}\n`));
  const lines = lastLines(logFiles(dataDir), 4);
  assert.deepEqual(
    lines.map(({ role, text }) => `${role} ${text.includes("msg") ? JSON.parse(text).msg : text.trim()}`),
    ["jobs b", "jobs c", "api d", "api at stack"],
  );
  assert.deepEqual(lastLines(logFiles(dataDir, "jobs"), 0), []);
});

test("a tail gives whole lines only, and goes on after the file is put aside", () => {
  const path = roleLogPath(dataDir, "api");
  const log = new RoleLog(path, 40);
  log.write(Buffer.from("before\n"));
  const tail = new LogTail(path);
  log.write(Buffer.from("one\ntw"));
  assert.deepEqual(
    tail.read().map(({ text }) => text),
    ["one"],
  );
  log.write(Buffer.from("o\n"));
  log.write(Buffer.from(`${"x".repeat(30)}\n`));
  assert.deepEqual(
    tail.read().map(({ text }) => text),
    ["two", "x".repeat(30)],
  );
  tail.close();
  log.close();
});

test("a log stays bounded and keeps the newest", () => {
  const path = roleLogPath(dataDir, "api");
  const log = new RoleLog(path, 100);
  for (let n = 0; n < 50; n++) log.write(Buffer.from(`line ${n}\n`));
  log.close();
  const all = logFiles(dataDir);
  assert.equal(all.length, 1);
  assert.match(readFileSync(path, "utf8"), /line 49\n$/);
  for (const name of [path, `${path}.1`, `${path}.2`]) assert.ok(readFileSync(name).length <= 100);
  assert.throws(() => readFileSync(`${path}.3`));
});

test("a full or vanished disk costs lines and no exception", () => {
  const log = new RoleLog(roleLogPath(dataDir, "api"));
  log.close();
  assert.doesNotThrow(() => log.write(Buffer.from("x")));
  writeFileSync(join(dataDir, "unrelated"), "");
});
