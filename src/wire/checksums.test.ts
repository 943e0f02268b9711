import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  checksumAlgorithms,
  combineCrc,
  compositeChecksum,
  createChecksum,
  fullObjectChecksum,
  parseChecksum,
  type ChecksumAlgorithm,
} from "./checksums.ts";

/** "check" values of the CRC catalogue and the SHA test vectors, over the ASCII digits 1 … 9. */
const known: [ChecksumAlgorithm, string][] = [
  ["CRC32", "cbf43926"],
  ["CRC32C", "e3069283"],
  ["CRC64NVME", "ae8b14860a799888"],
  ["SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"],
  ["SHA256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"],
];

function sum(algorithm: ChecksumAlgorithm, ...parts: Uint8Array[]): Buffer {
  const checksum = createChecksum(algorithm);
  for (const part of parts) checksum.update(part);
  return checksum.digest();
}

for (const [algorithm, hex] of known) {
  test(`${algorithm}: catalogue value, any split, base64 form`, () => {
    const digits = Buffer.from("123456789");
    assert.equal(sum(algorithm, digits).toString("hex"), hex);
    assert.equal(sum(algorithm, digits.subarray(0, 4), digits.subarray(4)).toString("hex"), hex);
    const data = randomBytes(100_003);
    const whole = sum(algorithm, data);
    assert.deepEqual(sum(algorithm, data.subarray(0, 13), data.subarray(13, 50_001), data.subarray(50_001)), whole);
    assert.deepEqual(parseChecksum(algorithm, whole.toString("base64")), whole);
    assert.equal(parseChecksum(algorithm, whole.subarray(1).toString("base64")), undefined);
    assert.equal(parseChecksum(algorithm, "!"), undefined);
  });
}

test("parts become the whole: combined CRCs equal the CRC of the concatenation", () => {
  const parts = [randomBytes(1), randomBytes(0), randomBytes(70_001), randomBytes(8192), randomBytes(3)];
  for (const algorithm of Object.keys(checksumAlgorithms) as ChecksumAlgorithm[]) {
    if (!checksumAlgorithms[algorithm].combines) {
      assert.throws(() => combineCrc(algorithm, Buffer.alloc(1), Buffer.alloc(1), 1), TypeError);
      continue;
    }
    const digests = parts.map((part) => ({ digest: sum(algorithm, part), length: part.length }));
    assert.deepEqual(fullObjectChecksum(algorithm, digests), sum(algorithm, ...parts), algorithm);
    const swapped = [digests[4]!, ...digests.slice(1, 4), digests[0]!];
    assert.notDeepEqual(fullObjectChecksum(algorithm, swapped), sum(algorithm, ...parts), algorithm);
  }
});

test("composite checksums are the checksum of the checksums", () => {
  const [a, b] = [sum("SHA256", Buffer.from("a")), sum("SHA256", Buffer.from("b"))];
  assert.equal(
    compositeChecksum("SHA256", [{ digest: a }, { digest: b }]),
    `${sum("SHA256", a, b).toString("base64")}-2`,
  );
});
