/**
 * The aws-chunked encoding: `size;chunk-signature=…\r\n data \r\n … 0;chunk-signature=…\r\n trailers \r\n`.
 * Sources: S3 API Reference, "Signature calculations … transferring payload in multiple chunks" and "… trailing headers".
 */
import { createHash, createHmac, hash, timingSafeEqual, type Hash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { ByteStream } from "./contract.ts";
import { hexBytes } from "./sigv4.ts";
import { emptySha256, type VerifiedSignature } from "./signature.ts";

/** The longest line of a chunk header or trailer; a size, an extension and a signature need 90 bytes. */
const longestLine = 1024;
const mostTrailers = 16;
/** All chunks but the last are at least this long. Source: S3 API Reference, "Transferring payload in multiple chunks". */
const smallestChunk = 8192;

export interface ChunkedOptions {
  /** The request's signature where chunks are signed; absent for STREAMING-UNSIGNED-PAYLOAD-TRAILER. */
  signature: VerifiedSignature | undefined;
  /** May trailers follow the last chunk? */
  trailer: boolean;
  /** `x-amz-decoded-content-length` */
  decodedLength: number;
  /** Called once, before the stream ends, with the trailing headers (lower case). What it throws is what the reader gets. */
  onTrailers(trailers: ReadonlyMap<string, string>): void;
}

/**
 * The data inside an aws-chunked body. Pieces are handed on as they come; whoever stores them commits only after the
 * stream has ended.
 *
 * INVARIANT: the stream ends without an error only when every chunk's signature, the trailer's signature and the
 * decoded length are right and nothing follows the end.
 * Errors: SignatureDoesNotMatch 403, IncompleteBody 400, InvalidChunkSizeError 403, MalformedTrailerError 400, and what
 * `onTrailers` throws.
 */
export async function* decodeChunked(
  body: ByteStream,
  options: ChunkedOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const state = new ChunkState(options);
  for await (const piece of body) {
    let at = 0;
    while (at < piece.length) {
      if (state.dataLeft > 0) {
        const data = piece.subarray(at, at + state.dataLeft);
        at += data.length;
        state.data(data);
        yield data;
      } else {
        at = state.line(piece, at);
      }
    }
  }
  state.end();
}

type Phase = "header" | "afterData" | "trailer" | "done";

class ChunkState {
  dataLeft = 0;
  readonly #options: ChunkedOptions;
  #phase: Phase = "header";
  #line = "";
  #bareLine = false;
  #chunkSize = 0;
  #chunkNumber = 0;
  #claimed = "";
  #previous: string;
  #hash: Hash | undefined;
  #total = 0;
  readonly #trailers = new Map<string, string>();
  #trailerText = "";

  constructor(options: ChunkedOptions) {
    this.#options = options;
    this.#previous = options.signature?.signature ?? "";
  }

  data(bytes: Uint8Array): void {
    this.dataLeft -= bytes.length;
    this.#hash?.update(bytes);
    if (this.dataLeft === 0) {
      this.#phase = "afterData";
      if (this.#hash !== undefined) {
        this.#checkChunk(this.#hash.digest("hex"));
        this.#hash = undefined;
      }
    }
  }

  /** Takes one line's bytes from `piece` and acts on it when it is whole; returns where to go on. */
  line(piece: Uint8Array, from: number): number {
    const end = piece.indexOf(10, from);
    const until = end < 0 ? piece.length : end + 1;
    if (this.#phase === "done") throw incompleteBody();
    if (this.#line.length + (until - from) > longestLine) throw incompleteBody();
    this.#line += Buffer.from(piece.buffer, piece.byteOffset + from, until - from).toString("latin1");
    if (end < 0) return until;
    const line = this.#line;
    this.#line = "";
    if (line.endsWith("\r\n")) {
      if (this.#bareLine && line === "\r\n") this.#bareLine = false;
      else this.#act(line.slice(0, -2));
    } else if (this.#phase === "trailer" && !this.#bareLine && line !== "\n") {
      // AWS's own example ends a trailer in "\n\r\n", the "\n" being part of what was signed.
      this.#bareLine = true;
      this.#trailer(line.slice(0, -1));
    } else {
      throw this.#phase === "trailer" ? malformedTrailer() : incompleteBody();
    }
    return until;
  }

  #act(line: string): void {
    switch (this.#phase) {
      case "afterData":
        if (line !== "") throw incompleteBody();
        this.#phase = "header";
        return;
      case "header":
        this.#header(line);
        return;
      case "trailer":
        if (line === "") this.#finish();
        else this.#trailer(line);
        return;
      case "done":
        throw incompleteBody();
    }
  }

  #header(line: string): void {
    const { signature } = this.#options;
    const match = (
      signature === undefined ? /^([0-9a-fA-F]{1,13})$/ : /^([0-9a-fA-F]{1,13});chunk-signature=([0-9a-f]{64})$/
    ).exec(line);
    if (match === null) throw incompleteBody();
    const size = Number.parseInt(match[1] as string, 16);
    if (size > 0 && this.#chunkNumber > 0 && this.#chunkSize < smallestChunk) {
      throw new AwsError(
        "InvalidChunkSizeError",
        "Only the last chunk is allowed to have a size less than 8192 bytes",
        403,
        { fields: { Chunk: String(this.#chunkNumber), BadChunkSize: String(this.#chunkSize) } },
      );
    }
    this.#total += size;
    if (this.#total > this.#options.decodedLength) throw incompleteBody();
    this.#claimed = match[2] ?? "";
    this.#chunkSize = size;
    this.#chunkNumber++;
    this.dataLeft = size;
    if (size > 0) {
      if (signature !== undefined) this.#hash = createHash("sha256");
      return;
    }
    if (signature !== undefined) this.#checkChunk(emptySha256);
    this.#phase = "trailer";
  }

  #checkChunk(dataHash: string): void {
    const text = `${this.#prefix("AWS4-HMAC-SHA256-PAYLOAD")}\n${this.#previous}\n${emptySha256}\n${dataHash}`;
    this.#compare(text, this.#claimed);
  }

  #prefix(name: string): string {
    const { amzDate, scope } = this.#options.signature as VerifiedSignature;
    return `${name}\n${amzDate}\n${scope.date}/${scope.region}/${scope.service}/aws4_request`;
  }

  #compare(stringToSign: string, claimed: string): void {
    const signature = this.#options.signature as VerifiedSignature;
    const expected = createHmac("sha256", signature.signingKey).update(stringToSign, "latin1").digest();
    const given = Buffer.from(claimed, "hex");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new AwsError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        403,
        {
          fields: {
            AWSAccessKeyId: signature.accessKeyId,
            StringToSign: stringToSign,
            SignatureProvided: claimed,
            StringToSignBytes: hexBytes(stringToSign),
          },
        },
      );
    }
    this.#previous = claimed;
  }

  #trailer(line: string): void {
    const colon = line.indexOf(":");
    if (!this.#options.trailer || colon <= 0 || this.#trailers.size >= mostTrailers) throw malformedTrailer();
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (this.#trailers.has(name) || this.#trailers.has("x-amz-trailer-signature")) throw malformedTrailer();
    this.#trailers.set(name, value);
    if (name !== "x-amz-trailer-signature") this.#trailerText += `${name}:${value}\n`;
  }

  #finish(): void {
    this.#phase = "done";
    if (this.#total !== this.#options.decodedLength) throw incompleteBody();
    const claimed = this.#trailers.get("x-amz-trailer-signature");
    this.#trailers.delete("x-amz-trailer-signature");
    if (this.#options.signature !== undefined && this.#options.trailer) {
      if (claimed === undefined) throw malformedTrailer();
      const text = `${this.#prefix("AWS4-HMAC-SHA256-TRAILER")}\n${this.#previous}\n${hash("sha256", Buffer.from(this.#trailerText, "latin1"), "hex")}`;
      this.#compare(text, claimed);
    } else if (claimed !== undefined) {
      throw malformedTrailer();
    }
    this.#options.onTrailers(this.#trailers);
  }

  /** The body is over. */
  end(): void {
    if (this.#phase === "done") return;
    // Without trailers some signers leave out the last empty line.
    if (this.#phase === "trailer" && this.#line === "" && !this.#options.trailer) this.#finish();
    else throw incompleteBody();
  }
}

export function incompleteBody(): AwsError {
  return new AwsError(
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
    400,
  );
}

export function malformedTrailer(): AwsError {
  return new AwsError(
    "MalformedTrailerError",
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    400,
  );
}
