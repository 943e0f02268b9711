import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxReader } from "../../../src/keys/seals/box.ts";
import { secretPurpose } from "../../../src/keys/seals/seal.ts";
import { boxed } from "./sealBox.ts";

test("the holder's own reader opens what the browser has boxed, and no other reader does", async () => {
  const reader = new BoxReader();
  for (const secret of ["correct horse battery", "열두 글자가 넘는 암호문", "x".repeat(500)]) {
    const box = Buffer.from(await boxed(reader.publicKey.toString("base64"), secret), "base64");
    assert.equal(reader.open(box, secretPurpose)?.toString("utf8"), secret);
    assert.equal(reader.open(box, "something else"), undefined);
    assert.equal(new BoxReader().open(box, secretPurpose), undefined);
    box[box.length - 1]! ^= 1;
    assert.equal(reader.open(box, secretPurpose), undefined);
  }
});
