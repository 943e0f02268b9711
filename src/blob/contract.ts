/**
 * Opaque bodies, written once and never changed. The caller chooses a fresh id; a body becomes part of the
 * state only when a store document names it, so a cut upload leaves at most an unnamed blob, which `sweep` removes.
 *
 * INVARIANT: nothing is buffered whole; when `put` resolves the bytes survive power loss.
 */
export interface BlobInfo {
  id: string;
  size: number;
  /** Epoch milliseconds. */
  modified: number;
}

export interface ByteRange {
  /** First byte, inclusive. */
  start: number;
  /** Last byte, inclusive. */
  end: number;
}

export interface BlobStore {
  /**
   * Rejects, leaving nothing, when `body` fails (its own error) or the disk is full (`BlobUnavailable`); with
   * `BlobExists` when the id is taken, since a blob never changes. Ids: see `checkBlobId`.
   */
  put(id: string, body: AsyncIterable<Uint8Array>): Promise<BlobInfo>;
  /**
   * Chunks of at most 1 MiB. Rejects with `BlobMissing` before the first chunk when there is no such blob, with
   * `RangeError` when the range starts behind its end; a range that ends behind it is cut.
   */
  get(id: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  info(id: string): Promise<BlobInfo | undefined>;
  delete(id: string): Promise<void>;
  /** Blob ids in byte order after `after`, for the sweep and for backups. */
  list(after: string | undefined, limit: number): Promise<BlobInfo[]>;
  close(): Promise<void>;
}

export class BlobMissing extends Error {
  constructor(id: string) {
    super(`no blob ${id}`);
    this.name = "BlobMissing";
  }
}

/** The id is taken: the caller must choose a fresh one. */
export class BlobExists extends Error {
  constructor(id: string) {
    super(`blob ${id} exists already`);
    this.name = "BlobExists";
  }
}

export class BlobUnavailable extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BlobUnavailable";
  }
}

/**
 * Letters, digits, '.', '_' and '-', at most 128, beginning with a letter or a digit.
 * INVARIANT: an id is one name without separators, so no id leads out of the folder or prefix of its store.
 */
export function checkBlobId(id: string): void {
  if (typeof id !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id)) {
    throw new RangeError("a blob id is 1 to 128 letters, digits, '.', '_' or '-', and begins with a letter or a digit");
  }
}

/** Largest chunk of `get`, in bytes. */
export const chunkSize = 1024 * 1024;

/** The bytes to read of a blob of `size`, or `undefined` for none (an empty blob). Throws `RangeError`. */
export function resolveRange(size: number, range: ByteRange | undefined): ByteRange | undefined {
  if (!range) return size === 0 ? undefined : { start: 0, end: size - 1 };
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || start >= size) {
    throw new RangeError(`bytes ${start}-${end} are not in a blob of ${size} bytes`);
  }
  return { start, end: Math.min(end, size - 1) };
}
