import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import type { Member, Shape } from "#model/types.ts";
import { WireFailure } from "./failure.ts";
import { awsJsonDialect, restJsonDialect, TreeReaders } from "./treeRead.ts";

const scalar = (kind: Shape["kind"]): Shape => ({ name: kind, kind });
const member = (name: string, shape: Shape, more: Partial<Member> = {}): Member => ({
  name,
  shape,
  required: false,
  ...more,
});

function reader(kind: Shape["kind"]): (value: unknown) => unknown {
  const shape: Shape = { name: "S", kind: "structure", members: [member("v", scalar(kind))] };
  const read = new TreeReaders(awsJsonDialect).of(shape);
  return (value) => (read({ v: value }) as { v: unknown }).v;
}

const table: [kind: Shape["kind"], value: unknown, message: string][] = [
  ["string", 1, "NUMBER_VALUE can not be converted to a String"],
  ["string", true, "TRUE_VALUE can not be converted to a String"],
  ["string", {}, "Start of structure or map found where not expected."],
  ["string", [], "Start of list found where not expected"],
  ["integer", "1", "STRING_VALUE can not be converted to an Integer"],
  ["integer", 1.5, "NUMBER_VALUE can not be converted to an Integer"],
  ["integer", 2 ** 31, "NUMBER_VALUE can not be converted to an Integer"],
  ["integer", Infinity, "NUMBER_VALUE can not be converted to an Integer"],
  ["long", 1e30, "NUMBER_VALUE can not be converted to a Long"],
  ["double", "1.5", "STRING_VALUE can not be converted to a Double"],
  ["boolean", "true", "STRING_VALUE can not be converted to a Boolean"],
  ["boolean", 0, "NUMBER_VALUE can not be converted to a Boolean"],
  ["timestamp", "soon", "STRING_VALUE can not be converted to milliseconds since epoch"],
  ["timestamp", 1e300, "NUMBER_VALUE can not be converted to milliseconds since epoch"],
  ["blob", 1, "NUMBER_VALUE can not be converted to a ByteBuffer"],
  ["blob", "a-_=", "STRING_VALUE can not be converted to a ByteBuffer"],
  ["blob", "YWI", "STRING_VALUE can not be converted to a ByteBuffer"],
];
for (const [kind, value, message] of table) {
  test(`${kind} from ${JSON.stringify(value)}: ${message}`, () => {
    assert.throws(
      () => reader(kind)(value),
      (error) => error instanceof WireFailure && error.message === message,
    );
  });
}

test("values arrive as the SDK has them", () => {
  assert.deepEqual(reader("timestamp")(1_700_000_000.5), new Date(1_700_000_000_500));
  assert.deepEqual(reader("blob")("YWI="), new Uint8Array([97, 98]));
  assert.equal(Object.getPrototypeOf(reader("blob")("YWI=")), Uint8Array.prototype);
  assert.equal(reader("double")("Infinity"), Infinity);
  assert.equal(reader("long")(2 ** 53 - 1), Number.MAX_SAFE_INTEGER);
  assert.equal(reader("string")("한 😀"), "한 😀");
});

test("half a surrogate pair is refused in values and in map keys", () => {
  assert.throws(() => reader("string")("\ud800"), WireFailure);
  const map: Shape = {
    name: "M",
    kind: "map",
    mapKey: member("key", scalar("string")),
    element: member("value", scalar("string")),
  };
  assert.throws(() => new TreeReaders(awsJsonDialect).of(map)({ "\udfff": "x" }), WireFailure);
});

test("__proto__ is a key like any other", () => {
  const map: Shape = {
    name: "M",
    kind: "map",
    mapKey: member("key", scalar("string")),
    element: member("value", scalar("string")),
  };
  const out = new TreeReaders(awsJsonDialect).of(map)(JSON.parse('{"__proto__":"x"}')) as object;
  assert.deepEqual(Object.keys(out), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(out), Object.prototype);
});

test("null is absent in a structure and stays in a list for validation to name", () => {
  const list: Shape = { name: "L", kind: "list", element: member("member", scalar("string")) };
  const shape: Shape = { name: "S", kind: "structure", members: [member("a", scalar("string")), member("l", list)] };
  assert.deepEqual(new TreeReaders(awsJsonDialect).of(shape)({ a: null, l: ["x", null] }), { l: ["x", null] });
});

test("unknown members are ignored, inherited names are not members", () => {
  const shape: Shape = { name: "S", kind: "structure", members: [member("a", scalar("string"))] };
  assert.deepEqual(new TreeReaders(awsJsonDialect).of(shape)({ a: "x", toString: 1, other: {} }), { a: "x" });
});

test("jsonName counts for restJson1 only", () => {
  const shape: Shape = {
    name: "S",
    kind: "structure",
    members: [member("items", scalar("string"), { wireName: "item" })],
  };
  assert.deepEqual(new TreeReaders(restJsonDialect).of(shape)({ item: "x" }), { items: "x" });
  assert.deepEqual(new TreeReaders(awsJsonDialect).of(shape)({ items: "x", item: "y" }), { items: "x" });
});

test("one member of a union", () => {
  const shape: Shape = {
    name: "U",
    kind: "union",
    members: [member("a", scalar("string")), member("b", scalar("string"))],
  };
  const read = new TreeReaders(awsJsonDialect).of(shape);
  assert.deepEqual(read({ a: "x", b: null }), { a: "x" });
  assert.throws(() => read({ a: "x", b: "y" }), WireFailure);
});

test("recursive shapes compile once and read at any legal depth", () => {
  const input = loadModel("wafv2").operations.get("CreateWebACL")!.input;
  const statement = {
    NotStatement: { Statement: { NotStatement: { Statement: { GeoMatchStatement: { CountryCodes: ["KR"] } } } } },
  };
  const out = new TreeReaders(awsJsonDialect).of(input)({ Rules: [{ Statement: statement }] });
  assert.deepEqual(out, { Rules: [{ Statement: statement }] });
});
