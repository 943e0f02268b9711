/** The narrow reader beside Node's: whatever it takes, Node takes too and understands the same. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { defaultLimits } from "./limits.ts";
import { readHead } from "./requestHead.ts";
import { readUsual, type UsualRequest } from "./usualRequest.ts";

const usual = [
  'POST / HTTP/1.1\r\nhost: 127.0.0.1:4566\r\nx-amz-target: TrentService.Encrypt\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 13\r\n\r\n{"KeyId":"a"}',
  "GET /bucket/a%20key?list-type=2&prefix=%2F HTTP/1.1\r\nHost: b.localhost\r\nConnection: Keep-Alive\r\nX-Amz-Meta-A: 1\r\nx-amz-meta-a:   2 \t\r\nx-empty:\r\n\r\n",
  "PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nauthorization: AWS4-HMAC-SHA256 Credential=A/20260101/r/s/aws4_request, SignedHeaders=host, Signature=00\r\n\r\nabc",
  "DELETE /b/k~x HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
];

const rare: Record<string, string> = {
  "a coding": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "a coding beside a length":
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "two lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
  "a list of lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
  "a signed length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
  "no host": "GET / HTTP/1.1\r\n\r\n",
  "two hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
  "a host with a path": "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
  "a blank before the colon": "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
  "a folded line": "GET / HTTP/1.1\r\nHost: a\r\nx: 1\r\n 2\r\n\r\n",
  "a bare line feed": "GET / HTTP/1.1\r\nHost: a\nx: 1\r\n\r\n",
  "a bare carriage return": "GET / HTTP/1.1\r\nHost: a\rx: 1\r\n\r\n",
  "a NUL": "GET / HTTP/1.1\r\nHost: a\r\nx: \0\r\n\r\n",
  "bytes beyond ASCII": "GET / HTTP/1.1\r\nHost: a\r\nx: \xe9\r\n\r\n",
  "an empty name": "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n",
  "an absolute target": "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
  "a fragment": "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
  "an older version": "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
  "two blanks": "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
  "an empty line in front": "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "another method": "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n",
  "the last of its connection": "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  "an upgrade": "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  "an expectation": "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
  "a long body": "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
  "a head without an end": "GET / HTTP/1.1\r\nHost: a\r\n",
  "too many headers": `GET / HTTP/1.1\r\nHost: a\r\n${"x: 1\r\n".repeat(200)}\r\n`,
  "a head that is too long": `GET / HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(33_000)}\r\n\r\n`,
};

interface Seen {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: string;
}

let server: Server;
let port: number;
let seen: Seen[] = [];
let bad = 0;

before(async () => {
  server = createServer({ insecureHTTPParser: false, maxHeaderSize: defaultLimits.headerBytes });
  server.on("request", (message: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    message.on("data", (piece: Buffer) => pieces.push(piece));
    message.on("end", () => {
      const head = readHead(message, defaultLimits);
      if (typeof head === "number") bad++;
      else {
        const headers = { ...head.headers };
        seen.push({ method: message.method!, ...head, headers, body: Buffer.concat(pieces).toString("latin1") });
      }
      response.end();
    });
  });
  server.on("clientError", (_error, socket) => {
    bad++;
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});
after(() => server.close());

/** What Node makes of the bytes, when nothing follows them. */
async function asNode(bytes: Buffer): Promise<{ seen: Seen[]; bad: number }> {
  seen = [];
  bad = 0;
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.end(bytes);
  socket.resume();
  await once(socket, "close");
  return { seen, bad };
}

function asSeen({ method, path, query, headers, bodyStart, end }: UsualRequest, bytes: Buffer): Seen {
  return { method, path, query, headers: { ...headers }, body: bytes.toString("latin1", bodyStart, end) };
}

/** Repeatable: what fails once fails again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

for (const text of usual) {
  test(`usual: ${text.slice(0, text.indexOf("\r\n"))}`, async () => {
    const bytes = Buffer.from(text, "latin1");
    const request = readUsual(bytes, defaultLimits);
    assert.equal(request?.end, bytes.length);
    assert.deepEqual(await asNode(bytes), { seen: [asSeen(request, bytes)], bad: 0 });
  });
}

for (const [name, text] of Object.entries(rare)) {
  test(`left to Node: ${name}`, () => {
    assert.equal(readUsual(Buffer.from(text, "latin1"), defaultLimits), undefined);
  });
}

test("whatever is taken, Node takes too and understands the same", async () => {
  const next = numbers(20_261_124);
  const oddities = "\0\t\n\v\f\r !\"#$%&'()*+,-./0:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xa0\xff";
  const lines = ["Content-Length: 1", "Transfer-Encoding: identity", "Host: b", "X: y", " folded", "Connection: x"];
  let taken = 0;
  for (let round = 0; round < 3000; round++) {
    let text = usual[next(usual.length)]!;
    for (let changes = 1 + next(3); changes > 0; changes--) {
      const at = next(text.length);
      const odd = oddities[next(oddities.length)]!;
      const lineEnd = text.indexOf("\r\n", at);
      const kind = next(4);
      if (kind === 0) text = text.slice(0, at) + odd + text.slice(at);
      else if (kind === 1) text = text.slice(0, at) + odd + text.slice(at + 1);
      else if (kind === 2) text = text.slice(0, at) + text.slice(at + 1);
      else if (lineEnd >= 0) text = `${text.slice(0, lineEnd)}\r\n${lines[next(lines.length)]!}${text.slice(lineEnd)}`;
    }
    const bytes = Buffer.from(text, "latin1");
    const request = readUsual(bytes, defaultLimits);
    if (request?.end !== bytes.length) continue;
    taken++;
    assert.deepEqual(await asNode(bytes), { seen: [asSeen(request, bytes)], bad: 0 }, JSON.stringify(text));
  }
  assert.ok(taken > 300, `only ${taken} were taken`);
});
