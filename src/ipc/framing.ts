import { deserialize, serialize } from "node:v8";

/** Parties of a stream: `id` of the call and number of the stream within it; `side` is who sends the items. */
export type Message =
  | { kind: "call"; id: number; method: string; args: unknown; streams: number }
  | { kind: "result"; id: number; value: unknown; streams: number }
  | { kind: "error"; id: number; name: string; message: string; fields: unknown }
  | { kind: "cancel"; id: number }
  | { kind: "item"; id: number; stream: number; value: unknown }
  | { kind: "end"; id: number; stream: number; error?: { name: string; message: string; fields: unknown } }
  /** Leave to send that many more items. */
  | { kind: "credit"; id: number; stream: number; count: number }
  /** The reader has stopped reading. */
  | { kind: "stop"; id: number; stream: number };

export class MessageTooLarge extends Error {
  constructor(size: number, limit: number) {
    super(`message of ${size} bytes is larger than ${limit}`);
    this.name = "MessageTooLarge";
  }
}

/** Four bytes of length, big-endian, then a value serialised by V8. Throws `DataCloneError` for what cannot be cloned. */
export function encodeFrame(message: Message, limit: number): Buffer {
  const body = serialize(message);
  if (body.length > limit) throw new MessageTooLarge(body.length, limit);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** Puts messages together from chunks as they come. `push` throws on anything that is not ours: the connection is then useless. */
export class FrameReader {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): Message[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const messages: Message[] = [];
    while (this.#size >= 4) {
      const first = this.#chunks[0]!;
      if (first.length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
      const length = this.#chunks[0]!.readUInt32BE(0);
      if (length > this.#limit) throw new MessageTooLarge(length, this.#limit);
      if (this.#size < 4 + length) break;
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      messages.push(checked(deserialize(all.subarray(4, 4 + length))));
      const rest = all.subarray(4 + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#size = rest.length;
    }
    return messages;
  }
}

const kinds = new Set(["call", "result", "error", "cancel", "item", "end", "credit", "stop"]);

function checked(value: unknown): Message {
  const { kind, id } = (value ?? {}) as { kind?: unknown; id?: unknown };
  if (typeof kind !== "string" || !kinds.has(kind) || !Number.isSafeInteger(id)) throw new TypeError("not a message");
  return value as Message;
}
