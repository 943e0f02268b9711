/**
 * Where the bytes of a sealed body are.
 *
 *     header (8 bytes: format, 7 bytes nonce prefix) | chunk 0 | chunk 1 | … | last chunk
 *
 * A chunk is up to 64 KiB of ciphertext and its 16-byte tag. There is always a last chunk; it is empty only
 * when the body is. Sizes follow from each other without reading anything.
 */
export const format = 1;
export const headerSize = 8;
export const prefixSize = 7;
export const chunkSize = 65_536;
export const tagSize = 16;

/** The 32-bit counter of the nonce bounds a body to 2^32 chunks (256 TiB). */
export const maxChunks = 2 ** 32;

export function chunkCount(plainSize: number): number {
  return Math.max(1, Math.ceil(plainSize / chunkSize));
}

/** Size of the sealed form of a body of `plainSize` bytes. */
export function sealedSize(plainSize: number): number {
  return headerSize + plainSize + chunkCount(plainSize) * tagSize;
}

/** Offset of a chunk in the sealed form. */
export function chunkOffset(index: number): number {
  return headerSize + index * (chunkSize + tagSize);
}

/** Nonce of a chunk: prefix, counter, and 1 in the last byte for the last chunk only. */
export function chunkNonce(prefix: Uint8Array, index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.set(prefix, 0);
  nonce.writeUInt32BE(index, prefixSize);
  nonce[11] = last ? 1 : 0;
  return nonce;
}
