import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { connectIpc } from "./client.ts";
import { IpcError, IpcLost, type ErrorCodec, type IpcHandlers, type IpcOptions } from "./contract.ts";
import { serveIpc } from "./server.ts";

const awsErrors: ErrorCodec = {
  name: "AwsError",
  encode: (error) => {
    const { code, status, fields } = error as AwsError;
    return { code, status, fields };
  },
  decode: ({ code, status, fields }, message) =>
    new AwsError(String(code), message, Number(status), { fields: fields as Record<string, unknown> }),
};

async function withServer(
  handlers: IpcHandlers,
  body: (client: ReturnType<typeof connectIpc>, path: string) => Promise<void>,
  options: IpcOptions = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-ipc-"));
  const path = join(folder, "s.sock");
  const server = await serveIpc(path, handlers, options);
  const client = connectIpc(path, { ...options, connectTimeoutMs: 200 });
  try {
    await body(client, path);
  } finally {
    await client.close();
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

/** Resolves when the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function* count(
  to: number,
  state: { sent: number; returned: boolean } = { sent: 0, returned: false },
): AsyncGenerator<number> {
  try {
    for (let n = 0; n < to; n++) {
      state.sent++;
      yield n;
    }
  } finally {
    state.returned = true;
  }
}

test("values cross as structured clones, calls interleave", async () => {
  const handlers: IpcHandlers = {
    echo: ([value]) => value,
    slow: async ([value, gate]) => {
      await new Promise((resolve) => setTimeout(resolve, Number(gate)));
      return value;
    },
  };
  await withServer(handlers, async (client) => {
    const value = {
      bytes: new Uint8Array([1, 2]),
      date: new Date(5),
      big: 7n,
      map: new Map([["a", new Set([1])]]),
      none: undefined,
      text: "가\0",
    };
    const back = (await client.call("echo", [value])) as typeof value;
    assert.deepEqual({ ...back, bytes: [...back.bytes] }, { ...value, bytes: [1, 2] });
    assert.deepEqual(await Promise.all([client.call("slow", [1, 20]), client.call("slow", [2, 0])]), [1, 2]);
    const big = Buffer.alloc(5_000_000, "x");
    assert.equal(((await client.call("echo", [big])) as Buffer).length, big.length);
  });
});

test("the socket is for its owner only", async () => {
  await withServer({}, async (_, path) => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

test("errors keep their class when it has a codec, and never crash the server", async () => {
  const handlers: IpcHandlers = {
    denied: () => {
      throw new AwsError("AccessDeniedException", "no", 403, { fields: { reason: "x" } });
    },
    odd: () => {
      throw new TypeError("odd");
    },
    text: () => Promise.reject("not an error" as unknown as Error),
    uncloneable: () => ({ f: () => 1 }),
    fine: () => "fine",
  };
  await withServer(
    handlers,
    async (client) => {
      await assert.rejects(client.call("denied", []), (error) => {
        assert.ok(error instanceof AwsError);
        assert.deepEqual(
          [error.code, error.message, error.status, error.fields],
          ["AccessDeniedException", "no", 403, { reason: "x" }],
        );
        return true;
      });
      await assert.rejects(
        client.call("odd", []),
        (error) => error instanceof IpcError && error.remoteName === "TypeError",
      );
      await assert.rejects(client.call("text", []), /not an error/);
      await assert.rejects(client.call("uncloneable", []), /could not be cloned/);
      for (const name of ["nothing", "constructor", "__proto__", "toString"]) {
        await assert.rejects(
          client.call(name, []),
          (error) => error instanceof IpcError && error.remoteName === "UnknownMethod",
        );
      }
      await assert.rejects(client.call("fine", [() => 1]), /could not be cloned/);
      assert.equal(await client.call("fine", []), "fine");
    },
    { errors: [awsErrors] },
  );
});

test("a stream is sent as far as its reader reads", async () => {
  const state = { sent: 0, returned: false };
  await withServer(
    { count: ([to]) => count(Number(to), state), body: () => ({ status: 200, body: count(3) }) },
    async (client) => {
      const stream = (await client.call("count", [1000])) as AsyncIterable<number>;
      const iterator = stream[Symbol.asyncIterator]();
      for (let n = 0; n < 5; n++) assert.deepEqual(await iterator.next(), { done: false, value: n });
      await client.call("body", []);
      assert.ok(state.sent <= 40, `backpressure: ${state.sent} items for 5 read`);
      const rest: number[] = [];
      for await (const n of { [Symbol.asyncIterator]: () => iterator }) rest.push(n);
      assert.deepEqual(
        rest,
        Array.from({ length: 995 }, (_, n) => n + 5),
      );
      const { status, body } = (await client.call("body", [])) as { status: number; body: AsyncIterable<number> };
      assert.deepEqual([status, await Array.fromAsync(body)], [200, [0, 1, 2]]);
    },
  );
});

test("a stream goes the other way too, as an argument or a member of one", async () => {
  const sum: IpcHandlers[string] = async ([a, b]) => {
    let total = 0;
    for await (const n of a as AsyncIterable<number>) total += n;
    for await (const n of (b as { body: AsyncIterable<number> }).body) total += n;
    return total;
  };
  const state = { sent: 0, returned: false };
  await withServer({ sum, ignore: () => "ignored" }, async (client) => {
    assert.equal(await client.call("sum", [count(100), { body: count(10) }]), 4995);
    assert.equal(await client.call("ignore", [count(1_000_000, state)]), "ignored");
    await until(() => state.returned);
    assert.ok(state.sent < 100, "a stream that nobody reads is stopped");
  });
});

test("leaving a stream, and cancelling a call, reach the other side", async () => {
  const state = { sent: 0, returned: false };
  let aborted = 0;
  const handlers: IpcHandlers = {
    count: () => count(1_000_000, state),
    hang: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => (aborted++, reject(signal.reason as Error)))),
    silent: async function* (_: unknown, { signal }: { signal: AbortSignal }) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => (aborted++, resolve())));
      yield 1;
    },
    fine: () => 1,
  };
  await withServer(handlers, async (client) => {
    for await (const n of (await client.call("count", [])) as AsyncIterable<number>) if (n === 3) break;
    await until(() => state.returned);
    const controller = new AbortController();
    const call = client.call("hang", [], { signal: controller.signal });
    await client.call("fine", []);
    controller.abort(new Error("changed my mind"));
    await assert.rejects(call, /changed my mind/);
    await until(() => aborted === 1);
    const silent = (await client.call("silent", [])) as AsyncIterableIterator<number>;
    await silent.return?.();
    await until(() => aborted === 2);
    await assert.rejects(client.call("fine", [], { signal: controller.signal }), /changed my mind/);
  });
});

test("a stream that fails at its source fails at its reader", async () => {
  const broken = async function* (): AsyncGenerator<number> {
    yield 1;
    throw new AwsError("NoSuchKey", "gone", 404);
  };
  await withServer(
    { broken, read: async ([source]) => Array.fromAsync(source as AsyncIterable<number>) },
    async (client) => {
      const stream = (await client.call("broken", [])) as AsyncIterable<number>;
      await assert.rejects(Array.fromAsync(stream), (error) => error instanceof AwsError && error.code === "NoSuchKey");
      await assert.rejects(
        client.call("read", [broken()]),
        (error) => error instanceof AwsError && error.status === 404,
      );
    },
    { errors: [awsErrors] },
  );
});

test("a call under way when the peer dies is lost, the next one reconnects", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-ipc-"));
  const path = join(folder, "s.sock");
  let entered = 0;
  const handlers: IpcHandlers = {
    hang: () => new Promise(() => entered++),
    endless: () => count(Infinity),
    fine: () => "fine",
  };
  const client = connectIpc(path, { connectTimeoutMs: 100 });
  try {
    await assert.rejects(client.call("fine", []), (error) => error instanceof IpcLost && !error.sent);
    const first = await serveIpc(path, handlers);
    const hanging = client.call("hang", []);
    const stream = (await client.call("endless", [])) as AsyncIterable<number>;
    const reading = Array.fromAsync(stream);
    await until(() => entered === 1);
    const refused = Promise.all([
      assert.rejects(hanging, (error) => error instanceof IpcLost && error.sent),
      assert.rejects(reading, IpcLost),
    ]);
    await first.close();
    await refused;
    const second = await serveIpc(path, handlers);
    assert.equal(await client.call("fine", []), "fine");
    await second.close();
  } finally {
    await client.close();
    rmSync(folder, { recursive: true });
  }
});

test("a call that comes before its server waits for it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-ipc-"));
  const path = join(folder, "s.sock");
  const client = connectIpc(path);
  const early = client.call("fine", []);
  const server = await serveIpc(path, { fine: () => "fine" });
  assert.equal(await early, "fine");
  await client.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

test("a socket that was left behind is replaced, one that is served is not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-ipc-"));
  const path = join(folder, "s.sock");
  writeFileSync(path, "");
  const server = await serveIpc(path, {});
  await assert.rejects(serveIpc(path, {}), { code: "EADDRINUSE" });
  await server.close();
  await assert.rejects(serveIpc(`/tmp/${"x".repeat(120)}`, {}), RangeError);
  rmSync(folder, { recursive: true });
});

test("garbage and oversize frames end their connection only", async () => {
  await withServer(
    { fine: () => "fine" },
    async (client, path) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(5);
      for (const bytes of [
        Buffer.from("GET / HTTP/1.1\r\n\r\n"),
        Buffer.concat([length, Buffer.from("hello")]),
        Buffer.alloc(4, 255),
        Buffer.alloc(64),
      ]) {
        const socket = connect(path);
        const closed = new Promise((resolve) => socket.once("close", resolve));
        socket.on("error", () => {});
        socket.write(bytes);
        await closed;
      }
      assert.equal(await client.call("fine", []), "fine");
      await assert.rejects(client.call("fine", [Buffer.alloc(2000)]), /larger than/);
      assert.equal(await client.call("fine", []), "fine");
    },
    { maxMessage: 1000 },
  );
});

test("a peer that answers nonsense is left", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-ipc-"));
  const path = join(folder, "s.sock");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.write(Buffer.alloc(100, 1)));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = connectIpc(path, { connectTimeoutMs: 100, maxMessage: 1000 });
  await assert.rejects(client.call("fine", []), IpcLost);
  await client.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});
