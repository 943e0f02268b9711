import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { test } from "node:test";
import { isZero, unitBytes, XtsCipher, xtsKeyBytes } from "./index.ts";

const key = Buffer.from(Array.from({ length: xtsKeyBytes }, (_, i) => i));
const units = (count: number, start = 1): Buffer =>
  Buffer.from(Array.from({ length: count * unitBytes }, (_, i) => (i * 7 + start) & 0xff));

/** XTS by its definition, from AES in ECB mode alone. Source: IEEE Std 1619-2018, 5.3. */
function byDefinition(plain: Buffer, unit: bigint): Buffer {
  const aes = (half: Buffer, block: Buffer): Buffer =>
    createCipheriv("aes-256-ecb", half, null).setAutoPadding(false).update(block);
  const tweak = Buffer.alloc(16);
  tweak.writeBigUInt64LE(unit);
  let mask = aes(key.subarray(32), tweak);
  const out = Buffer.alloc(plain.length);
  for (let at = 0; at < plain.length; at += 16) {
    const block = Buffer.from(plain.subarray(at, at + 16).map((byte, i) => byte ^ mask[i]!));
    out.set(
      aes(key.subarray(0, 32), block).map((byte, i) => byte ^ mask[i]!),
      at,
    );
    const doubled = Buffer.alloc(16);
    for (let i = 0, carry = 0; i < 16; i++) {
      doubled[i] = ((mask[i]! << 1) | carry) & 0xff;
      carry = mask[i]! >> 7;
    }
    if (mask[15]! >> 7) doubled[0]! ^= 0x87;
    mask = doubled;
  }
  return out;
}

test("each unit is XTS-AES-256 with its number as tweak, also beyond 32 bits", () => {
  const cipher = new XtsCipher(key);
  for (const first of [0, 1, 255, 2 ** 32 - 1, 2 ** 32 + 5]) {
    const plain = units(2);
    const expected = Buffer.concat([
      byDefinition(plain.subarray(0, unitBytes), BigInt(first)),
      byDefinition(plain.subarray(unitBytes), BigInt(first) + 1n),
    ]);
    assert.deepEqual(cipher.encrypt(plain, first), expected, `unit ${first}`);
    assert.deepEqual(cipher.decrypt(expected, first), plain, `unit ${first}`);
  }
});

test("the vector of the standard for 256-bit keys", () => {
  // IEEE Std 1619-2018, annex B, vector 10: the first 512 bytes of a unit do not depend on its length.
  const half1 = "2718281828459045235360287471352662497757247093699959574966967627";
  const half2 = "3141592653589793238462643383279502884197169399375105820974944592";
  const cipher = new XtsCipher(Buffer.from(half1 + half2, "hex"));
  const plain = Buffer.alloc(unitBytes, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
  const encrypted = cipher.encrypt(plain, 0xff).subarray(0, 32).toString("hex");
  assert.equal(encrypted, "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b");
});

test("what was never written reads as zeros, and equal plaintext differs from unit to unit", () => {
  const cipher = new XtsCipher(key);
  assert.ok(isZero(cipher.decrypt(Buffer.alloc(3 * unitBytes), 7)));
  const encrypted = cipher.encrypt(Buffer.alloc(64 * unitBytes), 0);
  const digests = new Set<string>();
  for (let at = 0; at < encrypted.length; at += unitBytes) {
    digests.add(
      createHash("sha256")
        .update(encrypted.subarray(at, at + unitBytes))
        .digest("hex"),
    );
  }
  assert.equal(digests.size, 64);
  assert.ok(isZero(cipher.decrypt(encrypted, 0)));
});

test("a part of a unit and a key of another length are refused; a destroyed cipher is of no use", () => {
  const cipher = new XtsCipher(key);
  assert.throws(() => cipher.encrypt(Buffer.alloc(512), 0), RangeError);
  assert.throws(() => new XtsCipher(Buffer.alloc(32)), RangeError);
  const encrypted = cipher.encrypt(units(1), 0);
  cipher.destroy();
  assert.throws(() => cipher.encrypt(units(1), 0));
  assert.throws(() => cipher.decrypt(encrypted, 0));
});
