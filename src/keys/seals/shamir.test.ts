import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { inverse, multiply } from "./field.ts";
import { combine, mostShares, readShare, shamirSeal, shareText, split } from "./shamir.ts";

test("the field is that of AES: the examples of FIPS 197 and every inverse", () => {
  assert.equal(multiply(0x57, 0x83), 0xc1);
  assert.equal(multiply(0x57, 0x13), 0xfe);
  assert.equal(inverse(0), 0);
  for (let a = 1; a < 256; a++) assert.equal(multiply(a, inverse(a)), 1);
});

test("any threshold of the shares, in any order, give the secret back", () => {
  const sharing = fc
    .tuple(fc.integer({ min: 2, max: mostShares }), fc.integer({ min: 2, max: mostShares }))
    .map(([a, b]) => ({ threshold: Math.min(a, b), count: Math.max(a, b) }));
  fc.assert(
    fc.property(
      sharing,
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.infiniteStream(fc.nat()),
      (of, secret, order) => {
        const shares = split(secret, of.threshold, of.count);
        const mixed = shares.map((share) => ({ share, at: order.next().value as number })).sort((a, b) => a.at - b.at);
        const chosen = mixed.slice(0, of.threshold).map(({ share }) => share);
        assert.deepEqual(combine(chosen), Buffer.from(secret));
      },
    ),
    { numRuns: 60 },
  );
});

test("fewer than the threshold reveal nothing: every secret gives the same shares equally often", () => {
  // Every polynomial over one byte, counted: what two shares of a threshold of three can be, of each of two secrets.
  const seen = (secret: number): string => {
    const counts = new Uint8Array(65536);
    for (let coefficients = 0; coefficients < 65536; coefficients++) {
      const random = (): Buffer => Buffer.of(coefficients >> 8, coefficients & 0xff);
      const [, second, third] = split(Buffer.of(secret), 3, 3, random);
      const pair = (second!.value[0]! << 8) | third!.value[0]!;
      counts[pair] = counts[pair]! + 1;
    }
    assert.ok(counts.every((count) => count === 1));
    return createHash("sha256").update(counts).digest("hex");
  };
  assert.equal(seen(0x00), seen(0xa7));
});

test("one share too few combines to something else", () => {
  const secret = randomBytes(32);
  const shares = split(secret, 4, 6);
  assert.notDeepEqual(combine(shares.slice(0, 3)), secret);
});

test("a share survives paper: case, hyphens and look-alikes do not matter, every misspelled digit is noticed", () => {
  const [share] = split(randomBytes(32), 2, 3);
  const text = shareText(share!);
  assert.match(text, /^JKM1(-[0-9A-HJKMNP-TV-Z]{1,5})+$/);
  assert.deepEqual(readShare(text), share);
  assert.deepEqual(readShare(text.toLowerCase().replaceAll("-", " ").replaceAll("0", "o")), share);
  for (let at = 5; at < text.length; at++) {
    if (text[at] === "-") continue;
    const wrong = text.slice(0, at) + (text[at] === "7" ? "8" : "7") + text.slice(at + 1);
    // The last digit carries bits of its own beside those that fill it up.
    if (at < text.length - 1) assert.equal(readShare(wrong), undefined, `digit ${at}`);
  }
  for (const bad of ["", "JKM1", "x", text.slice(0, -3), `${text}0000`, "JKM1-" + "!".repeat(61)]) {
    assert.equal(readShare(bad), undefined, bad);
  }
});

test("a sharing that makes no sense is refused", () => {
  for (const [threshold, shares] of [
    [1, 3],
    [4, 3],
    [2, 17],
    [2.5, 3],
    [0, 0],
  ] as const) {
    assert.throws(() => shamirSeal.newParameters({ kind: "shamir", threshold, shares }), /shares/);
  }
});
