import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import { loadModel } from "#model/load.ts";
import { compileEventStream, encodeFrame } from "./eventStream.ts";
import { JsonWriters } from "./jsonWrite.ts";

interface Frame {
  headers: Record<string, string>;
  payload: string;
}

/** Reads frames by the document, checking both sums. */
function read(frame: Uint8Array): Frame {
  const bytes = Buffer.from(frame);
  const total = bytes.readUInt32BE(0);
  assert.equal(total, bytes.length);
  assert.equal(bytes.readUInt32BE(8), crc32(bytes.subarray(0, 8)));
  assert.equal(bytes.readUInt32BE(total - 4), crc32(bytes.subarray(0, total - 4)));
  const end = 12 + bytes.readUInt32BE(4);
  const headers: Record<string, string> = {};
  for (let at = 12; at < end;) {
    const name = bytes.toString("utf8", at + 1, at + 1 + bytes[at]!);
    at += 1 + bytes[at]!;
    assert.equal(bytes[at], 7);
    const length = bytes.readUInt16BE(at + 1);
    headers[name] = bytes.toString("utf8", at + 3, at + 3 + length);
    at += 3 + length;
  }
  return { headers, payload: bytes.toString("utf8", end, total - 4) };
}

const shape = loadModel("logs").operations.get("StartLiveTail")!.output.members![0]!.shape;
const writers = new JsonWriters(false);
const frames = compileEventStream(shape, {
  contentType: "application/json",
  structure: (s, m) => writers.structure(s, m),
});

async function all(events: AsyncIterable<unknown> | undefined, initial?: string): Promise<Frame[]> {
  const out: Frame[] = [];
  for await (const frame of frames(events, initial)) out.push(read(frame));
  return out;
}

test("a known frame", () => {
  // aws-c-event-stream's smallest message: no headers, no payload.
  assert.equal(Buffer.from(encodeFrame([], new Uint8Array())).toString("hex"), "000000100000000005c248eb7d98c8ff");
});

test("initial response, then events as they come", async () => {
  async function* events() {
    yield { sessionStart: { requestId: "r" } };
    yield { sessionUpdate: { sessionResults: [{ message: "m" }] } };
  }
  assert.deepEqual(await all(events(), "{}"), [
    {
      headers: { ":message-type": "event", ":event-type": "initial-response", ":content-type": "application/json" },
      payload: "{}",
    },
    {
      headers: { ":message-type": "event", ":event-type": "sessionStart", ":content-type": "application/json" },
      payload: '{"requestId":"r"}',
    },
    {
      headers: { ":message-type": "event", ":event-type": "sessionUpdate", ":content-type": "application/json" },
      payload: '{"sessionResults":[{"message":"m"}]}',
    },
  ]);
});

test("a modelled error is the last frame", async () => {
  async function* events() {
    yield { sessionStart: {} };
    throw new AwsError("SessionTimeoutException", "too long");
  }
  assert.deepEqual((await all(events())).at(-1), {
    headers: {
      ":message-type": "exception",
      ":exception-type": "SessionTimeoutException",
      ":content-type": "application/json",
    },
    payload: '{"message":"too long"}',
  });
});

test("any other error says nothing of itself", async () => {
  async function* events() {
    yield { sessionStart: {} };
    throw new Error("canary-secret");
  }
  const seen: Frame[] = [];
  await assert.rejects(async () => {
    for await (const frame of frames(events())) seen.push(read(frame));
  }, /canary-secret/);
  assert.deepEqual(seen.at(-1), {
    headers: { ":message-type": "error", ":error-code": "InternalFailure", ":error-message": "" },
    payload: "",
  });
});

test("no events", async () => assert.deepEqual(await all(undefined), []));

test("the source is told when the client goes", async () => {
  let closed = false;
  async function* events() {
    try {
      for (;;) yield { sessionStart: {} };
    } finally {
      closed = true;
    }
  }
  for await (const frame of frames(events())) {
    assert.ok(frame.length > 0);
    break;
  }
  assert.ok(closed);
});
