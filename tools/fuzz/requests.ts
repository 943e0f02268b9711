/** Hostile requests as bytes on a socket. */
import { createHmac, hash } from "node:crypto";
import { canonicalHeaders, canonicalPathOnce, canonicalPathTwice, canonicalQuery } from "#wire/canonical.ts";
import { formatAmzDate } from "#wire/signature.ts";
import { deriveSigningKey } from "#wire/signingKeys.ts";
import { chunkedBodies, cborBodies, formBodies, jsonBodies, queryBodies, xmlBodies, type BodyMaker } from "./bodies.ts";
import { nasty, type Choices } from "./random.ts";

/** The usual variables of the environment choose another key, for a server that has its own. */
export const fuzzCredential = {
  accessKeyId: process.env["AWS_ACCESS_KEY_ID"] ?? "AKIAFUZZFUZZFUZZFUZZ",
  secretAccessKey: process.env["AWS_SECRET_ACCESS_KEY"] ?? "fuzz/fuzz+fuzz/fuzz+fuzz/fuzz+fuzz/fuzz+",
};

export interface Attempt {
  /** What it tries, for reports. */
  kind: string;
  bytes: Buffer;
  /** Nothing is wrong with it: our own server answers 200. */
  valid?: boolean;
  /** Sent to the end, then our half of the connection is closed: nothing more is to come. */
  finish: boolean;
  head?: boolean;
}

interface Draft {
  method: string;
  path: string;
  query?: string;
  headers: Record<string, string>;
  body: Buffer;
  service: string;
}

/** The client's side of SigV4, over whatever body was made, so that the decoders see it. */
function signed(draft: Draft, payload?: string): Buffer {
  const now = formatAmzDate(Date.now());
  const scope = { date: now.slice(0, 8), region: "us-east-1", service: draft.service };
  const payloadHash = payload ?? hash("sha256", draft.body, "hex");
  const headers: Record<string, string> = { host: "localhost", "x-amz-date": now, ...draft.headers };
  if (draft.service === "s3") headers["x-amz-content-sha256"] = payloadHash;
  const names = Object.keys(headers).toSorted();
  const path = draft.service === "s3" ? canonicalPathOnce(draft.path) : canonicalPathTwice(draft.path);
  const canonical = `${draft.method}\n${path}\n${canonicalQuery(draft.query ?? "")}\n${canonicalHeaders(headers, names)}\n${names.join(";")}\n${payloadHash}`;
  const text = `AWS4-HMAC-SHA256\n${now}\n${scope.date}/us-east-1/${scope.service}/aws4_request\n${hash("sha256", Buffer.from(canonical, "latin1"), "hex")}`;
  const signature = createHmac("sha256", deriveSigningKey(fuzzCredential.secretAccessKey, scope))
    .update(text, "latin1")
    .digest("hex");
  headers["authorization"] =
    `AWS4-HMAC-SHA256 Credential=${fuzzCredential.accessKeyId}/${scope.date}/us-east-1/${scope.service}/aws4_request, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return raw(draft, headers);
}

function raw(draft: Draft, headers: Record<string, string>): Buffer {
  const target = draft.path + (draft.query === undefined ? "" : `?${draft.query}`);
  const lines = Object.entries({ ...headers, "content-length": String(draft.body.length) }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.concat([
    Buffer.from(`${draft.method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"),
    draft.body,
  ]);
}

const json = (body: Buffer): Draft => ({
  method: "POST",
  path: "/",
  service: "kms",
  body,
  headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.Encrypt" },
});
const query = (body: Buffer): Draft => ({
  method: "POST",
  path: "/",
  service: "iam",
  body,
  headers: { "content-type": "application/x-www-form-urlencoded" },
});
const xml = (body: Buffer): Draft => ({
  method: "PUT",
  path: "/bucket/key",
  query: "tagging=",
  service: "s3",
  body,
  headers: {},
});
const object = (body: Buffer): Draft => ({ method: "PUT", path: "/bucket/key", service: "s3", body, headers: {} });
const rest = (body: Buffer): Draft => ({
  method: "POST",
  path: "/detector",
  service: "guardduty",
  body,
  headers: { "content-type": "application/json" },
});
const cbor = (body: Buffer): Draft => ({
  method: "POST",
  path: "/service/GraniteServiceVersion20100801/operation/ListMetrics",
  service: "monitoring",
  body,
  headers: { "content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor" },
});

const validDrafts: readonly (() => Draft)[] = [
  () => json(Buffer.from('{"KeyId":"alias/a","Plaintext":"AAAA"}')),
  () => query(Buffer.from("Action=ListUsers&Version=2010-05-08")),
  () => object(Buffer.from("data")),
  () => xml(Buffer.from("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>")),
  () => rest(Buffer.from('{"enable":true}')),
];

const syntaxes: readonly [string, (body: Buffer) => Draft, readonly BodyMaker[]][] = [
  ["json", json, jsonBodies],
  ["restJson", rest, jsonBodies],
  ["query", query, queryBodies],
  ["xml", xml, xmlBodies],
  ["cbor", cbor, cborBodies],
];

const chunkedHeaders = (c: Choices): Record<string, string> => ({
  "content-encoding": "aws-chunked",
  "x-amz-decoded-content-length": c.pick(["5", "5", "5", "0", "-1", "99999999999999", "x"]),
  ...(c.chance(0.8)
    ? { "x-amz-trailer": c.pick(["x-amz-checksum-crc32", "x-amz-checksum-crc32", "x-amz-meta-a", ""]) }
    : {}),
});

const smuggling: readonly string[] = [
  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello",
  "GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n",
  "GET / HTTP/1.1\nHost: h\n\n",
  "GET / HTTP/1.1\r\nHost: h\r\n X: folded\r\n\r\n",
  "GET http://a@b:c/ HTTP/1.1\r\nHost: h\r\n\r\n",
  "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
  "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
  "GET / HTTP/0.9\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
  'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a="b\r\nx\r\n0\r\n\r\n',
  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
];

function path(c: Choices): string {
  let out = "";
  for (let n = 1 + c.below(6); n > 0; n--) out += `/${c.chance(0.5) ? c.pick(nasty) : c.text(c.size(40))}`;
  // The request line ends at a blank; those are tried by the mutations.
  return out.replace(/[\s\0]/g, "%20");
}

type Maker = [weight: number, kind: string, make: (c: Choices) => Omit<Attempt, "kind">];

const makers: readonly Maker[] = [
  [6, "valid", (c) => ({ bytes: signed(c.pick(validDrafts)()), valid: true, finish: false })],
  [16, "mutated request", (c) => ({ bytes: c.mutate(signed(c.pick(validDrafts)())), finish: true })],
  [
    24,
    "signed hostile body",
    (c) => {
      const [, draft, bodies] = c.pick(syntaxes);
      return { bytes: signed(draft(c.pick(bodies)(c))), finish: false };
    },
  ],
  [
    8,
    "signed aws-chunked",
    (c) => {
      const body = c.pick(chunkedBodies)(c);
      const mode = c.pick([
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
      ]);
      return { bytes: signed({ ...object(body), headers: chunkedHeaders(c) }, mode), finish: false };
    },
  ],
  [
    5,
    "browser form",
    (c) => ({
      bytes: raw(
        { method: "POST", path: "/bucket", service: "s3", headers: {}, body: c.pick(formBodies)(c) },
        { host: "localhost", "content-type": "multipart/form-data; boundary=B" },
      ),
      finish: false,
    }),
  ],
  [
    10,
    "hostile path",
    (c) => ({
      bytes: raw(
        {
          method: c.pick(["GET", "PUT", "HEAD", "DELETE", "POST"]),
          path: path(c),
          query: c.text(c.size(100), "abc=&%zX-Amz.+"),
          service: "s3",
          headers: {},
          body: Buffer.alloc(0),
        },
        { host: c.pick(["localhost", "b.s3.localhost", "..s3.localhost", "localhost:4566", "[::1]"]) },
      ),
      finish: true,
    }),
  ],
  [
    6,
    "hostile authorization",
    (c) => ({
      bytes: raw(json(Buffer.from("{}")), {
        host: "localhost",
        "x-amz-target": "TrentService.Encrypt",
        "x-amz-date": c.pick(["20260101T000000Z", "x", ""]),
        authorization: `${c.pick(["AWS4-HMAC-SHA256", "AWS", "Bearer", ""])} ${c.text(c.size(200), "Credential=/,SignedHeaders;ature 01a")}`,
      }),
      finish: true,
    }),
  ],
  [
    4,
    "hostile presigned",
    (c) => ({
      bytes: raw(
        {
          method: "GET",
          path: "/b/k",
          query: `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${c.text(c.size(60), "AKID/%2F2026us-east-1s3aws4_request")}&X-Amz-Date=${c.pick(["20260101T000000Z", "99999999T999999Z", ""])}&X-Amz-Expires=${c.pick(nasty.map(encodeURIComponent.bind(undefined)))}&X-Amz-SignedHeaders=${c.pick(["host", "", ";;;", "constructor;host"])}&X-Amz-Signature=${c.text(c.size(80), "0123456789abcdef")}`,
          service: "s3",
          headers: {},
          body: Buffer.alloc(0),
        },
        { host: "localhost" },
      ),
      finish: true,
    }),
  ],
  [
    5,
    "hostile headers",
    (c) => ({
      bytes: raw(json(Buffer.from("{}")), {
        host: "localhost",
        [`x-${c.text(c.size(20), "abc-_")}`]: c.text(c.size(40_000), "abc\xe9 \t;,="),
        ...Object.fromEntries(Array.from({ length: c.size(300) }, (_, i) => [`h${i}`, "v"])),
      }),
      finish: true,
    }),
  ],
  [
    6,
    "smuggling",
    (c) => {
      const text = Buffer.from(c.pick(smuggling), "latin1");
      return { bytes: c.chance(0.5) ? text : c.mutate(text), finish: true };
    },
  ],
  [
    4,
    "garbage",
    (c) => ({
      bytes: c.chance(0.3)
        ? Buffer.concat([Buffer.from([0x16, 3, 1]), c.bytes(c.size(600))])
        : c.bytes(1 + c.size(3000)),
      finish: true,
    }),
  ],
  [
    3,
    "cut short",
    (c) => {
      const whole = signed(c.pick(validDrafts)());
      return { bytes: whole.subarray(0, c.below(whole.length)), finish: true };
    },
  ],
  [
    3,
    "HEAD",
    (c) => ({
      bytes: signed({
        method: "HEAD",
        path: `/bucket${encodeURI(path(c)).replaceAll("#", "%23").replaceAll("?", "%3F").replaceAll("\\", "%5C").replaceAll("%", "%25")}`,
        service: "s3",
        headers: {},
        body: Buffer.alloc(0),
      }),
      finish: false,
      head: true,
    }),
  ],
];

const total = makers.reduce((sum, [weight]) => sum + weight, 0);

export function nextAttempt(c: Choices): Attempt {
  let at = c.below(total);
  for (const [weight, kind, make] of makers) {
    at -= weight;
    if (at < 0) return { kind, ...make(c) };
  }
  throw new Error("weights");
}

/**
 * A client that stops in the middle and keeps the connection: in the headers, in the body, or before "100 Continue" is
 * answered. The server must end it by itself, within its own limits.
 */
export function slowAttempt(c: Choices): Attempt {
  const whole = signed((validDrafts[0] as () => Draft)());
  const headers = whole.indexOf("\r\n\r\n") + 4;
  const until = c.pick([1, c.below(headers), headers, headers + c.below(whole.length - headers)]);
  return { kind: "slow", bytes: whole.subarray(0, Math.max(1, until)), finish: false };
}

/** A request that the server must go on answering whatever came before. */
export function healthCheck(): Attempt {
  return { kind: "health", bytes: signed((validDrafts[0] as () => Draft)()), valid: true, finish: false };
}
