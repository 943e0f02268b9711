/** An operation between its C_…Init and its end: parts are kept until it ends, then computed as one. */
import { createHash, type Hash as Digester } from "node:crypto";
import type { Bytes } from "../rpc/messages.ts";
import { CKR, Failure } from "./constants.ts";
import type { Hash } from "./mechanisms.ts";
import type { Memory } from "./token.ts";

/** Of one operation. Longer messages are hashed by the application, or with C_Digest, which keeps nothing. */
const longestData = 16 * 1024 * 1024;

export interface OperationWork {
  /** @throws Failure */
  compute(data: Buffer): Promise<Buffer>;
  /** At most this long for so much data: answers a question for the size. */
  room(length: number): number;
}

export class Operation {
  readonly #work: OperationWork;
  readonly #memory: Memory;
  #parts: Buffer[] = [];
  #held = 0;
  #inParts = false;
  /** Computed, and not taken because there was no room for it. */
  #result: { of: Buffer; value: Buffer } | undefined;

  constructor(work: OperationWork, memory: Memory) {
    this.#work = work;
    this.#memory = memory;
  }

  add(part: Buffer): void {
    if (this.#held + part.length > longestData) throw new Failure(CKR.DATA_LEN_RANGE);
    this.#memory.take(part.length);
    this.#parts.push(Buffer.from(part));
    this.#held += part.length;
    this.#inParts = true;
  }

  /** All at once. @returns the value, or its length when there is no room for it: then the operation goes on. */
  async whole(data: Buffer, room: number): Promise<Bytes> {
    if (this.#inParts) throw new Failure(CKR.OPERATION_ACTIVE);
    if (data.length > longestData) throw new Failure(CKR.DATA_LEN_RANGE);
    return this.#deliver(data, room);
  }

  async final(room: number): Promise<Bytes> {
    return this.#deliver(this.gathered(), room);
  }

  /** For verifying: what was given in parts. */
  gathered(): Buffer {
    if (this.#parts.length !== 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0]!;
  }

  get inParts(): boolean {
    return this.#inParts;
  }

  room(length: number): number {
    return this.#work.room(this.#held + length);
  }

  compute(data: Buffer): Promise<Buffer> {
    return this.#work.compute(data);
  }

  end(): void {
    this.#memory.release(this.#held);
    for (const part of this.#parts) part.fill(0);
    this.#parts = [];
    this.#held = 0;
    this.#result = undefined;
  }

  async #deliver(data: Buffer, room: number): Promise<Bytes> {
    if (room === 0) return { length: this.#work.room(data.length) };
    if (!this.#result?.of.equals(data)) this.#result = { of: Buffer.from(data), value: await this.#work.compute(data) };
    const { value } = this.#result;
    return value.length > room ? { length: value.length } : value;
  }
}

/** Digests need no whole: they are computed as the parts come. */
export class DigestOperation extends Operation {
  #digester: Digester;
  readonly #length: number;
  #begun = false;

  constructor(hash: Hash, memory: Memory) {
    const length = createHash(hash).digest().length;
    super({ compute: async () => Buffer.alloc(0), room: () => length }, memory);
    this.#digester = createHash(hash);
    this.#length = length;
  }

  override add(part: Buffer): void {
    this.#digester.update(part);
    this.#begun = true;
  }

  override async whole(data: Buffer, room: number): Promise<Bytes> {
    if (this.#begun) throw new Failure(CKR.OPERATION_ACTIVE);
    if (room < this.#length) return { length: this.#length };
    return this.#digester.update(data).digest();
  }

  override async final(room: number): Promise<Bytes> {
    return room < this.#length ? { length: this.#length } : this.#digester.digest();
  }
}
