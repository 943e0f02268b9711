import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSeal } from "./seal.ts";

const key = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd";

test("names of seals", () => {
  const named: [string, ReturnType<typeof parseSeal>][] = [
    ["development", { kind: "development" }],
    ["passphrase", { kind: "passphrase" }],
    ["shamir:3/5", { kind: "shamir", threshold: 3, shares: 5 }],
    ["shamir:16/16", { kind: "shamir", threshold: 16, shares: 16 }],
    [`kms:${key}`, { kind: "kms", key, endpoint: "https://kms.eu-west-1.amazonaws.com" }],
    [`kms:${key}@http://127.0.0.1:4566/`, { kind: "kms", key, endpoint: "http://127.0.0.1:4566" }],
    [
      "xks:https://hsm.example:8443/mine/kms/xks/v1/keys/external-1",
      { kind: "xks", endpoint: "https://hsm.example:8443", path: "/mine/kms/xks/v1", key: "external-1" },
    ],
    [
      "pkcs11:token=jk;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so",
      { kind: "pkcs11", token: "jk", key: "root", module: "/usr/lib/softhsm/libsofthsm2.so" },
    ],
    ["tpm", { kind: "tpm" }],
    ["tpm:0,7", { kind: "tpm", pcrs: "0,7" }],
  ];
  for (const [text, seal] of named) assert.deepEqual(parseSeal(text), seal, text);
});

test("everything else is none", () => {
  const wrong = ["", "Development", "shamir", "shamir:1/3", "shamir:4/3", "shamir:2/17", "shamir:2/3 ", "kms:alias/x"];
  wrong.push(`kms:${key}@ftp://x`, "xks:http://x/kms/xks/v1/keys/a", "xks:https://x/keys/a", "tpm:", "tpm:0,", "tpm:a");
  wrong.push(
    "pkcs11:token=a;object=b",
    "pkcs11:token=a;object=b?module-path=relative.so",
    "pkcs11:token=a;object=b?module-path=/m.so&pin-value=1",
  );
  for (const text of wrong) assert.equal(parseSeal(text), undefined, text);
});
