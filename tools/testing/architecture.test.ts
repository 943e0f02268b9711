import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { findViolations, importsOf } from "./architecture.ts";

function violationsOf(files: Record<string, string>): string[] {
  const home = mkdtempSync(join(tmpdir(), "jikimi-architecture-"));
  try {
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), source);
    }
    return findViolations(home).map(({ file, specifier }) => `${file} ${specifier}`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const target = {
  "src/kernel/arn.ts": "export {};",
  "src/services/iam/state.ts": "export {};",
  "src/wire/a.test.ts": "export {};",
};

const cases: [name: string, file: string, source: string, refused: boolean][] = [
  ["down is allowed", "src/store/a.ts", `import "#kernel/arn.ts";`, false],
  ["up is not", "src/kernel/a.ts", `import "#store/a.ts";`, true],
  ["nor as a type", "src/kernel/a.ts", `import type { X } from "../services/iam/state.ts";`, true],
  ["nor handed on", "src/kernel/a.ts", `export { x } from "../services/iam/state.ts";`, true],
  ["nor later", "src/kernel/a.ts", `await import("../services/iam/state.ts");`, true],
  ["services do not import each other", "src/services/kms/a.ts", `import "../iam/state.ts";`, true],
  ["but themselves", "src/services/iam/a.ts", `import "./state.ts";`, false],
  ["tests may", "src/services/kms/a.test.ts", `import "../iam/state.ts";`, false],
  ["SDK types", "src/wire/a.ts", `import type { X } from "@aws-sdk/client-kms";`, false],
  ["SDK code", "src/wire/a.ts", `import { X } from "@aws-sdk/client-kms";`, true],
  ["tests are not imported", "src/wire/a.ts", `import "./a.test.ts";`, true],
  ["what does not exist", "src/wire/a.ts", `import "./absent.ts";`, true],
  ["a dependency of the key holder", "src/keys/holder.ts", `import "pino";`, true],
];

for (const [name, file, source, refused] of cases) {
  test(name, () => {
    const found = violationsOf({ ...target, [file]: source });
    assert.equal(found.length > 0, refused, found.join());
  });
}

test("a dependency of the key holder is found behind another file", () => {
  const files = { "src/keys/holder.ts": `import "./vault.ts";`, "src/keys/vault.ts": `import "pino";` };
  assert.deepEqual(violationsOf(files), ["src/keys/vault.ts pino"]);
});

test("every way to import is read", () => {
  const source = `import a from "a"; import type b from "b"; export * from "c"; const d = await import("d"); import { type e } from "e";`;
  assert.deepEqual(
    importsOf("x.ts", source)
      .map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? " type" : ""}`)
      .toSorted(),
    ["a", "b type", "c", "d", "e type"],
  );
});
