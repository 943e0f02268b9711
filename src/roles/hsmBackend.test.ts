import assert from "node:assert/strict";
import { test } from "node:test";
import { installedBackend } from "./hsmBackend.ts";

test("what would hold keys is told without a process, and settings that cannot be used are the reason", () => {
  const embedded = installedBackend({ JIKIMI_PKCS11_MODULE: "embedded" });
  assert.ok(embedded.available && embedded.kind === "embedded" && /software/.test(embedded.description));
  const reasons: [NodeJS.ProcessEnv, RegExp][] = [
    [{ JIKIMI_PKCS11_MODULE: "/nowhere/module.so", PATH: "" }, /no PKCS #11 module \/nowhere\/module\.so/],
    [{ JIKIMI_PKCS11_MODULE: "module.so" }, /not an absolute path/],
    [{ JIKIMI_PKCS11_MODULE: "/nowhere/module.so", JIKIMI_PKCS11_TOKEN: "t" }, /go together/],
  ];
  for (const [env, reason] of reasons) {
    const backend = installedBackend(env);
    assert.ok(!backend.available, JSON.stringify(env));
    assert.match(backend.reason, reason);
  }
});
