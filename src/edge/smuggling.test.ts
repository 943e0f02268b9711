/** Requests that two servers could read in two ways reach no target as anything but one request. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import {
  attributes,
  freePort,
  frontEnd,
  listener,
  target,
  targetGroup,
  testEdge,
  upstream,
  type TestEdge,
} from "./testing.ts";

let edge: TestEdge;
let app: Awaited<ReturnType<typeof upstream>>;
let port: number;
const seen: string[] = [];

before(async () => {
  app = await upstream((request, response) => {
    seen.push(request.url ?? "");
    request.resume();
    request.on("end", () => response.end("ok"));
  });
  port = await freePort();
  edge = testEdge();
});

after(async () => {
  await edge.edge.close(100);
  await app.close();
});

/** Everything that comes back until the server closes, or has been quiet. */
function send(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(400, done);
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.on("close", done);
    socket.on("error", done);
    socket.write(text, "latin1");
  });
}

const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

const refused: Readonly<Record<string, string>> = {
  "Content-Length beside Transfer-Encoding": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  "two Content-Lengths": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  "a signed Content-Length": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello`,
  "a Content-Length in hexadecimal": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello`,
  "chunked that is not last": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`,
  "an unknown Transfer-Encoding": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
  "a space before the colon": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
  "a header in a folded line": `POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\n Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  "bare line feeds": `POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n${hidden}`,
  "a NUL in a header": `GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n`,
  "a carriage return in a header": `GET / HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n`,
  "no Host": `GET / HTTP/1.1\r\n\r\n`,
  "two Hosts": `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`,
  "a chunk size that overflows": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
  "a chunk size that is none": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  "no HTTP at all": "\x16\x03\x01\x00\x05hello\r\n\r\n",
};

for (const mode of ["defensive", "monitor"] as const) {
  for (const [name, text] of Object.entries(refused)) {
    test(`${mode}: ${name} is refused, and the connection ends`, async () => {
      await apply(mode);
      const answer = await send(text);
      assert.ok(!seen.includes("/hidden"), "a hidden request came through");
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, answer);
    });
  }
}

async function apply(
  desyncMitigationMode: "defensive" | "strictest" | "monitor",
  more: Partial<typeof attributes> = {},
): Promise<void> {
  seen.length = 0;
  await edge.apply({
    frontEnds: [frontEnd({ attributes: { ...attributes, desyncMitigationMode, ...more } })],
    listeners: [listener(port)],
    targetGroups: [targetGroup([target(app.port)])],
  });
}

const getWithBody = `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
const suspicious = "GET / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n";
const acceptable = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

for (const [mode, text, status, closes] of [
  ["monitor", getWithBody, 200, false],
  ["defensive", getWithBody, 200, true],
  ["strictest", getWithBody, 400, true],
  ["defensive", suspicious, 200, true],
  ["strictest", suspicious, 400, true],
  ["defensive", acceptable, 200, false],
  ["strictest", acceptable, 400, true],
] as const) {
  test(`${mode}: ${text.split("\r\n")[2]} → ${status}${closes ? ", and the connection ends" : ""}`, async () => {
    await apply(mode);
    const answer = await send(text);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    assert.equal(/connection: close/i.test(answer), closes);
    assert.ok(!seen.includes("/hidden"));
  });
}

test("header fields that are invalid to a load balancer are dropped where it says so", async () => {
  const headers: string[][] = [];
  app.server.on("request", (request) => void headers.push(Object.keys(request.headers)));
  for (const dropInvalidHeaderFields of [false, true]) {
    await apply("defensive", { dropInvalidHeaderFields });
    await send("GET / HTTP/1.1\r\nHost: a\r\nx_under: 1\r\nX-Good: 1\r\n\r\n");
  }
  assert.deepEqual(
    headers.map((names) => [names.includes("x_under"), names.includes("x-good")]),
    [
      [true, true],
      [false, true],
    ],
  );
});

test("requests one after the other on one connection, without waiting, are answered in their order", async () => {
  await apply("defensive");
  const answer = await send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 2);
  assert.deepEqual(seen, ["/1", "/2"]);
});
