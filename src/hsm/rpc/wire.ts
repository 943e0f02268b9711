/**
 * Values of the p11-kit remoting protocol: big-endian integers of 1, 4 and 8 bytes, byte arrays with a length of four
 * bytes (all ones: no array). Source: p11-kit, rpc-message.c.
 */

/** A message that does not follow the protocol. Its connection ends. */
export class Malformed extends Error {
  constructor(what: string) {
    super(`malformed message: ${what}`);
    this.name = "Malformed";
  }
}

/** CK_ULONG values that have no exact number, above all CK_UNAVAILABLE_INFORMATION (all ones). No handle or code is negative. */
export const beyond = -1;

const noArray = 0xff_ff_ff_ff;

export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** CK_ULONG; `beyond` where no number holds it. */
  ulong(): number {
    const at = this.#take(8);
    const high = this.#bytes.readUInt32BE(at);
    if (high > 0x1f_ff_ff) return beyond;
    return high * 2 ** 32 + this.#bytes.readUInt32BE(at + 4);
  }

  /** A view of the message, no copy. `undefined`: no array. */
  array(): Buffer | undefined {
    const length = this.u32();
    if (length === noArray) return undefined;
    return this.view(length);
  }

  view(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** INVARIANT: nothing is read, and nothing allocated, beyond what the message has. */
  #take(count: number): number {
    if (count > this.left) throw new Malformed(`${count} bytes expected, ${this.left} left`);
    const at = this.#at;
    this.#at += count;
    return at;
  }
}

export class Writer {
  readonly #parts: Buffer[] = [];
  #length = 0;

  byte(value: number): this {
    return this.raw(Buffer.of(value & 0xff));
  }

  u32(value: number): this {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(value >>> 0);
    return this.raw(bytes);
  }

  ulong(value: number): this {
    const bytes = Buffer.allocUnsafe(8);
    if (value < 0) return this.raw(bytes.fill(0xff));
    bytes.writeUInt32BE(Math.floor(value / 2 ** 32));
    bytes.writeUInt32BE(value % 2 ** 32, 4);
    return this.raw(bytes);
  }

  array(value: Uint8Array | undefined): this {
    if (value === undefined) return this.u32(noArray);
    return this.u32(value.length).raw(value);
  }

  raw(bytes: Uint8Array): this {
    const part = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }
}
