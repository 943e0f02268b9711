import { Agent, type Dispatcher } from "undici";
import type { Clock } from "#kernel/clock.ts";
import { systemRandom, type Random } from "#kernel/ids.ts";
import {
  BlobExists,
  BlobMissing,
  BlobUnavailable,
  checkBlobId,
  chunkSize,
  resolveRange,
  type BlobInfo,
  type BlobStore,
  type ByteRange,
} from "./contract.ts";
import { canonicalQuery, signRequest, type SigningCredentials } from "#kernel/signedRequest.ts";

export interface S3BlobOptions {
  /** e.g. `http://127.0.0.1:4566`; the bucket is addressed in the path. */
  endpoint: string;
  bucket: string;
  /** Put before each id; "" or ending in "/". */
  prefix: string;
  region: string;
  credentials: SigningCredentials;
  clock: Clock;
  random?: Random;
  /** Bytes that are held at a time: bodies up to it go in one request, larger ones in parts. S3 wants 5 MiB at least. */
  partSize?: number;
  timeoutMs?: number;
}

/** Most parts of one upload. Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits". */
const maxParts = 10_000;
const attempts = 3;

/** Object metadata that tells our own write from somebody else's, when a repeated request finds the id taken. */
const uploadMark = "x-amz-meta-jikimi-upload";

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Dispatcher.ResponseData["body"];
}

interface Call {
  method: string;
  id?: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
}

/**
 * Blobs as objects of a bucket of any S3. The bytes are durable when S3 has acknowledged them; each request
 * carries their SHA-256, so a damaged body is refused. A write is conditional (`If-None-Match: *`).
 *
 * Source: Amazon S3 API Reference, PutObject, UploadPart, CompleteMultipartUpload, ListObjectsV2;
 * User Guide, "How to prevent object overwrites with conditional writes".
 */
export class S3Blobs implements BlobStore {
  readonly #options: Required<S3BlobOptions>;
  readonly #agent: Agent;
  readonly #base: URL;

  constructor(options: S3BlobOptions) {
    this.#options = { random: systemRandom, partSize: 8 * 1024 * 1024, timeoutMs: 30_000, ...options };
    this.#base = new URL(options.endpoint);
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(options.bucket))
      throw new TypeError(`not a bucket name: ${options.bucket}`);
    if (options.prefix !== "" && !/^([A-Za-z0-9._-]+\/)+$/.test(options.prefix))
      throw new TypeError(`not a prefix: ${options.prefix}`);
    const { timeoutMs } = this.#options;
    this.#agent = new Agent({ connect: { timeout: timeoutMs }, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  }

  #path(id: string | undefined): string {
    const base = this.#base.pathname.replace(/\/$/, "");
    const object = id === undefined ? "" : `/${this.#options.prefix}${id}`;
    return `${base}/${this.#options.bucket}${object}`;
  }

  async #send(call: Call): Promise<Answer> {
    const { region, credentials, clock } = this.#options;
    const { method, query = {}, body = new Uint8Array() } = call;
    const path = this.#path(call.id);
    const request = { method, host: this.#base.host, path, query, headers: call.headers ?? {}, body };
    const headers = signRequest(request, { region, service: "s3" }, credentials, clock.now());
    const text = canonicalQuery(query);
    try {
      const answer = await this.#agent.request({
        origin: this.#base.origin,
        path: text === "" ? path : `${path}?${text}`,
        method: method as Dispatcher.HttpMethod,
        headers,
        ...(method === "PUT" || method === "POST" ? { body } : {}),
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (cause) {
      throw new BlobUnavailable(`S3 at ${this.#base.host}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Sends, again after a 5xx or a lost connection, and reads the answer. Only for requests that may be repeated. */
  async #call(
    call: Call,
    expected: readonly number[],
  ): Promise<{ status: number; headers: Answer["headers"]; text: string }> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { status, headers, body } = await this.#send(call);
        const text = await body.text();
        // S3 can begin a CompleteMultipartUpload with 200 and end it with an error in the body.
        if (expected.includes(status) && !(status === 200 && /<Error>/.test(text))) return { status, headers, text };
        const failure = new BlobUnavailable(`S3 answers ${status} to ${call.method}: ${errorCode(text)}`);
        // 409 ConditionalRequestConflict is a write that met another one, 429 a wish to wait; other 4xx stay the same.
        if (attempt === attempts || (status < 500 && status !== 409 && status !== 429)) throw failure;
      } catch (error) {
        if (error instanceof BlobUnavailable && !(error.cause instanceof Error)) throw error;
        if (attempt === attempts) {
          throw error instanceof BlobUnavailable
            ? error
            : new BlobUnavailable(`S3 at ${this.#base.host}`, { cause: error });
        }
      }
    }
  }

  async put(id: string, body: AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    checkBlobId(id);
    const { partSize, random } = this.#options;
    const mark = random.uuid();
    let upload: Upload | undefined;
    try {
      let size = 0;
      let modified = 0;
      for await (const { bytes, last } of parts(body, partSize)) {
        size += bytes.length;
        if (last && !upload) {
          modified = await this.#putWhole(id, mark, bytes);
          break;
        }
        upload ??= await this.#beginUpload(id, mark);
        await this.#putPart(upload, bytes);
        if (last) modified = await this.#completeUpload(upload);
      }
      return { id, size, modified };
    } catch (error) {
      if (upload) await this.#abortUpload(upload);
      throw error;
    }
  }

  async #putWhole(id: string, mark: string, body: Uint8Array): Promise<number> {
    const headers = { "if-none-match": "*", [uploadMark]: mark };
    const answer = await this.#call({ method: "PUT", id, headers, body }, [200, 412]);
    return this.#written(id, mark, answer);
  }

  /** Epoch milliseconds of the write. An id that is taken may be taken by our own first attempt, whose answer was lost. */
  async #written(id: string, mark: string, answer: { status: number; headers: Answer["headers"] }): Promise<number> {
    if (answer.status === 200)
      return Date.parse(String(answer.headers["date"])) || Math.floor(this.#options.clock.now());
    const { status, headers } = await this.#call({ method: "HEAD", id }, [200, 404]);
    if (status === 404) throw new BlobUnavailable(`S3 has lost the upload of blob ${id}`);
    if (headers[uploadMark] !== mark) throw new BlobExists(id);
    return Date.parse(String(headers["last-modified"]));
  }

  async #beginUpload(id: string, mark: string): Promise<Upload> {
    const { text } = await this.#call(
      { method: "POST", id, query: { uploads: "" }, headers: { [uploadMark]: mark } },
      [200],
    );
    const uploadId = element(text, "UploadId");
    if (!uploadId) throw new BlobUnavailable("S3 gives no UploadId");
    return { id, mark, uploadId: unescapeXml(uploadId), tags: [] };
  }

  async #putPart(upload: Upload, body: Uint8Array): Promise<void> {
    const partNumber = upload.tags.length + 1;
    if (partNumber > maxParts) throw new BlobUnavailable(`more than ${maxParts} parts: use a larger part size`);
    const query = { partNumber: String(partNumber), uploadId: upload.uploadId };
    const { headers } = await this.#call({ method: "PUT", id: upload.id, query, body }, [200]);
    if (headers["etag"] === undefined) throw new BlobUnavailable("S3 gives no ETag for a part");
    upload.tags.push(String(headers["etag"]));
  }

  async #completeUpload({ id, mark, uploadId, tags }: Upload): Promise<number> {
    const list = tags.map((tag, n) => `<Part><PartNumber>${n + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`);
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`);
    const headers = { "if-none-match": "*", "content-type": "application/xml" };
    // 404: the upload is gone because an earlier attempt has completed it, or because somebody has aborted it.
    const answer = await this.#call({ method: "POST", id, query: { uploadId }, headers, body }, [200, 404, 412]);
    return this.#written(id, mark, answer);
  }

  async #abortUpload({ id, uploadId }: Upload): Promise<void> {
    // What cannot be aborted now is left to the bucket's lifecycle rule; the first error is what matters.
    await this.#call({ method: "DELETE", id, query: { uploadId } }, [204, 404]).catch(() => {});
  }

  async *get(id: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    checkBlobId(id);
    const info = await this.info(id);
    if (!info) throw new BlobMissing(id);
    const bytes = resolveRange(info.size, range);
    if (!bytes) return;
    const headers = { range: `bytes=${bytes.start}-${bytes.end}` };
    const { status, body } = await this.#send({ method: "GET", id, headers });
    if (status !== 206) {
      const text = await body.text();
      if (status === 404) throw new BlobMissing(id);
      throw new BlobUnavailable(`S3 answers ${status} to GET: ${errorCode(text)}`);
    }
    let received = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        for (let start = 0; start < chunk.length; start += chunkSize) yield chunk.subarray(start, start + chunkSize);
        received += chunk.length;
      }
    } catch (cause) {
      throw new BlobUnavailable(`S3 broke off blob ${id}`, { cause });
    }
    if (received !== bytes.end - bytes.start + 1) throw new BlobUnavailable(`S3 gave ${received} bytes of blob ${id}`);
  }

  async info(id: string): Promise<BlobInfo | undefined> {
    checkBlobId(id);
    const { status, headers } = await this.#call({ method: "HEAD", id }, [200, 404]);
    if (status === 404) return undefined;
    return { id, size: Number(headers["content-length"]), modified: Date.parse(String(headers["last-modified"])) };
  }

  async delete(id: string): Promise<void> {
    checkBlobId(id);
    await this.#call({ method: "DELETE", id }, [204, 200, 404]);
  }

  async list(after: string | undefined, limit: number): Promise<BlobInfo[]> {
    if (after !== undefined) checkBlobId(after);
    const { prefix } = this.#options;
    const found: BlobInfo[] = [];
    let token: string | undefined;
    do {
      const { text } = await this.#call(
        {
          method: "GET",
          query: {
            "list-type": "2",
            prefix,
            "max-keys": String(Math.min(1000, limit - found.length)),
            ...(after === undefined ? {} : { "start-after": prefix + after }),
            ...(token === undefined ? {} : { "continuation-token": token }),
          },
        },
        [200],
      );
      for (const [, entry = ""] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const id = unescapeXml(element(entry, "Key") ?? "").slice(prefix.length);
        const modified = Date.parse(element(entry, "LastModified") ?? "");
        found.push({ id, size: Number(element(entry, "Size")), modified });
      }
      token =
        element(text, "IsTruncated") === "true" ? unescapeXml(element(text, "NextContinuationToken") ?? "") : undefined;
    } while (token && found.length < limit);
    return found;
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }
}

interface Upload {
  id: string;
  mark: string;
  uploadId: string;
  /** ETags of the parts so far. */
  tags: string[];
}

/** Cuts a body into parts of one size, the last one shorter and possibly empty. */
async function* parts(
  body: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ bytes: Uint8Array; last: boolean }> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    let rest = chunk;
    while (length + rest.length > size) {
      const room = size - length;
      yield { bytes: Buffer.concat([...held, rest.subarray(0, room)]), last: false };
      rest = rest.subarray(room);
      held = [];
      length = 0;
    }
    if (rest.length > 0) held.push(rest);
    length += rest.length;
  }
  yield { bytes: Buffer.concat(held), last: true };
}

/** Text of the first element of that name. Answers of S3 nest no element in one of the same name here. */
function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function errorCode(xml: string): string {
  return element(xml, "Code") ?? "no error code";
}

const entities: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

function unescapeXml(text: string): string {
  return text
    .replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => entities[entity]!)
    .replace(/&#(?:x([0-9a-fA-F]+)|(\d+));/g, (_, hex, dec) =>
      String.fromCodePoint(hex ? parseInt(hex as string, 16) : Number(dec)),
    );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
