import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { test } from "node:test";
import { BodyPace } from "./bodyPace.ts";
import { collectBody, emptyBody, IncomingBody } from "./incomingBody.ts";
import { pieces, refusal } from "./signing.testing.ts";

/** Serves one request with `read`, from a client that sends part of a body and goes. */
async function abandoned(read: (body: IncomingBody) => Promise<unknown>): Promise<{ pace: BodyPace; result: unknown }> {
  const pace = new BodyPace(1, 60_000);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const result = await new Promise<unknown>((resolve, reject) => {
    server.on("request", (message, response) => {
      message.on("error", () => {});
      const gone = new Promise((closed) => message.on("close", closed));
      read(new IncomingBody(message, response, false, pace))
        .then(async (value) => {
          client.destroy();
          await gone;
          resolve(value);
        })
        .catch(reject);
    });
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.on("error", () => {});
    client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart");
  });
  await new Promise((resolve) => server.close(resolve));
  pace.stop();
  return { pace, result };
}

test("a reader that leaves without a word leaves nothing behind", async () => {
  const { pace, result } = await abandoned((body) => body[Symbol.asyncIterator]().next());
  assert.equal(String((result as { value: Buffer }).value), "part");
  assert.equal(pace.size, 0);
});

test("a reader that stops in time leaves nothing behind", async () => {
  const { pace } = await abandoned(async (body) => {
    for await (const piece of body) return piece;
    return undefined;
  });
  assert.equal(pace.size, 0);
});

test("a body is read once", async () => {
  const { result } = await abandoned(async (body) => {
    await body[Symbol.asyncIterator]().next();
    return await body.collect(10).catch((error: Error) => error.message);
  });
  assert.equal(result, "a request body can be read only once");
});

test("collecting any stream is bounded", async () => {
  assert.equal((await collectBody(emptyBody, 0)).length, 0);
  assert.equal(String(await collectBody(pieces("ab", "c"), 3)), "abc");
  const got = await refusal(() => collectBody(pieces("ab", "cd"), 3));
  assert.deepEqual([got.code, got.status], ["RequestEntityTooLargeException", 413]);
});
