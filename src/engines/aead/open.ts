/**
 * Opening a sealed stream, whole or a range of it. Only the chunks that a range touches are read.
 *
 * INVARIANT: no byte is given out before its chunk's tag has been verified.
 */
import { createDecipheriv, type KeyObject } from "node:crypto";
import { chunkCount, chunkNonce, chunkOffset, chunkSize, format, headerSize, sealedSize, tagSize } from "./layout.ts";

/** The sealed bytes are not what was sealed: changed, cut, reordered, of another body or under another key. */
export class OpenError extends Error {
  constructor(detail: string) {
    super(`sealed body cannot be opened: ${detail}`);
    this.name = "OpenError";
  }
}

interface SealedSource {
  /** Bytes of the sealed form, both ends inclusive. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** Size of the body before it was sealed, from a trusted place. */
  plainSize: number;
}

/**
 * Bytes `start`..`end` (inclusive) of the body; the whole body by default.
 * @throws OpenError when a touched chunk does not verify
 */
export async function* open(
  key: KeyObject,
  bound: Uint8Array,
  source: SealedSource,
  start = 0,
  end = source.plainSize - 1,
): AsyncGenerator<Uint8Array> {
  const { plainSize } = source;
  if (plainSize > 0 && (start < 0 || end >= plainSize || start > end)) throw new RangeError("range outside the body");
  const chunks = chunkCount(plainSize);
  const firstChunk = plainSize === 0 ? 0 : Math.floor(start / chunkSize);
  const lastChunk = plainSize === 0 ? 0 : Math.floor(end / chunkSize);
  const sealedEnd = Math.min(chunkOffset(lastChunk + 1), sealedSize(plainSize)) - 1;

  // The first chunk follows the header at once, so that a read from the start is one read.
  let reader: ByteReader;
  let header: Uint8Array;
  if (firstChunk === 0) {
    reader = new ByteReader(source.read(0, sealedEnd));
    header = await reader.take(headerSize);
  } else {
    const head = new ByteReader(source.read(0, headerSize - 1));
    header = await head.take(headerSize);
    await head.close();
    reader = new ByteReader(source.read(chunkOffset(firstChunk), sealedEnd));
  }
  try {
    if (header[0] !== format) throw new OpenError(`unknown format ${header[0]}`);
    const prefix = header.subarray(1);
    for (let index = firstChunk; index <= lastChunk; index++) {
      const plainStart = index * chunkSize;
      const size = Math.min(chunkSize, plainSize - plainStart);
      const sealed = await reader.pieces(size);
      const tag = await reader.take(tagSize);
      let at = plainStart;
      for (const plain of openChunk(key, chunkNonce(prefix, index, index === chunks - 1), bound, sealed, tag)) {
        const wanted = plain.subarray(Math.max(0, start - at), Math.max(0, Math.min(plain.length, end - at + 1)));
        at += plain.length;
        if (wanted.length > 0) yield wanted;
      }
    }
  } finally {
    await reader.close();
  }
}

/** The chunk in the pieces that it came in: nothing is copied only to be in one place. */
function openChunk(
  key: KeyObject,
  nonce: Buffer,
  bound: Uint8Array,
  sealed: readonly Uint8Array[],
  tag: Uint8Array,
): Buffer[] {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagSize });
  decipher.setAAD(bound);
  decipher.setAuthTag(tag);
  const plain = sealed.map((piece) => decipher.update(piece));
  try {
    decipher.final();
  } catch {
    throw new OpenError("a chunk does not verify");
  }
  return plain;
}

/** Exact amounts out of a stream of pieces. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Uint8Array> {
    const pieces = await this.pieces(size);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size);
  }

  /** So many bytes, in the pieces that they came in. */
  async pieces(size: number): Promise<Uint8Array[]> {
    const pieces: Uint8Array[] = [];
    for (let wanted = size; wanted > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done) throw new OpenError("it ends too early");
        this.#rest = next.value;
      }
      const piece = this.#split(Math.min(wanted, this.#rest.length));
      if (piece.length > 0) pieces.push(piece);
      wanted -= piece.length;
    }
    return pieces;
  }

  #split(size: number): Uint8Array {
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
