/**
 * Sealing a stream: AES-256-GCM per 64 KiB chunk with the STREAM construction (Hoang, Reyhanitabar, Rogaway,
 * Vizár: "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015), so that chunks can be
 * read alone and still cannot be reordered, dropped, cut off or taken from another body.
 *
 * INVARIANT: a key seals one body only; the random nonce prefix is a second line, not the first.
 */
import { createCipheriv, type KeyObject } from "node:crypto";
import { chunkNonce, chunkSize, format, headerSize, maxChunks, prefixSize } from "./layout.ts";

/**
 * @param key 256-bit secret key
 * @param prefix 7 random bytes
 * @param bound authenticated with each chunk, e.g. the name of the body
 */
export async function* seal(
  key: KeyObject,
  prefix: Uint8Array,
  bound: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (prefix.length !== prefixSize) throw new RangeError(`nonce prefix must be ${prefixSize} bytes`);
  const header = Buffer.alloc(headerSize);
  header[0] = format;
  header.set(prefix, 1);
  yield header;

  let index = 0;
  let held: Uint8Array[] = [];
  let heldSize = 0;
  for await (let piece of body) {
    // A full chunk is sealed when a further byte is seen: only then it is known not to be the last one.
    while (heldSize + piece.length > chunkSize) {
      const take = chunkSize - heldSize;
      held.push(piece.subarray(0, take));
      yield* sealChunk(key, chunkNonce(prefix, index++, false), bound, held);
      if (index >= maxChunks) throw new RangeError("body is too large to seal");
      held = [];
      heldSize = 0;
      piece = piece.subarray(take);
    }
    if (piece.length > 0) {
      held.push(piece);
      heldSize += piece.length;
    }
  }
  yield* sealChunk(key, chunkNonce(prefix, index, true), bound, held);
}

function* sealChunk(key: KeyObject, nonce: Buffer, bound: Uint8Array, pieces: Uint8Array[]): Generator<Uint8Array> {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(bound);
  // Piece by piece: nothing is copied only to be in one place. In counter mode nothing is left for `final` to give.
  for (const piece of pieces) yield cipher.update(piece);
  cipher.final();
  yield cipher.getAuthTag();
}
