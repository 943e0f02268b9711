import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { blobOverhead, deriveBlobKey, frameAad, openBlob, sealBlob } from "./blob.ts";

const raw = Buffer.alloc(32, 7);
const key = createSecretKey(raw);
const aad = Buffer.from("context");

test("the derived key is OpenSSL's KBKDF in counter mode", (t) => {
  const nonce = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
  const args = ["kdf", "-keylen", "32", "-binary", "-kdfopt", "mac:HMAC", "-kdfopt", "digest:SHA256"];
  args.push("-kdfopt", `hexkey:${raw.toString("hex")}`, "-kdfopt", "salt:jikimi-kms");
  args.push("-kdfopt", `hexinfo:${nonce.toString("hex")}`, "KBKDF");
  const openssl = spawnSync("openssl", args);
  if (openssl.status !== 0) return t.skip("openssl 3 is not on this host");
  assert.equal(deriveBlobKey(key, "jikimi-kms", nonce).toString("hex"), openssl.stdout.toString("hex"));
});

test("a blob opens only unchanged, under its key, label and additional data", () => {
  const plaintext = randomBytes(100);
  const blob = sealBlob(key, "label", plaintext, aad);
  assert.equal(blob.length, plaintext.length + blobOverhead);
  assert.deepEqual(openBlob(key, "label", blob, aad), plaintext);
  for (let at = 0; at < blob.length; at++) {
    const changed = Buffer.from(blob);
    changed[at]! ^= 1;
    assert.equal(openBlob(key, "label", changed, aad), undefined, `byte ${at}`);
  }
  assert.equal(openBlob(key, "other", blob, aad), undefined);
  assert.equal(openBlob(key, "label", blob, Buffer.from("contexu")), undefined);
  assert.equal(openBlob(createSecretKey(Buffer.alloc(32, 8)), "label", blob, aad), undefined);
  for (const cut of [0, 1, 4, 16, blobOverhead - 1, blob.length - 1]) {
    assert.equal(openBlob(key, "label", blob.subarray(0, cut), aad), undefined, `cut to ${cut}`);
  }
});

test("an empty plaintext is a blob like any other", () => {
  const blob = sealBlob(key, "label", new Uint8Array(0), aad);
  assert.equal(openBlob(key, "label", blob, aad)?.length, 0);
});

test("no two blobs share nonce or IV", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) seen.add(sealBlob(key, "l", Buffer.of(1), aad).subarray(0, 28).toString("hex"));
  assert.equal(seen.size, 2000);
});

test("additional data is unambiguous: {a: bc} is not {ab: c}", () => {
  assert.notDeepEqual(frameAad("a", "bc"), frameAad("ab", "c"));
  assert.notDeepEqual(frameAad("a", ""), frameAad("a"));
  assert.equal(frameAad().length, 0);
});
