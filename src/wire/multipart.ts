/**
 * multipart/form-data as S3's browser upload uses it: small fields first, then one file, which is streamed.
 * Sources: RFC 7578; S3 API Reference, "Browser-Based Uploads Using POST".
 */
import { AwsError } from "#kernel/errors.ts";
import type { ByteStream, HttpRequest } from "./contract.ts";
import { invalidArgument } from "./signatureChecks.ts";

export interface PostForm {
  /** Names in lower case. The file is not among them. */
  fields: ReadonlyMap<string, string>;
  file: { filename: string; contentType: string | undefined; stream: ByteStream };
}

/** Everything before the file. Source: S3 User Guide, "MaxPostPreDataLengthExceeded": 20,000 bytes. */
const fieldsLimit = 20_000;
const partHeadersLimit = 4096;
const boundaryForm = /^[0-9A-Za-z'()+_,\-./:=? ]{1,70}$/;

/**
 * Reads the fields and stops where the file begins. What follows the file is ignored, as S3 does.
 * Throws PreconditionFailed 412 for another content type, MalformedPOSTRequest, MaxPostPreDataLengthExceededError,
 * InvalidArgument without a file or with a field given twice.
 */
export async function readPostForm(request: HttpRequest): Promise<PostForm> {
  const type = request.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(type)) {
    throw new AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, {
      fields: { Condition: "Bucket POST must be of the enclosure-type multipart/form-data" },
    });
  }
  const match = /;\s*boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(type);
  const boundary = match?.[1] ?? match?.[2] ?? "";
  if (!boundaryForm.test(boundary)) throw malformedPost();

  const source = request.body[Symbol.asyncIterator]();
  try {
    return await readParts(new PartReader(source, boundary));
  } catch (error) {
    await source.return?.();
    throw error;
  }
}

async function readParts(reader: PartReader): Promise<PostForm> {
  const fields = new Map<string, string>();
  let read = 0;
  for (let more = await reader.first(); more;) {
    const headers = await reader.headers();
    const { name, filename } = disposition(headers);
    if (name.toLowerCase() === "file") {
      return {
        fields,
        file: { filename: filename ?? "", contentType: headers.get("content-type"), stream: reader.file() },
      };
    }
    const value = await reader.value(fieldsLimit - read);
    read += value.length + name.length;
    const key = name.toLowerCase();
    // Two values for one name would let the policy see one and the handler use the other.
    if (fields.has(key)) throw invalidArgument(`Bucket POST must contain the field '${name}' only once.`, name, "");
    fields.set(key, value.toString("utf8"));
    more = await reader.next();
  }
  throw invalidArgument("POST requires exactly one file upload per request.", "file", "0");
}

class PartReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(source: AsyncIterator<Uint8Array>, boundary: string) {
    this.#source = source;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /** Skips the preamble; false when the form is empty. */
  async first(): Promise<boolean> {
    // A virtual line break lets the first delimiter be found like all others.
    this.#buffer = Buffer.from("\r\n");
    await this.value(fieldsLimit);
    return await this.next();
  }

  /** After a delimiter: `\r\n` begins a part, `--` ends the form. */
  async next(): Promise<boolean> {
    while (this.#buffer.length < 2) if (!(await this.#fill())) throw malformedPost();
    const two = this.#buffer.toString("latin1", 0, 2);
    this.#buffer = this.#buffer.subarray(2);
    if (two === "--") return false;
    if (two !== "\r\n") throw malformedPost();
    return true;
  }

  async headers(): Promise<Map<string, string>> {
    let end: number;
    while ((end = this.#buffer.indexOf("\r\n\r\n")) < 0) {
      if (this.#buffer.length > partHeadersLimit || !(await this.#fill())) throw malformedPost();
    }
    if (end > partHeadersLimit) throw malformedPost();
    const headers = new Map<string, string>();
    for (const line of this.#buffer.toString("utf8", 0, end).split("\r\n")) {
      const colon = line.indexOf(":");
      if (colon <= 0) throw malformedPost();
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    this.#buffer = this.#buffer.subarray(end + 4);
    return headers;
  }

  /** The bytes up to the next delimiter, which is consumed. */
  async value(limit: number): Promise<Buffer> {
    let searched = 0;
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter, searched);
      if (at >= 0) {
        if (at > limit) throw tooLarge();
        const value = this.#buffer.subarray(0, at);
        this.#buffer = this.#buffer.subarray(at + this.#delimiter.length);
        return value;
      }
      if (this.#buffer.length > limit + this.#delimiter.length) throw tooLarge();
      searched = Math.max(0, this.#buffer.length - this.#delimiter.length + 1);
      if (!(await this.#fill())) throw malformedPost();
    }
  }

  /** INVARIANT: holds back at most a delimiter's length, so that a file of any size passes through a small buffer. */
  async *file(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* this.#fileBytes();
    } finally {
      await this.#source.return?.();
    }
  }

  async *#fileBytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#buffer.subarray(0, at);
        this.#buffer = Buffer.alloc(0);
        await this.#discard();
        return;
      }
      const safe = this.#buffer.length - this.#delimiter.length + 1;
      if (safe > 0) {
        yield this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
      }
      if (!(await this.#fill())) throw malformedPost();
    }
  }

  async #discard(): Promise<void> {
    while (await this.#fill()) this.#buffer = Buffer.alloc(0);
  }

  async #fill(): Promise<boolean> {
    if (this.#ended) return false;
    const { value, done } = await this.#source.next();
    if (done === true) {
      this.#ended = true;
      return false;
    }
    const piece = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#buffer = this.#buffer.length === 0 ? piece : Buffer.concat([this.#buffer, piece]);
    return true;
  }
}

function disposition(headers: ReadonlyMap<string, string>): { name: string; filename: string | undefined } {
  const text = headers.get("content-disposition") ?? "";
  if (!/^form-data\s*;/i.test(text)) throw malformedPost();
  const name = parameter(text, "name");
  if (name === undefined || name === "") throw malformedPost();
  return { name, filename: parameter(text, "filename") };
}

function parameter(text: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(text);
  return match?.[1]?.replace(/\\(["\\])/g, "$1") ?? match?.[2];
}

export function malformedPost(): AwsError {
  return new AwsError(
    "MalformedPOSTRequest",
    "The body of your POST request is not well-formed multipart/form-data.",
    400,
  );
}

function tooLarge(): AwsError {
  return new AwsError(
    "MaxPostPreDataLengthExceededError",
    "Your POST request fields preceding the upload file were too large.",
    400,
  );
}
