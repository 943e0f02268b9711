/**
 * Messages on a connection: once a byte with the version, then per message a header of three numbers (number of the
 * exchange, length of the options, length of the body). Source: p11-kit, rpc-transport.c.
 */
import { Malformed } from "./wire.ts";

/** What a message may have at most. Applications send what is longer in parts. */
export const longestMessage = 4 * 1024 * 1024;
/** The options name a module; we are but one. */
const longestOptions = 4096;
const headerLength = 12;

export interface Frame {
  exchange: number;
  body: Buffer;
}

/** Cuts what arrives into messages. INVARIANT: never holds more than one message that is not complete. */
export class FrameReader {
  #parts: Buffer[] = [];
  #held = 0;
  #version: number | undefined;

  get version(): number | undefined {
    return this.#version;
  }

  /** A message has begun that is not there yet. */
  get waiting(): boolean {
    return this.#held > 0;
  }

  /** @throws Malformed */
  *push(chunk: Buffer): Generator<Frame> {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#version === undefined && this.#held > 0) this.#version = this.#cut(1)[0]!;
    for (;;) {
      if (this.#held < headerLength) return;
      const header = this.#peek(headerLength);
      const [exchange, options, body] = [header.readUInt32BE(0), header.readUInt32BE(4), header.readUInt32BE(8)];
      if (exchange === 0) throw new Malformed("the number of an exchange is not 0");
      if (options > longestOptions || body > longestMessage) throw new Malformed("a message is too long");
      if (this.#held < headerLength + options + body) return;
      const frame = this.#cut(headerLength + options + body);
      yield { exchange, body: frame.subarray(headerLength + options) };
    }
  }

  #peek(count: number): Buffer {
    if (this.#parts[0]!.length < count) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0]!;
  }

  #cut(count: number): Buffer {
    const all = this.#peek(count);
    const rest = all.subarray(count);
    this.#parts = [...(rest.length > 0 ? [rest] : []), ...this.#parts.slice(1)];
    this.#held -= count;
    return all.subarray(0, count);
  }
}

export function writeFrame(exchange: number, body: Buffer, options: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.allocUnsafe(headerLength);
  header.writeUInt32BE(exchange, 0);
  header.writeUInt32BE(options.length, 4);
  header.writeUInt32BE(body.length, 8);
  return Buffer.concat([header, options, body]);
}
