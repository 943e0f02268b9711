/**
 * The transmission phase: requests in, simple replies out, several at a time and in no order; structured ones, of one chunk each, to reads of
 * clients that have asked for them.
 * Source: proto.md, "Transmission phase", "Ordering of messages and writes", "Request types".
 *
 * INVARIANT: the reply to FLUSH, and to a write with FUA, is sent after the data is on the disk.
 */
import type { Socket } from "node:net";
import type { BlockDevice } from "../blockDevice.ts";
import type { Agreed } from "./handshake.ts";
import {
  allocationContext,
  allocationFlags,
  chunkDone,
  chunkMagic,
  chunks,
  commandFlags,
  commands,
  errors,
  mostPayload,
  replyMagic,
  requestMagic,
} from "./protocol.ts";
import type { SocketReader } from "./socketReader.ts";

/** Bytes of requests that are worked on at once; beyond, the connection is not read. */
const mostUnderWay = 2 * mostPayload;
const mostRequests = 256;
/** Descriptors of one answer about what is allocated. */
const mostExtents = 4096;

interface Request {
  flags: number;
  type: number;
  cookie: Buffer;
  offset: bigint;
  length: number;
}

/** `data` of a simple reply, or a chunk of a structured one. */
type Answer = { data: Buffer } | { chunk: number; head: Buffer; data?: Buffer } | undefined;

class Refused extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`NBD error ${code}`);
    this.code = code;
  }
}

export class Transmission {
  readonly #socket: Socket;
  readonly #reader: SocketReader;
  readonly #device: BlockDevice;
  readonly #agreed: Pick<Agreed<unknown>, "structured" | "allocation">;
  readonly #failed: (error: unknown) => void;
  #bytes = 0;
  readonly #underWay = new Set<Promise<void>>();

  /** @param failed hears of what is not the client's doing */
  constructor(
    socket: Socket,
    reader: SocketReader,
    agreed: Agreed<{ device: BlockDevice }>,
    failed: (error: unknown) => void,
  ) {
    this.#socket = socket;
    this.#reader = reader;
    this.#device = agreed.attached.device;
    this.#agreed = agreed;
    this.#failed = failed;
  }

  /** Until the client says goodbye or is not understood; what is under way is finished. @throws ConnectionEnded */
  async serve(): Promise<void> {
    try {
      for (;;) {
        const request = readRequest(await this.#reader.read(28));
        if (!request || request.type === commands.disconnect) return;
        // A payload that nobody would hold cannot be skipped in good time either.
        if (request.type === commands.write && request.length > mostPayload) return;
        const data = request.type === commands.write ? await this.#reader.read(request.length) : undefined;
        this.#begin(request, data);
        while (this.#bytes > mostUnderWay || this.#underWay.size >= mostRequests) await Promise.race(this.#underWay);
        if (this.#socket.writableLength > mostUnderWay) await drained(this.#socket);
      }
    } finally {
      await Promise.all(this.#underWay);
    }
  }

  #begin(request: Request, data: Buffer | undefined): void {
    const weight = data || request.type === commands.read ? Math.min(request.length, mostPayload) : 0;
    this.#bytes += weight;
    const work = this.#answer(request, data).finally(() => {
      this.#bytes -= weight;
      this.#underWay.delete(work);
    });
    this.#underWay.add(work);
  }

  async #answer(request: Request, data: Buffer | undefined): Promise<void> {
    try {
      const answer = await this.#work(request, data);
      if (!this.#socket.destroyed) this.#tell(request, answer);
    } catch (error) {
      if (!(error instanceof Refused)) this.#failed(error);
      if (!this.#socket.destroyed) this.#tellError(request, codeOf(error));
    }
  }

  async #work({ type, flags, offset, length }: Request, data: Buffer | undefined): Promise<Answer> {
    if ((flags & ~this.#knownFlags(type)) !== 0) throw new Refused(errors.invalid);
    if (type === commands.flush) {
      await this.#device.flush();
      return undefined;
    }
    const changes = type === commands.write || type === commands.writeZeroes;
    const asks = type === commands.blockStatus && this.#agreed.allocation;
    if (!changes && !asks && type !== commands.read && type !== commands.trim) throw new Refused(errors.invalid);
    if (offset + BigInt(length) > BigInt(this.#device.size))
      throw new Refused(changes ? errors.noSpace : errors.invalid);
    if (type === commands.read && length > mostPayload) throw new Refused(errors.overflow);
    const at = Number(offset);
    if (asks) return this.#status(at, length, (flags & commandFlags.requestOne) !== 0);
    if (type === commands.read) return await this.#read(at, length);
    if (length === 0) return undefined;
    if (data) await this.#device.write(at, data);
    else await this.#device.zero(at, length);
    if ((flags & commandFlags.fua) !== 0) await this.#device.flush();
    return undefined;
  }

  #knownFlags(type: number): number {
    const { fua, noHole, dontFragment, requestOne } = commandFlags;
    if (type === commands.writeZeroes) return fua | noHole;
    if (type === commands.read && this.#agreed.structured) return fua | dontFragment;
    return type === commands.blockStatus ? requestOne : fua;
  }

  async #read(at: number, length: number): Promise<Answer> {
    if (!this.#agreed.structured) return { data: length === 0 ? Buffer.alloc(0) : await this.#device.read(at, length) };
    if (length === 0) return undefined;
    const place = Buffer.alloc(12);
    place.writeBigUInt64BE(BigInt(at));
    place.writeUInt32BE(length, 8);
    if (this.#device.isHole(at, length)) return { chunk: chunks.hole, head: place };
    return { chunk: chunks.data, head: place.subarray(0, 8), data: await this.#device.read(at, length) };
  }

  /** Runs of what was written and what was not. */
  #status(at: number, length: number, one: boolean): Answer {
    if (length === 0) throw new Refused(errors.invalid);
    const parts = [Buffer.alloc(4)];
    parts[0]!.writeUInt32BE(allocationContext.id);
    for (const { bytes, hole } of this.#device.extents(at, length)) {
      const part = Buffer.alloc(8);
      part.writeUInt32BE(bytes, 0);
      part.writeUInt32BE(hole ? allocationFlags.hole | allocationFlags.zero : 0, 4);
      parts.push(part);
      if (one || parts.length > mostExtents) break;
    }
    return { chunk: chunks.blockStatus, head: Buffer.concat(parts) };
  }

  #tell(request: Request, answer: Answer): void {
    if (answer && "chunk" in answer) this.#chunk(request, answer.chunk, answer.head, answer.data);
    else if (this.#agreed.structured && request.type === commands.read) this.#chunk(request, 0, Buffer.alloc(0));
    else this.#reply(request, 0, answer?.data);
  }

  #tellError(request: Request, error: number): void {
    const mustBeChunk = request.type === commands.read || request.type === commands.blockStatus;
    if (!this.#agreed.structured || !mustBeChunk) return this.#reply(request, error);
    const head = Buffer.alloc(6);
    head.writeUInt32BE(error);
    this.#chunk(request, chunks.error, head);
  }

  #chunk({ cookie }: Request, type: number, content: Buffer, data?: Buffer): void {
    const head = Buffer.alloc(20);
    head.writeUInt32BE(chunkMagic, 0);
    head.writeUInt16BE(chunkDone, 4);
    head.writeUInt16BE(type, 6);
    cookie.copy(head, 8);
    head.writeUInt32BE(content.length + (data?.length ?? 0), 16);
    this.#socket.write(Buffer.concat([head, content]));
    if (data) this.#socket.write(data);
  }

  #reply({ cookie }: Request, error: number, data?: Buffer): void {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(replyMagic, 0);
    head.writeUInt32BE(error, 4);
    cookie.copy(head, 8);
    // One after the other without a turn in between: replies do not mix.
    this.#socket.write(head);
    if (data) this.#socket.write(data);
  }
}

function readRequest(head: Buffer): Request | undefined {
  if (head.readUInt32BE(0) !== requestMagic) return undefined;
  return {
    flags: head.readUInt16BE(4),
    type: head.readUInt16BE(6),
    cookie: head.subarray(8, 16),
    offset: head.readBigUInt64BE(16),
    length: head.readUInt32BE(24),
  };
}

function codeOf(error: unknown): number {
  if (error instanceof Refused) return error.code;
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG" ? errors.noSpace : errors.io;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
    if (socket.destroyed) done();
  });
}
