import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { silentLogger } from "#kernel/log.ts";
import { createServer } from "./server.ts";
import { raw, text, until } from "./server.testing.ts";

test("closing lets running requests finish and accepts no more", async () => {
  let release!: () => void;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let entered = false;
  const server = createServer({
    logger: silentLogger,
    handler: async () => {
      entered = true;
      await gate;
      return text("finished");
    },
  });
  const { port } = await server.listen({ port: 0 });
  const agent = new Agent({ keepAlive: true });
  const answer = new Promise<string>((resolve, reject) => {
    httpRequest({ port, agent }, (response) => {
      let got = "";
      response.on("data", (piece) => (got += piece));
      response.on("end", () => resolve(`${got} ${response.headers["connection"]}`));
    })
      .on("error", reject)
      .end();
  });
  await until(() => entered);
  const closing = server.close(5_000);
  assert.equal(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  release();
  assert.equal(await answer, "finished close");
  await closing;
  agent.destroy();
});

test("closing does not wait for connections that have said nothing", async () => {
  const server = createServer({ logger: silentLogger, handler: () => text("x") });
  const { port } = await server.listen({ port: 0 });
  const socket = connect(port, "127.0.0.1");
  await until(() => server.connections === 1);
  const gone = new Promise((resolve) => socket.on("close", resolve));
  await server.close(60_000);
  await gone;
});

test("closing cuts what does not finish", async () => {
  let entered = false;
  let aborted = false;
  const server = createServer({
    logger: silentLogger,
    handler: (_request, signal) => {
      entered = true;
      return new Promise(() => signal.addEventListener("abort", () => (aborted = true)));
    },
  });
  const { port } = await server.listen({ port: 0 });
  const answer = raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await until(() => entered);
  await server.close(20);
  assert.equal(await answer, "");
  await until(() => aborted);
});
