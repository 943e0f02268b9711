import assert from "node:assert/strict";
import { test } from "node:test";
import { hsmSettings } from "./hsmSettings.ts";

test("without settings: the embedded token, sockets for the owner of the data folder", () => {
  const { backend, socketFolder, sharedSockets, owner } = hsmSettings({}, "/data");
  assert.deepEqual([backend.kind, socketFolder, sharedSockets, owner], ["embedded", "/data/run/hsm", false, undefined]);
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
