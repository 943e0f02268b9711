import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runTestFile, type FileResult } from "./runTestFile.ts";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-runner-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function judged(name: string, source: string, timeoutMs = 60_000): Promise<FileResult> {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `import { test, describe, before } from "node:test";\n${source}`);
  const env = { ...process.env };
  // Set for the processes of `node --test`; a file under it would report to the outer runner.
  delete env["NODE_TEST_CONTEXT"];
  return await runTestFile(file, timeoutMs, env);
}

const cases: [name: string, source: string, passed: number, failed: number, skipped: number][] = [
  ["plain", `test("a", () => {}); test("b", () => {});`, 2, 0, 0],
  ["failing", `test("a", () => {}); test("b", () => { throw new Error("no"); });`, 1, 1, 0],
  ["a group counts by its tests", `describe("g", () => { test("a", () => {}); test("b", () => {}); });`, 2, 0, 0],
  [
    "a failed inner test counts once",
    `test("a", async (t) => { await t.test("b", () => { throw new Error("no"); }); });`,
    0,
    1,
    0,
  ],
  ["a failed inner test of a group", `describe("g", () => { test("b", () => { throw new Error("no"); }); });`, 0, 1, 0],
  [
    "a failed hook",
    `describe("g", () => { before(() => { throw new Error("no"); }); test("a", () => {}); });`,
    0,
    1,
    0,
  ],
  ["skipped", `test("a", { skip: "needs root" }, () => {}); test("b", { todo: true }, () => {});`, 0, 0, 2],
  ["ends the process", `test("a", () => {}); test("b", () => process.exit(0)); test("c", () => {});`, 0, 1, 0],
  ["does not load", `import "./absent.mjs";`, 0, 1, 0],
  ["has no test", `console.log("nothing");`, 0, 1, 0],
  [
    "fails after its tests",
    `test("a", () => {}); process.exitCode = 0; process.on("exit", () => process.kill(process.pid, "SIGKILL"));`,
    1,
    1,
    0,
  ],
];

for (const [name, source, passed, failed, skipped] of cases) {
  test(name, async () => {
    const { tally, failures } = await judged(name.replaceAll(" ", "-"), source);
    assert.deepEqual(
      { ...tally, passed: failed > 0 ? 0 : tally.passed },
      { passed: failed > 0 ? 0 : passed, failed: tally.failed, skipped },
    );
    assert.equal(tally.failed > 0, failed > 0);
    assert.equal(failures.length > 0, failed > 0);
    if (failed === 1 && !name.startsWith("a failed hook")) assert.equal(tally.failed, 1);
  });
}

test("a file that hangs is ended at its deadline, with what it started", async () => {
  const pidFile = join(folder, "child.pid");
  const source = `
    import { spawn } from "node:child_process";
    import { writeFileSync } from "node:fs";
    test("hangs", async () => {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
      await new Promise(() => setInterval(() => {}, 1000));
    });`;
  const { tally, failures } = await judged("hangs", source, 3000);
  assert.deepEqual(tally, { passed: 0, failed: 1, skipped: 0 });
  assert.match(failures[0] ?? "", /no end within 3 s/);
  const pid = Number(readFileSync(pidFile, "utf8"));
  const limit = Date.now() + 10_000;
  for (;;) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")) break;
    } catch {
      break;
    }
    assert.ok(Date.now() < limit, "the child of the test still runs");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
