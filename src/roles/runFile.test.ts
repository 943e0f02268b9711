import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { identify, isRunning } from "./processIdentity.ts";
import {
  AlreadyRunning,
  claimDataFolder,
  readRunFile,
  releaseDataFolder,
  runFilePath,
  runningOwner,
} from "./runFile.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "jikimi-run-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const facts = () => ({ version: "1.2.3", dataDir, startedAt: "2026-01-01T00:00:00Z" });

test("a claim is readable, mode 0600, and is released by its owner", () => {
  claimDataFolder(facts());
  assert.equal(runningOwner(dataDir)?.pid, process.pid);
  assert.equal(statSync(runFilePath(dataDir)).mode & 0o777, 0o600);
  releaseDataFolder(dataDir);
  assert.equal(readRunFile(dataDir), undefined);
});

test("a folder of a running process is refused and left alone", async () => {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  try {
    writeFileSync(runFilePath(dataDir), JSON.stringify({ ...identify(other.pid!), ...facts() }));
    assert.throws(
      () => claimDataFolder(facts()),
      (error) => error instanceof AlreadyRunning && error.owner.pid === other.pid,
    );
    releaseDataFolder(dataDir);
    assert.equal(readRunFile(dataDir)?.pid, other.pid);
  } finally {
    other.kill("SIGKILL");
  }
});

test("what a dead process, a reused number or a damaged file left behind is taken over", () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  const leftovers = [
    JSON.stringify({ pid: dead, ...facts() }),
    JSON.stringify({ pid: process.ppid, startTicks: "1", ...facts() }),
    "{",
  ];
  for (const leftover of leftovers) {
    writeFileSync(runFilePath(dataDir), leftover);
    assert.equal(claimDataFolder(facts()).run.pid, process.pid);
    assert.equal(readRunFile(dataDir)?.pid, process.pid);
    releaseDataFolder(dataDir);
  }
});

test("roles that outlive their killed supervisor are named to the next one", () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  const alive = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  try {
    const role = identify(alive.pid!);
    writeFileSync(runFilePath(dataDir), JSON.stringify({ pid: dead, ...facts(), roles: [role, { pid: dead }] }));
    assert.deepEqual(claimDataFolder(facts()).leftovers, [role]);
  } finally {
    alive.kill("SIGKILL");
  }
});

test("a zombie is not running", async () => {
  // The shell's child ends and is never waited for.
  const shell = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const pid = Number(
      await new Promise<string>((resolve) => shell.stdout.once("data", (chunk) => resolve(String(chunk)))),
    );
    const limit = Date.now() + 10_000;
    while (isRunning({ pid }) && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(isRunning({ pid }), false);
  } finally {
    shell.kill("SIGKILL");
  }
});
