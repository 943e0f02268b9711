import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hsmSettings } from "./hsmSettings.ts";

test("without settings and without SoftHSM's programs: the embedded token, sockets for the owner of the data folder", () => {
  const { backend, socketFolder, sharedSockets, owner } = hsmSettings({ PATH: "/nowhere" }, "/data");
  assert.deepEqual([backend.kind, socketFolder, sharedSockets, owner], ["embedded", "/data/run/hsm", false, undefined]);
});

const softHsm = hsmSettings({ JIKIMI_PKCS11_MODULE: "softhsm", PATH: process.env["PATH"] }, "/data").backend;
const skip = softHsm.kind === "none" && softHsm.description;

test("without settings: SoftHSM where it is installed; what is set goes before", { skip }, () => {
  const kindOf = (env: NodeJS.ProcessEnv) => hsmSettings({ PATH: process.env["PATH"], ...env }, "/data").backend;
  assert.equal(kindOf({}).description, softHsm.description);
  assert.match(kindOf({}).description, /SoftHSM/);
  assert.equal(kindOf({ JIKIMI_PKCS11_MODULE: "embedded" }).kind, "embedded");
});

test("p11-kit without the program that serves a module is not enough", { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-p11-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "p11-kit"), "");
  const backend = () => hsmSettings({ PATH: join(folder, "bin") }, "/data").backend.kind;
  assert.equal(backend(), "embedded");
  mkdirSync(join(folder, "libexec", "p11-kit"), { recursive: true });
  writeFileSync(join(folder, "libexec", "p11-kit", "p11-kit-remote"), "");
  assert.equal(backend(), "pkcs11");
});

test("a folder for sockets is for everybody", () => {
  const { socketFolder, sharedSockets } = hsmSettings({ JIKIMI_HSM_SOCKETS: "/run/hsm" }, "/data");
  assert.deepEqual([socketFolder, sharedSockets], ["/run/hsm", true]);
});

test("a module that is not there is said, and is not replaced by another", () => {
  const { backend } = hsmSettings({ JIKIMI_PKCS11_MODULE: "/nowhere/module.so", PATH: process.env["PATH"] }, "/data");
  assert.equal(backend.kind, "none");
  assert.match(backend.description, /no PKCS #11 module \/nowhere\/module\.so/);
});

const wrong: [what: string, env: NodeJS.ProcessEnv, message: RegExp][] = [
  ["a folder that is not absolute", { JIKIMI_HSM_SOCKETS: "run" }, /JIKIMI_HSM_SOCKETS/],
  ["a module that is not absolute", { JIKIMI_PKCS11_MODULE: "module.so" }, /JIKIMI_PKCS11_MODULE/],
  ["a token without its module", { JIKIMI_PKCS11_TOKEN: "t", JIKIMI_PKCS11_PIN_FILE: "/pin" }, /JIKIMI_PKCS11_MODULE/],
  ["a token without its PIN", { JIKIMI_PKCS11_MODULE: "softhsm", JIKIMI_PKCS11_TOKEN: "t" }, /go together/],
  [
    "a module's process of another user",
    { JIKIMI_PKCS11_MODULE: "softhsm", JIKIMI_HSM_USER: "1:1" },
    /JIKIMI_HSM_USER/,
  ],
  ["root as the unprivileged user", { JIKIMI_HSM_USER: "root" }, /JIKIMI_HSM_USER/],
  ["a user who is not there", { JIKIMI_HSM_USER: "no such user" }, /JIKIMI_HSM_USER/],
];
for (const [what, env, message] of wrong) {
  test(`${what} ends the start`, () => {
    assert.throws(() => hsmSettings(env, "/data"), message);
  });
}
