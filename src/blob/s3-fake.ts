/**
 * As much of S3 as the blob store uses, for its tests: objects and uploads in memory, conditional writes, ranges,
 * listing. Refuses a body that does not match its hash and a request without a signature; can be told to fail.
 */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface StoredObject {
  body: Buffer;
  modified: number;
  mark: string | undefined;
}

export interface S3Fake {
  endpoint: string;
  objects: Map<string, StoredObject>;
  uploads: Map<string, { key: string; parts: Map<number, Buffer>; mark: string | undefined }>;
  requests: string[];
  /** Called before each request is handled; "lose" handles it and then cuts the connection, a number answers that. */
  disturb: (request: IncomingMessage) => "lose" | number | undefined;
  close(): Promise<void>;
}

const xmlType = { "content-type": "application/xml" };

export async function startS3Fake(): Promise<S3Fake> {
  const fake: Omit<S3Fake, "endpoint" | "close"> = {
    objects: new Map(),
    uploads: new Map(),
    requests: [],
    disturb: () => undefined,
  };
  const server = createServer((request, response) => void handle(fake, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(fake, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, xmlType).end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
}

async function handle(
  fake: Omit<S3Fake, "endpoint" | "close">,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://x");
  const [, bucket = "", ...rest] = url.pathname.split("/").map(decodeURIComponent);
  const key = rest.join("/");
  fake.requests.push(`${request.method} ${url.pathname}${url.search}`);
  const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
  const disturbance = fake.disturb(request);
  if (typeof disturbance === "number") return refuse(response, disturbance, "InternalError");
  if (disturbance === "lose") {
    response.end = (() => request.socket.destroy()) as unknown as typeof response.end;
  }
  if (
    !/^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/us-east-1\/s3\/aws4_request, /.test(request.headers.authorization ?? "")
  ) {
    return refuse(response, 403, "AccessDenied");
  }
  if (request.headers["x-amz-content-sha256"] !== createHash("sha256").update(body).digest("hex")) {
    return refuse(response, 400, "XAmzContentSHA256Mismatch");
  }
  if (bucket !== "bucket") return refuse(response, 404, "NoSuchBucket");
  const query = url.searchParams;
  const mark = request.headers["x-amz-meta-jikimi-upload"] as string | undefined;
  const taken = request.headers["if-none-match"] === "*" && fake.objects.has(key);

  if (request.method === "PUT" && query.has("partNumber")) {
    const upload = fake.uploads.get(query.get("uploadId")!);
    if (!upload || upload.key !== key) return refuse(response, 404, "NoSuchUpload");
    upload.parts.set(Number(query.get("partNumber")), body);
    response.writeHead(200, { etag: `"${createHash("md5").update(body).digest("hex")}"` }).end();
  } else if (request.method === "PUT") {
    if (taken) return refuse(response, 412, "PreconditionFailed");
    fake.objects.set(key, { body, modified: Date.now(), mark });
    response.writeHead(200).end();
  } else if (request.method === "POST" && query.has("uploads")) {
    const id = `${randomUUID()}&<`;
    fake.uploads.set(id, { key, parts: new Map(), mark });
    response
      .writeHead(200, xmlType)
      .end(`<R><UploadId>${id.replace("&", "&amp;").replace("<", "&lt;")}</UploadId></R>`);
  } else if (request.method === "POST" && query.has("uploadId")) {
    const upload = fake.uploads.get(query.get("uploadId")!);
    if (!upload) return refuse(response, 404, "NoSuchUpload");
    if (taken) return refuse(response, 412, "PreconditionFailed");
    const parts = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>&quot;(\w+)&quot;<\/ETag>/g)];
    const bodies = parts.map(([, number, tag]) => {
      const part = upload.parts.get(Number(number));
      return part && createHash("md5").update(part).digest("hex") === tag ? part : undefined;
    });
    if (bodies.length !== upload.parts.size || bodies.includes(undefined)) return refuse(response, 400, "InvalidPart");
    fake.objects.set(key, { body: Buffer.concat(bodies as Buffer[]), modified: Date.now(), mark: upload.mark });
    fake.uploads.delete(query.get("uploadId")!);
    response.writeHead(200, xmlType).end("<R><ETag>x</ETag></R>");
  } else if (request.method === "DELETE" && query.has("uploadId")) {
    fake.uploads.delete(query.get("uploadId")!);
    response.writeHead(204).end();
  } else if (request.method === "DELETE") {
    fake.objects.delete(key);
    response.writeHead(204).end();
  } else if (request.method === "GET" && key === "") {
    list(fake, query, response);
  } else {
    sendObject(fake.objects.get(key), request, response);
  }
}

function list(fake: Pick<S3Fake, "objects">, query: URLSearchParams, response: ServerResponse): void {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  // Two at a time, so that continuation is used.
  const size = Math.min(Number(query.get("max-keys")), 2);
  const keys = [...fake.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, size);
  const contents = page.map((key) => {
    const { body, modified } = fake.objects.get(key)!;
    return `<Contents><Key>${key}</Key><LastModified>${new Date(modified).toISOString()}</LastModified><Size>${body.length}</Size></Contents>`;
  });
  const more = keys.length > size;
  const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
  response.writeHead(200, xmlType).end(`<R><IsTruncated>${more}</IsTruncated>${next}${contents.join("")}</R>`);
}

function sendObject(object: StoredObject | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (!object) return refuse(response, 404, "NoSuchKey");
  const { body, modified, mark } = object;
  const headers = {
    "last-modified": new Date(modified).toUTCString(),
    ...(mark === undefined ? {} : { "x-amz-meta-jikimi-upload": mark }),
  };
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const part = range ? body.subarray(Number(range[1]), Number(range[2]) + 1) : body;
  response.writeHead(range ? 206 : 200, { ...headers, "content-length": part.length });
  response.end(request.method === "HEAD" ? undefined : part);
}
