import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { modelled, plain } from "./operations.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** `api("iam", "ListUsers"` and `every(api, "iam", "ListUsers"`; what is put in by templates is spelled out. */
function* calls(): Generator<[file: string, service: string, operation: string]> {
  for (const file of globSync("**/*.{ts,tsx}", { cwd: root })) {
    const source = readFileSync(root + file, "utf8");
    for (const [, service, quoted] of source.matchAll(/"([a-z0-9]+)",\s*("[A-Z]\w+"|`[A-Z][\w${}]+`)/g)) {
      const names = ["User", "Role"].map((kind) => quoted!.slice(1, -1).replaceAll("${kind}", kind));
      for (const operation of new Set(names)) yield [file, service!, operation];
    }
  }
}

test("every operation that a page asks of a query or REST service has its shapes in the build", () => {
  const found = [...calls()].filter(([, service]) => service in modelled);
  assert.ok(found.length > 60, String(found.length));
  for (const [file, service, operation] of found) {
    const known: readonly string[] = modelled[service as keyof typeof modelled];
    assert.ok(known.includes(operation), `${file}: ${service} ${operation}`);
  }
});

test("every service that is asked is in the build, and no shape is carried that nobody asks for", () => {
  const asked = [...calls()];
  const known = new Set<string>([...Object.keys(modelled), ...plain]);
  for (const [file, service, operation] of asked) assert.ok(known.has(service), `${file}: ${service} ${operation}`);
  const sources = globSync("{pages,frame}/**/*.tsx", { cwd: root }).map((file) => readFileSync(root + file, "utf8"));
  const used = new Set(asked.map(([, service, operation]) => `${service} ${operation}`));
  const unasked = Object.entries(modelled).flatMap(([service, operations]) =>
    operations.filter(
      (operation) =>
        !used.has(`${service} ${operation}`) && !sources.some((source) => source.includes(`"${operation}"`)),
    ),
  );
  assert.deepEqual(unasked, []);
});
