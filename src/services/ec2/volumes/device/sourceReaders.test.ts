import assert from "node:assert/strict";
import { test } from "node:test";
import { SourceReaders } from "./sourceReaders.ts";

test("a snapshot is unread when the last volume or copy that reads it is made or gone", async () => {
  const readers = new SourceReaders();
  const signal = new AbortController().signal;
  await readers.untilUnread("snap-1", signal);
  readers.tell("vol-1", "snap-1");
  readers.tell("snap-2", "snap-1");
  readers.tell("vol-2", "snap-3");
  let unread = false;
  const waiting = readers.untilUnread("snap-1", signal).then(() => (unread = true));
  readers.tell("vol-1", undefined);
  await new Promise(setImmediate);
  assert.equal(unread, false);
  readers.tell("snap-2", undefined);
  await waiting;
  await assert.rejects(readers.untilUnread("snap-3", AbortSignal.abort()));
});
