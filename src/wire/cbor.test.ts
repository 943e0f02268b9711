import assert from "node:assert/strict";
import { test } from "node:test";
import { CborOutput, parseCbor } from "./cbor.ts";
import { WireFailure } from "./failure.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

/** RFC 8949, appendix A. */
const examples: [text: string, value: unknown][] = [
  ["00", 0],
  ["17", 23],
  ["1818", 24],
  ["1903e8", 1000],
  ["1a000f4240", 1_000_000],
  ["1b000000e8d4a51000", 1_000_000_000_000],
  ["1bffffffffffffffff", 18_446_744_073_709_551_615n],
  ["20", -1],
  ["3903e7", -1000],
  ["f90000", 0],
  ["f93c00", 1],
  ["f93e00", 1.5],
  ["f97bff", 65_504],
  ["f90001", 5.960464477539063e-8],
  ["f9c400", -4],
  ["f97c00", Infinity],
  ["fa47c35000", 100_000],
  ["fb3ff199999999999a", 1.1],
  ["f4", false],
  ["f5", true],
  ["f6", null],
  ["f7", null],
  ["4401020304", new Uint8Array([1, 2, 3, 4])],
  ["6449455446", "IETF"],
  ["62c3bc", "ü"],
  ["80", []],
  ["8301820203820405", [1, [2, 3], [4, 5]]],
  ["a26161016162820203", { a: 1, b: [2, 3] }],
  ["5f42010243030405ff", new Uint8Array([1, 2, 3, 4, 5])],
  ["7f657374726561646d696e67ff", "streaming"],
  ["9fff", []],
  ["9f018202039f0405ffff", [1, [2, 3], [4, 5]]],
  ["bf61610161629f0203ffff", { a: 1, b: [2, 3] }],
  ["c11a514b67b0", new Date(1_363_896_240_000)],
  ["c1fb41d452d9ec200000", new Date(1_363_896_240_500)],
];
for (const [text, value] of examples) test(`reads ${text}`, () => assert.deepEqual(parseCbor(hex(text)), value));

const broken: [why: string, text: string][] = [
  ["nothing", ""],
  ["a cut integer", "19"],
  ["a cut string", "6449"],
  ["a length of 2^64", "9bffffffffffffffff"],
  ["a string of 2^64", "7bffffffffffffffff"],
  ["an array that promises 2^32 items", "9affffffff"],
  ["a reserved length", "1c"],
  ["break outside", "ff"],
  ["break as a value", "bf6161ff"],
  ["break in a definite array", "82ff00"],
  ["a key that is no text", "a10102"],
  ["a key twice", "a2616101616102"],
  ["invalid UTF-8", "62c328"],
  ["another tag", "d81c00"],
  ["tag 1 of text", "c161 61".replace(" ", "")],
  ["bytes after the value", "0000"],
  ["a chunk of another type", "5f6161ff"],
  ["an unknown simple value", "e0"],
  ["a date beyond all dates", "c1fb7fefffffffffffff"],
];
for (const [why, text] of broken) test(`refuses ${why}`, () => assert.throws(() => parseCbor(hex(text)), WireFailure));

test("bounds the depth", () => {
  assert.throws(() => parseCbor(new Uint8Array(Buffer.alloc(100_000, 0x81))), WireFailure);
  assert.throws(() => parseCbor(new Uint8Array(Buffer.alloc(100_000, 0xc1))), WireFailure);
});

test("writes shortest heads, across every growth of the buffer", () => {
  for (const number of [0, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, -1, -24, -25, -257]) {
    for (let before = 240; before < 260; before++) {
      const out = new CborOutput();
      out.head(4, 2);
      out.bytes(new Uint8Array(before));
      out.integer(number);
      assert.deepEqual(parseCbor(new Uint8Array(out.finish())), [new Uint8Array(before), number]);
    }
  }
});
