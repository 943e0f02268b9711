/**
 * Binary framing between the client and the key holder, over two inherited pipes.
 *
 *     frame    = u32 length, message*
 *     message  = u32 id, u8 code, u8 field count, (u32 length, bytes)*
 *
 * All numbers are big-endian. `code` is an operation towards the holder and a status on the way back. One frame
 * carries every message of one turn of the event loop: a lone round trip costs about 30 µs, most of it the two
 * system calls, so calls that arrive together share them. No strings are made of secret fields on either side.
 */
export const Op = {
  propose: 1,
  unseal: 2,
  newDomainKey: 3,
  useDomainKey: 4,
  generate: 5,
  encrypt: 6,
  decrypt: 7,
  reencrypt: 8,
  dataKey: 9,
  mac: 10,
  verifyMac: 11,
  random: 12,
  protect: 13,
  reveal: 14,
  forget: 15,
  sign: 16,
  verify: 17,
  encryptOaep: 18,
  decryptOaep: 19,
  agree: 20,
  encapsulate: 21,
  decapsulate: 22,
  dataKeyPair: 23,
  newWrappingKey: 24,
  importMaterial: 25,
  rewrap: 26,
  boxKey: 27,
  adopt: 28,
  offer: 29,
} as const;

export const Status = {
  ok: 0,
  /** The holder has not this key in its cache and needs the tombstone key of the group named in the answer. */
  needsTombstoneKey: 1,
  sealed: 2,
  decrypt: 3,
  seal: 4,
  unsupported: 5,
  failed: 6,
  /** What was handed in is not of the kind it has to be: imported material, a peer's public key, a ciphertext's length. */
  input: 7,
  wrappingKey: 8,
  /** It is under a domain key that this process has not been given: another process of the installation has made it. */
  unknownDomainKey: 9,
} as const;

export interface Message {
  id: number;
  code: number;
  fields: Buffer[];
}

/** Largest frame either side accepts; a longer one means the pipe is out of step, and the process ends. */
export const maxFrame = 16 << 20;
/** Largest single field a caller may send, in bytes. */
export const maxField = 1 << 20;

export function encodeFrame(messages: readonly Message[]): Buffer {
  let size = 4;
  for (const message of messages) {
    size += 6;
    for (const field of message.fields) size += 4 + field.length;
  }
  const frame = Buffer.allocUnsafeSlow(size);
  let at = frame.writeUInt32BE(size - 4, 0);
  for (const message of messages) {
    at = frame.writeUInt32BE(message.id, at);
    at = frame.writeUInt8(message.code, at);
    at = frame.writeUInt8(message.fields.length, at);
    for (const field of message.fields) {
      at = frame.writeUInt32BE(field.length, at);
      frame.set(field, at);
      at += field.length;
    }
  }
  return frame;
}

/** Splits the body of a frame. Fields are views into `body`. Throws RangeError when it is cut. */
export function decodeBody(body: Buffer): Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (at < body.length) {
    const id = body.readUInt32BE(at);
    const code = body.readUInt8(at + 4);
    const count = body.readUInt8(at + 5);
    at += 6;
    const fields: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const length = body.readUInt32BE(at);
      at += 4;
      if (at + length > body.length) throw new RangeError("a field runs past its frame");
      fields.push(body.subarray(at, at + length));
      at += length;
    }
    messages.push({ id, code, fields });
  }
  return messages;
}

/** Collects chunks of a pipe into frames. Buffers that held bytes of a frame are zeroed once it has been handled. */
export class FrameReader {
  #pending: Buffer[] = [];
  #size = 0;
  readonly #onFrame: (messages: Message[]) => void;

  constructor(onFrame: (messages: Message[]) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#size += chunk.length;
    if (this.#size < 4) return;
    const first = this.#pending[0]!;
    if (first.length >= 4) {
      // A partial frame waits as a list of chunks; joining it on each chunk would be quadratic.
      const length = first.readUInt32BE(0);
      if (length > maxFrame) throw new RangeError("frame too long");
      if (this.#size < 4 + length) return;
    }
    let data = this.#pending.length === 1 ? first : Buffer.concat(this.#pending);
    if (this.#pending.length > 1) for (const part of this.#pending) part.fill(0);
    this.#pending = [];
    const whole = data;
    let rest: Buffer | undefined;
    while (data.length >= 4) {
      const length = data.readUInt32BE(0);
      if (length > maxFrame) throw new RangeError("frame too long");
      if (data.length < 4 + length) break;
      this.#onFrame(decodeBody(data.subarray(4, 4 + length)));
      data = data.subarray(4 + length);
    }
    if (data.length > 0) rest = Buffer.from(data);
    whole.fill(0);
    if (rest) this.#pending.push(rest);
    this.#size = rest?.length ?? 0;
  }
}
