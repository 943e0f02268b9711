/** Numbers of the NBD protocol. Source: NetworkBlockDevice/nbd, doc/proto.md; all integers are big-endian. */

export const greetingMagic = Buffer.from("NBDMAGIC");
export const optionMagic = Buffer.from("IHAVEOPT");
export const optionReplyMagic = 0x0003_e889_0455_65a9n;
export const requestMagic = 0x2560_9513;
export const replyMagic = 0x6744_6698;
export const chunkMagic = 0x668e_33ef;

export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const options = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMeta: 9,
  setMeta: 10,
} as const;

export const replies = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x8000_0001,
  policy: 0x8000_0002,
  invalid: 0x8000_0003,
  unknown: 0x8000_0006,
  tooBig: 0x8000_0009,
} as const;

export const infos = { export: 0, blockSize: 3 } as const;

export const transmissionFlags = {
  hasFlags: 1,
  flush: 4,
  fua: 8,
  trim: 32,
  writeZeroes: 64,
  dontFragment: 128,
  multiConnection: 256,
} as const;

export const commands = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;
export const commandFlags = { fua: 1, noHole: 2, dontFragment: 4, requestOne: 8 } as const;

/** Structured replies: what a chunk is, and that none follows it. */
export const chunks = { data: 1, hole: 2, blockStatus: 5, error: 0x8001 } as const;
export const chunkDone = 1;

/** The metadata context that says what is allocated; its number is ours to choose. */
export const allocationContext = { name: "base:allocation", id: 1 } as const;
export const allocationFlags = { hole: 1, zero: 2 } as const;

export const errors = { io: 5, invalid: 22, noSpace: 28, overflow: 75, notSupported: 95, shutdown: 108 } as const;

/** Names are at most this long. Source: proto.md, "String values": 4096 bytes. */
export const mostNameBytes = 4096;
/** Payload of one request. Source: proto.md, "Block size constraints": 32 MiB is what every client assumes at least. */
export const mostPayload = 32 * 1024 * 1024;
