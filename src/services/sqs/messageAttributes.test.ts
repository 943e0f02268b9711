import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { attributesDigest, attributesSize, readAttributes, selectAttributes } from "./messageAttributes.ts";

describe("message attributes", () => {
  /** Digests that AWS answered; recorded in LocalStack's `test_sqs.snapshot.json`. */
  const recorded: [attributes: Parameters<typeof readAttributes>[0], digest: string][] = [
    [{ Foo: { DataType: "String", StringValue: "Bar" } }, "ae7155c6026991b6d54b11589678bf9c"],
    [{ Hello: { DataType: "String", StringValue: "There" } }, "a311262e065454b75da111d535b8dacd"],
    [
      {
        "Help.Me": { DataType: "String", StringValue: "Me" },
        Hello: { DataType: "String", StringValue: "There" },
        General: { DataType: "String", StringValue: "Kenobi" },
      },
      "4c360f3fdafd970e05fae2f149d997f5",
    ],
  ];
  for (const [attributes, digest] of recorded) {
    test(`digest of ${Object.keys(attributes!).join(", ")}`, () => {
      assert.equal(attributesDigest(readAttributes(attributes)), digest);
    });
  }

  test("a binary one, as recorded", () => {
    const BinaryValue = Buffer.from("\u001e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01", "latin1");
    const value = Buffer.concat([Buffer.from("traceparent"), BinaryValue]);
    const attributes = readAttributes({ attr1: { DataType: "Binary", BinaryValue: value } });
    assert.equal(attributesDigest(attributes), "8cbe4db156db8a94db8b801b7addb984");
    assert.equal(attributesSize(attributes), 5 + 6 + value.length);
  });

  test("are chosen by name, by prefix, or all", () => {
    const attributes = readAttributes({
      a: { DataType: "String", StringValue: "1" },
      "a.b": { DataType: "String", StringValue: "2" },
      c: { DataType: "String", StringValue: "3" },
    });
    const chosen = (...names: string[]) => Object.keys(selectAttributes(attributes, names));
    assert.deepEqual(chosen(), []);
    assert.deepEqual(chosen("a"), ["a"]);
    assert.deepEqual(chosen("a.*"), ["a", "a.b"]);
    assert.deepEqual(chosen("All"), ["a", "a.b", "c"]);
    assert.deepEqual(chosen("nope"), []);
  });

  for (const [what, name, value] of [
    ["a reserved name", "AWS.x", { DataType: "String", StringValue: "v" }],
    ["a name that ends in a dot", "x.", { DataType: "String", StringValue: "v" }],
    ["a name with two dots", "x..y", { DataType: "String", StringValue: "v" }],
    ["a name with a blank", "x y", { DataType: "String", StringValue: "v" }],
    ["no type", "x", { DataType: "", StringValue: "v" }],
    ["an unknown type", "x", { DataType: "Text", StringValue: "v" }],
    ["no value", "x", { DataType: "String" }],
    ["a number that is none", "x", { DataType: "Number", StringValue: "1x" }],
    ["a number of 39 digits", "x", { DataType: "Number", StringValue: "9".repeat(39) }],
  ] as const) {
    test(`refuse ${what}`, () => {
      assert.throws(() => readAttributes({ [name]: value as never }), { code: "InvalidParameterValue" });
    });
  }
});
