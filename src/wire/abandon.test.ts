import assert from "node:assert/strict";
import { test } from "node:test";
import { abandon, abandonOutput } from "./abandon.ts";

/** A stream that counts how often it was ended. */
function stream(): AsyncIterableIterator<Uint8Array> & { ended: number } {
  const self = {
    ended: 0,
    [Symbol.asyncIterator]: () => self,
    next: async () => ({ done: false as const, value: new Uint8Array(1) }),
    async return() {
      self.ended++;
      return { done: true as const, value: undefined };
    },
  };
  return self;
}

test("what an output streams is ended, the rest is left alone", async () => {
  const body = stream();
  await abandonOutput({ Body: body, ETag: '"x"', Metadata: { a: "b" }, Bytes: new Uint8Array(3), Missing: undefined });
  assert.equal(body.ended, 1);
});

test("a stream that fails to end does not hide why it was abandoned", async () => {
  const body = Object.assign(stream(), { return: () => Promise.reject(new Error("disk")) });
  await abandon(body);
});

test("a generator that was begun runs what it has to run at its end", async () => {
  let closed = false;
  const generator = (async function* () {
    try {
      yield 1;
      yield 2;
    } finally {
      closed = true;
    }
  })();
  await generator.next();
  await abandon(generator);
  assert.equal(closed, true);
});
