import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, FrameReader, maxFrame, type Message } from "./protocol.ts";

const messages: Message[] = [
  { id: 1, code: 2, fields: [] },
  { id: 4294967295, code: 255, fields: [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(70_000, 5)] },
];

function collect(): { reader: FrameReader; seen: Message[] } {
  const seen: Message[] = [];
  const reader = new FrameReader((frame) => {
    for (const { id, code, fields } of frame)
      seen.push({ id, code, fields: fields.map((field) => Buffer.from(field)) });
  });
  return { reader, seen };
}

for (const size of [1, 3, 4, 5, 1000, 65536, 1 << 20]) {
  test(`frames arrive whole through chunks of ${size} bytes`, () => {
    const { reader, seen } = collect();
    const stream = Buffer.concat([encodeFrame(messages), encodeFrame(messages.slice(0, 1))]);
    for (let at = 0; at < stream.length; at += size) reader.push(Buffer.from(stream.subarray(at, at + size)));
    assert.deepEqual(seen, [...messages, messages[0]]);
  });
}

test("the chunk is zeroed after its frames were handled", () => {
  const { reader } = collect();
  const chunk = encodeFrame(messages);
  reader.push(chunk);
  assert.ok(chunk.every((byte) => byte === 0));
});

test("a pipe that is out of step is noticed", () => {
  const long = Buffer.alloc(8);
  long.writeUInt32BE(maxFrame + 1);
  assert.throws(() => collect().reader.push(long), RangeError);
  const cut = encodeFrame([{ id: 1, code: 1, fields: [Buffer.from("abc")] }]);
  cut.writeUInt32BE(1000, 10);
  assert.throws(() => collect().reader.push(cut), RangeError);
});
