import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { WireFailure } from "./failure.ts";
import { parseQuery, splitHeaderList } from "./restRead.ts";
import { headerText, headerWriter, type Headers } from "./restWrite.ts";
import { formatTimestamp, parseBoolean, parseNumber, parseTimestamp } from "./scalars.ts";

test("query strings", () => {
  assert.deepEqual(Object.fromEntries(parseQuery("a=1&b&c=&a=2&d=x%20y+z&&e=%3D")), {
    a: ["1", "2"],
    b: [""],
    c: [""],
    d: ["x y z"],
    e: ["="],
  });
  for (const bad of ["a=%", "a=%zz", "%ff=1", "a=%c3%28"]) assert.throws(() => parseQuery(bad), WireFailure, bad);
});

test("header lists", () => {
  assert.deepEqual(splitHeaderList('a, "b, c" ,d,"e\\"f"'), ["a", "b, c", "d", 'e"f']);
  assert.deepEqual(splitHeaderList("a"), ["a"]);
  assert.throws(() => splitHeaderList('a, "b'), WireFailure);
  assert.throws(() => splitHeaderList('"'.repeat(100_001)), WireFailure);
});

test("no header value can begin another header", () => {
  for (const bad of ["a\r\nx: y", "a\nb", "a\u0000", "\u007f"]) {
    assert.throws(
      () => headerText("content-disposition", bad),
      (error) => error instanceof AwsError && error.status === 400,
    );
  }
  assert.equal(headerText("x", "é"), "é");
  assert.equal(headerText("x", "한"), Buffer.from("한").toString("latin1"));
});

test("prefix headers: only names that are tokens", () => {
  const write = headerWriter({
    name: "Metadata",
    required: false,
    location: "prefixHeaders",
    wireName: "x-amz-meta-",
    shape: { name: "M", kind: "map" },
  })!;
  const headers: Headers = {};
  write({ Color: "blue" }, headers);
  assert.deepEqual(headers, { "x-amz-meta-color": "blue" });
  assert.throws(() => write({ "a b": "x" }, {}), AwsError);
  assert.throws(() => write({ "a:b": "x" }, {}), AwsError);
});

test("timestamps", () => {
  const date = new Date(Date.UTC(2026, 0, 2, 3, 4, 5));
  for (const text of [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.000Z",
    "2026-01-02T12:04:05+09:00",
    "2026-01-02T03:04:05",
  ]) {
    assert.deepEqual(parseTimestamp(text, "date-time"), date, text);
  }
  assert.deepEqual(parseTimestamp("Fri, 02 Jan 2026 03:04:05 GMT", "http-date"), date);
  assert.deepEqual(parseTimestamp("1767323045", "epoch-seconds"), date);
  assert.equal(formatTimestamp(date, "date-time"), "2026-01-02T03:04:05Z");
  assert.equal(formatTimestamp(new Date(date.getTime() + 7), "date-time"), "2026-01-02T03:04:05.007Z");
  assert.equal(formatTimestamp(date, "http-date"), "Fri, 02 Jan 2026 03:04:05 GMT");
  assert.equal(formatTimestamp(date, "epoch-seconds"), "1767323045");
  for (const bad of [
    "",
    "now",
    "2026",
    "2026-13-01T00:00:00Z",
    "2026-01-01T25:00:00Z",
    "99999-01-01T00:00:00Z",
    "1e3",
  ]) {
    assert.throws(() => parseTimestamp(bad, "date-time"), WireFailure, bad);
  }
  for (const bad of ["9".repeat(15), "1e5", "NaN"])
    assert.throws(() => parseTimestamp(bad, "epoch-seconds"), WireFailure, bad);
});

test("numbers and booleans", () => {
  assert.equal(parseNumber("integer", "-5"), -5);
  assert.equal(parseNumber("double", "1.5e3"), 1500);
  assert.equal(parseNumber("double", "-Infinity"), -Infinity);
  for (const bad of ["", " ", "0x10", "1_000", "1.5", "2147483648", "NaN", "١"])
    assert.throws(() => parseNumber("integer", bad), WireFailure, bad);
  assert.throws(() => parseNumber("long", "9".repeat(20)), WireFailure);
  assert.equal(parseBoolean("true"), true);
  for (const bad of ["True", "yes", ""]) assert.throws(() => parseBoolean(bad), WireFailure, bad);
});
