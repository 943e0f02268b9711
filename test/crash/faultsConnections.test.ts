/**
 * Clients that are slow, cut off, too many, or never read: each costs what the limits allow, nobody else notices, and
 * nothing half-done shows.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { eventually, startInstance, type Instance } from "../instance.ts";

const Bucket = "connections";
const largeSize = 32 << 20;

describe("connections that behave badly", () => {
  let instance: Instance;
  let s3: S3Client;
  let api: number;
  let port: number;

  before(async () => {
    instance = await startInstance();
    s3 = new S3Client(instance.s3Client);
    port = Number(new URL(instance.endpoint).port);
    api = (await instance.rolePids())["api"]!;
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "large", Body: randomBytes(largeSize) }));
  });

  after(() => instance?.stop());

  const residentSet = async (): Promise<number> =>
    Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${api}/status`, "utf8"))![1]) * 1024;

  const serves = async (): Promise<void> => {
    const since = performance.now();
    await s3.send(new ListObjectsV2Command({ Bucket }));
    assert.ok(performance.now() - since < 5_000, "others are served");
  };

  const partials = async (): Promise<string[]> =>
    (await readdir(join(instance.dataDir, "blobs/.incoming"))).filter((name) => name.endsWith(".partial"));

  test("an upload that is cut off is not visible, and leaves no file", async () => {
    const before = await blobs();
    const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "cut" }));
    const uploads = Array.from({ length: 5 }, async (_, i) => {
      const sent = request(url, { method: "PUT", headers: { "content-length": String(1 << 20) } });
      sent.on("error", () => {});
      sent.write(randomBytes(100_000 + i));
      await eventually(async () => (await partials()).length > 0, { every: 5 });
      sent.destroy();
    });
    await Promise.all(uploads);
    await eventually(async () => (await partials()).length === 0);
    await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "cut" })), { name: "NoSuchKey" });
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    assert.deepEqual(
      Contents.map(({ Key }) => Key),
      ["large"],
    );
    assert.deepEqual(await blobs(), before, "bodies nobody names are gone");
  });

  async function blobs(): Promise<string[]> {
    const names = await readdir(join(instance.dataDir, "blobs"), { recursive: true, withFileTypes: true });
    return names
      .filter((entry) => entry.isFile() && entry.name.startsWith("s3-"))
      .map((entry) => entry.name)
      .toSorted();
  }

  test("an upload a byte at a time does not hold up others", async () => {
    const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "slow" }));
    const slow = Array.from({ length: 50 }, () => {
      const sent = request(url, { method: "PUT", headers: { "content-length": "100000" }, agent: false });
      sent.on("error", () => {});
      sent.write("x");
      return sent;
    });
    await serves();
    for (let i = 0; i < 5; i++) for (const sent of slow) sent.write("x");
    await serves();
    for (const sent of slow) sent.destroy();
    await eventually(async () => (await partials()).length === 0);
    await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "slow" })), { name: "NoSuchKey" });
  });

  test("500 connections at once are all served", async () => {
    const url = await getSignedUrl(s3, new ListObjectsV2Command({ Bucket }));
    const statuses = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const sent = request(url, { agent: false });
        sent.end();
        const [answer] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
        answer.resume();
        await once(answer, "end");
        return answer.statusCode;
      }),
    );
    assert.deepEqual([...new Set(statuses)], [200]);
  });

  test("a flood of connections that say nothing is bounded, and others are served meanwhile", async () => {
    const opened: Socket[] = [];
    try {
      for (let i = 0; i < 1_500; i++) {
        const socket = connect({ host: "127.0.0.1", port });
        socket.on("error", () => {});
        opened.push(socket);
      }
      await serves();
      // Whoever says nothing is sent away by the server itself.
      await eventually(async () => opened.every((socket) => socket.closed || socket.readableEnded), {
        within: 30_000,
      });
      await serves();
    } finally {
      for (const socket of opened) socket.destroy();
    }
  });

  test("more connections from one address than it may have: the surplus is closed at once, the rest lives", async () => {
    const opened: Socket[] = [];
    let closed = 0;
    try {
      for (let i = 0; i < 2_300; i++) {
        const socket = connect({ host: "127.0.0.1", port });
        socket.on("error", () => {});
        socket.once("close", () => closed++);
        opened.push(socket);
      }
      await eventually(async () => closed >= 200, { within: 9_000 });
      assert.ok((await residentSet()) < 1 << 30);
    } finally {
      for (const socket of opened) socket.destroy();
    }
    await eventually(async () => {
      await serves();
      return true;
    });
  });

  test("clients that never read their answers do not fill the memory", async () => {
    const url = new URL(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "large" })));
    const before = await residentSet();
    const readers = Array.from({ length: 40 }, () => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("error", () => {});
      socket.pause();
      socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
      return socket;
    });
    await Promise.all(readers.map((socket) => eventually(async () => !socket.connecting)));
    await serves();
    const grown = (await residentSet()) - before;
    // Whole answers would be 1.3 GB.
    assert.ok(grown < 400 << 20, `grown by ${grown}`);
    for (const socket of readers) socket.destroy();
    await eventually(async () => (await openBodies()) === 0);
  });

  /** Body files that the api role holds open. */
  async function openBodies(): Promise<number> {
    const links = await readdir(`/proc/${api}/fd`);
    const { readlink } = await import("node:fs/promises");
    const targets = await Promise.all(links.map((fd) => readlink(`/proc/${api}/fd/${fd}`).catch(() => "")));
    return targets.filter((target) => /\/s3-[0-9a-f]+$/.test(target)).length;
  }

  test("HEAD, refused headers and broken downloads leave no file open, and the process goes on", async () => {
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "large" }));
    for (let i = 0; i < 20; i++) {
      const sent = request(url, { agent: false });
      sent.on("error", () => {});
      sent.end();
      const [answer] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
      answer.on("error", () => {});
      answer.destroy();
    }
    // An answer that cannot be written as a header.
    const bad = await getSignedUrl(
      s3,
      new GetObjectCommand({ Bucket, Key: "large", ResponseCacheControl: "a\u0001b\r\nc: d" }),
    );
    for (let i = 0; i < 20; i++) assert.ok((await fetch(bad)).status < 500);
    await eventually(async () => (await openBodies()) === 0);
    assert.equal((await instance.rolePids())["api"], api, "no restart in any of this");
  });
});
