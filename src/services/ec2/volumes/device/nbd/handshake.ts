/**
 * The fixed newstyle handshake: the client asks until it names the export it wants, or leaves.
 * Source: proto.md, "Fixed newstyle negotiation", "Option types". No TLS: the socket is the installation's own.
 */
import type { Socket } from "node:net";
import {
  allocationContext,
  greetingMagic,
  handshakeFlags,
  infos,
  mostNameBytes,
  mostPayload,
  optionMagic,
  optionReplyMagic,
  options,
  replies,
  transmissionFlags,
} from "./protocol.ts";
import { ConnectionEnded, type SocketReader } from "./socketReader.ts";

export interface Export {
  /** Bytes. */
  size: number;
  /** Several connections at once see one another's writes. */
  multiple: boolean;
}

/** Why an export cannot be had, in words for a person; clients print them. */
export class ExportRefused extends Error {
  readonly kind: "unknown" | "policy";
  constructor(kind: "unknown" | "policy", message: string) {
    super(message);
    this.name = "ExportRefused";
    this.kind = kind;
  }
}

export interface Offers<T extends Export> {
  list(): Promise<readonly string[]>;
  /** @throws ExportRefused */
  look(name: string): Promise<Export>;
  /** @throws ExportRefused */
  attach(name: string): Promise<T>;
}

/** What client and server have agreed on, with the export. */
export interface Agreed<T> {
  attached: T;
  /** Reads are answered with structured replies. */
  structured: boolean;
  /** The client may ask what is allocated. */
  allocation: boolean;
}

/** The client does not speak the protocol. */
class Violation extends Error {}

const mostOptionBytes = mostNameBytes + 1024;
const preferredBlock = 4096;

/** The export that the client has attached; `undefined` when it left without one. @throws Violation, ConnectionEnded */
export async function handshake<T extends Export>(
  socket: Socket,
  reader: SocketReader,
  offers: Offers<T>,
): Promise<Agreed<T> | undefined> {
  const flags = Buffer.alloc(2);
  flags.writeUInt16BE(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes);
  socket.write(Buffer.concat([greetingMagic, optionMagic, flags]));
  const clientFlags = (await reader.read(4)).readUInt32BE();
  if ((clientFlags & ~3) !== 0) throw new Violation("unknown client flags");
  const conversation = new Conversation(socket, offers, (clientFlags & handshakeFlags.noZeroes) !== 0);
  for (;;) {
    const head = await reader.read(16);
    if (!head.subarray(0, 8).equals(optionMagic)) throw new Violation("wrong magic of an option");
    const [option, length] = [head.readUInt32BE(8), head.readUInt32BE(12)];
    if (length > mostOptionBytes) {
      if (option === options.exportName) throw new Violation("the name of the export is too long");
      await reader.skip(length);
      conversation.reply(option, replies.tooBig, Buffer.from("the option is too long"));
      continue;
    }
    const answered = await conversation.answer(option, await reader.read(length));
    if (answered === "left") return undefined;
    if (answered !== undefined) return conversation.agreed(answered);
  }
}

class Conversation<T extends Export> {
  readonly #socket: Socket;
  readonly #offers: Offers<T>;
  readonly #noZeroes: boolean;
  #structured = false;
  /** The export that the allocation context was chosen for. */
  #allocationOf: string | undefined;
  #chosen = "";

  constructor(socket: Socket, offers: Offers<T>, noZeroes: boolean) {
    this.#socket = socket;
    this.#offers = offers;
    this.#noZeroes = noZeroes;
  }

  agreed(attached: T): Agreed<T> {
    return { attached, structured: this.#structured, allocation: this.#allocationOf === this.#chosen };
  }

  async answer(option: number, data: Buffer): Promise<T | "left" | undefined> {
    switch (option) {
      case options.exportName:
        return await this.#exportName(data.toString("utf8"));
      case options.abort:
        this.reply(option, replies.ack);
        return "left";
      case options.list:
        await this.#list(option, data);
        return undefined;
      case options.info:
      case options.go:
        return await this.#infoOrGo(option, data);
      case options.structuredReply:
        this.#structured ||= data.length === 0;
        this.reply(option, data.length === 0 ? replies.ack : replies.invalid);
        return undefined;
      case options.listMeta:
      case options.setMeta:
        return await this.#metaContexts(option, data);
      default:
        this.reply(option, replies.unsupported, Buffer.from("not supported"));
        return undefined;
    }
  }

  reply(option: number, type: number, data: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(optionReplyMagic, 0);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(type, 12);
    head.writeUInt32BE(data.length, 16);
    this.#socket.write(Buffer.concat([head, data]));
  }

  /** The old way to ask, which knows no refusal but to hang up. */
  async #exportName(name: string): Promise<T> {
    this.#chosen = name;
    const attached = await this.#offers.attach(name);
    const answer = Buffer.alloc(this.#noZeroes ? 10 : 134);
    answer.writeBigUInt64BE(BigInt(attached.size), 0);
    answer.writeUInt16BE(flagsOf(attached, this.#structured), 8);
    this.#socket.write(answer);
    return attached;
  }

  async #list(option: number, data: Buffer): Promise<void> {
    if (data.length > 0) return this.reply(option, replies.invalid, Buffer.from("the option takes no data"));
    for (const name of await this.#offers.list()) {
      const text = Buffer.from(name);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(text.length);
      this.reply(option, replies.server, Buffer.concat([length, text]));
    }
    this.reply(option, replies.ack);
  }

  async #infoOrGo(option: number, data: Buffer): Promise<T | undefined> {
    const name = nameIn(data);
    if (name === undefined) {
      this.reply(option, replies.invalid, Buffer.from("the option is malformed"));
      return undefined;
    }
    this.#chosen = name;
    try {
      const attached = option === options.go ? await this.#offers.attach(name) : undefined;
      const found = attached ?? (await this.#offers.look(name));
      this.reply(option, replies.info, exportInfo(found, this.#structured));
      this.reply(option, replies.info, blockSizeInfo());
      this.reply(option, replies.ack);
      return attached;
    } catch (error) {
      if (!(error instanceof ExportRefused)) throw error;
      this.reply(option, replies[error.kind], Buffer.from(error.message));
      return undefined;
    }
  }

  /** Source: proto.md, "Metadata querying". There is one context: what is allocated. */
  async #metaContexts(option: number, data: Buffer): Promise<undefined> {
    const asked = metaQueries(data);
    if (!asked || (option === options.setMeta && !this.#structured)) {
      this.reply(option, replies.invalid, Buffer.from("the option is malformed, or out of place"));
      return undefined;
    }
    const lists = option === options.listMeta;
    const wanted = asked.queries.includes(allocationContext.name) || (lists && asked.queries.every(isBase));
    try {
      await this.#offers.look(asked.name);
    } catch (error) {
      if (!(error instanceof ExportRefused)) throw error;
      this.reply(option, replies[error.kind], Buffer.from(error.message));
      return undefined;
    }
    if (!lists) this.#allocationOf = wanted ? asked.name : undefined;
    if (wanted) {
      const id = Buffer.alloc(4);
      id.writeUInt32BE(lists ? 0 : allocationContext.id);
      this.reply(option, replies.metaContext, Buffer.concat([id, Buffer.from(allocationContext.name)]));
    }
    this.reply(option, replies.ack);
    return undefined;
  }
}

const isBase = (query: string): boolean => query === "base:";

/** Whether a connection ended by what the client did. */
export const isClientsDoing = (error: unknown): boolean =>
  error instanceof Violation || error instanceof ConnectionEnded || error instanceof ExportRefused;

function nameIn(data: Buffer): string | undefined {
  if (data.length < 6) return undefined;
  const length = data.readUInt32BE(0);
  if (length > mostNameBytes || data.length < 6 + length) return undefined;
  const requests = data.readUInt16BE(4 + length);
  if (data.length !== 6 + length + 2 * requests) return undefined;
  return data.toString("utf8", 4, 4 + length);
}

/** An export and the contexts that are asked about; `undefined` when it is malformed. */
function metaQueries(data: Buffer): { name: string; queries: string[] } | undefined {
  const texts: string[] = [];
  let at = 0;
  const text = (): boolean => {
    if (at + 4 > data.length) return false;
    const length = data.readUInt32BE(at);
    if (length > mostNameBytes || at + 4 + length > data.length) return false;
    texts.push(data.toString("utf8", at + 4, at + 4 + length));
    at += 4 + length;
    return true;
  };
  if (!text() || at + 4 > data.length) return undefined;
  const count = data.readUInt32BE(at);
  at += 4;
  for (let n = 0; n < count; n++) if (!text()) return undefined;
  const [name = "", ...queries] = texts;
  return at === data.length ? { name, queries } : undefined;
}

function flagsOf({ multiple }: Export, structured: boolean): number {
  const { hasFlags, flush, fua, trim, writeZeroes, multiConnection, dontFragment } = transmissionFlags;
  const always = hasFlags | flush | fua | trim | writeZeroes;
  return always | (multiple ? multiConnection : 0) | (structured ? dontFragment : 0);
}

function exportInfo(found: Export, structured: boolean): Buffer {
  const info = Buffer.alloc(12);
  info.writeUInt16BE(infos.export, 0);
  info.writeBigUInt64BE(BigInt(found.size), 2);
  info.writeUInt16BE(flagsOf(found, structured), 10);
  return info;
}

function blockSizeInfo(): Buffer {
  const info = Buffer.alloc(14);
  info.writeUInt16BE(infos.blockSize, 0);
  info.writeUInt32BE(1, 2);
  info.writeUInt32BE(preferredBlock, 6);
  info.writeUInt32BE(mostPayload, 10);
  return info;
}
