import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

/** Says why it skips where botocore is missing or another version: the committed files are checked by whoever has it. */
test("the committed models are what the generator writes", () => {
  const run = spawnSync(process.execPath, [join(import.meta.dirname, "generate-models.ts"), "--check"], {
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stderr);
});

test("without python3 the check is skipped and says so", () => {
  const run = spawnSync(process.execPath, [join(import.meta.dirname, "generate-models.ts"), "--check"], {
    encoding: "utf8",
    env: { PATH: "/nonexistent" },
  });
  assert.equal(run.status, 0);
  assert.match(run.stdout, /skipped, needs botocore/);
});
