import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ciphertextProof, isReadable, plaintextProof, secretProof } from "./encryptionMatrixBytes.ts";

test("text and what is only compressed can be read; ciphertext cannot", () => {
  const json = Buffer.from(JSON.stringify({ eventName: "Encrypt", 이름: "보고서", n: 1 }));
  for (const bytes of [json, Buffer.from("계좌번호 110-123-456789, 홍길동"), gzipSync(json), zstdCompressSync(json)]) {
    assert.equal(isReadable(bytes), true, bytes.toString("latin1"));
  }
  for (let i = 0; i < 500; i++) {
    const cipher = createCipheriv("aes-256-gcm", randomBytes(32), randomBytes(12));
    const sealed = Buffer.concat([cipher.update(json), cipher.final(), cipher.getAuthTag()]);
    assert.equal(isReadable(sealed), false, sealed.toString("hex"));
  }
});

test("of ciphertext 32 bytes are shown, of what can be read twelve, of a secret none", () => {
  const bytes = Buffer.alloc(100, 0xab);
  assert.deepEqual(ciphertextProof("m", bytes), { medium: "m", hex: "ab".repeat(32), bytes: 100 });
  assert.deepEqual(plaintextProof("m", bytes), { medium: "m", hex: "ab".repeat(12), bytes: 100 });
  assert.deepEqual(secretProof("m", 32), { medium: "m", hex: "", bytes: 32 });
});
