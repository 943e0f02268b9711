import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { qrModules, qrPng } from "./qr.ts";

const draw = (modules: boolean[][]) => modules.map((row) => row.map((dark) => (dark ? "#" : ".")).join(""));

test("the finder patterns, timing and quiet zone are where readers look for them", () => {
  const rows = draw(qrModules("otpauth://totp/a@b?secret=ABCDEFGH"));
  const size = rows.length;
  const finder = ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"];
  finder.forEach((line, y) => {
    assert.equal(rows[y]!.slice(0, 7), line);
    assert.equal(rows[y]!.slice(size - 7), line);
    assert.equal(rows[size - 7 + y]!.slice(0, 7), line);
  });
  assert.match(rows[6]!.slice(8, size - 8), /^(#\.)+#$/);
});

test("version and size follow the length; too much is refused", () => {
  // Capacities in bytes at level M: ISO/IEC 18004, table 7.
  for (const [bytes, version] of [
    [14, 1],
    [15, 2],
    [213, 10],
    [214, 11],
    [2331, 40],
  ] as const) {
    assert.equal(qrModules("x".repeat(bytes)).length, 17 + 4 * version);
  }
  assert.throws(() => qrModules("x".repeat(2332)), RangeError);
});

test("the PNG holds the modules, black on white", () => {
  const modules = qrModules("jikimi");
  const png = qrPng("jikimi", 1);
  const size = png.readUInt32BE(16);
  assert.equal(size, modules.length + 8);
  const at = png.indexOf("IDAT");
  const pixels = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  for (let y = 0; y < modules.length; y++) {
    for (let x = 0; x < modules.length; x++) {
      assert.equal(pixels[(y + 4) * (size + 1) + 1 + x + 4], modules[y]![x] ? 0 : 255);
    }
  }
});
