/**
 * Reads the ClientHello that opens a TLS connection: the server name chooses the certificate, and the fingerprints JA3
 * and JA4 go to the firewall. Sources: RFC 8446 section 4.1.2, RFC 6066 section 3; github.com/salesforce/ja3 and
 * github.com/FoxIO-LLC/ja4 (technical details).
 */
import { createHash } from "node:crypto";

export interface ClientHello {
  /** In lower case; absent where the client named none. */
  serverName?: string;
  ja3: string;
  ja4: string;
}

/** A ClientHello is hardly ever over 2 KB, with post-quantum keys some 4 KB; larger ones are refused. */
const mostBytes = 16_384;

const extensionTypes = { serverName: 0, groups: 10, pointFormats: 11, signatures: 13, alpn: 16, versions: 43 } as const;

/** `more`: not all of it has come; `invalid`: this is no TLS connection. */
export function readClientHello(data: Buffer): ClientHello | "more" | "invalid" {
  const message = handshakeMessage(data);
  if (typeof message === "string") return message;
  try {
    return parse(new Reader(message));
  } catch (error) {
    if (error instanceof RangeError) return "invalid";
    throw error;
  }
}

/** Puts the handshake message together out of its records. */
function handshakeMessage(data: Buffer): Buffer | "more" | "invalid" {
  const parts: Buffer[] = [];
  let length = 0;
  for (let at = 0; ;) {
    if (data.length > at && data[at] !== 22) return "invalid";
    if (data.length < at + 5) return data.length > mostBytes ? "invalid" : "more";
    if (data[at + 1] !== 3) return "invalid";
    const size = data.readUInt16BE(at + 3);
    if (size === 0 || size > mostBytes) return "invalid";
    if (data.length < at + 5 + size) return data.length > mostBytes ? "invalid" : "more";
    parts.push(data.subarray(at + 5, at + 5 + size));
    length += size;
    at += 5 + size;
    if (length < 4) continue;
    const whole = Buffer.concat(parts);
    if (whole[0] !== 1) return "invalid";
    const wanted = whole.readUIntBE(1, 3);
    if (wanted > mostBytes) return "invalid";
    if (whole.length >= 4 + wanted) return whole.subarray(4, 4 + wanted);
  }
}

/** Throws RangeError past the end. */
class Reader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get left(): number {
    return this.#data.length - this.#at;
  }

  number(bytes: 1 | 2): number {
    const value = this.#data.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return value;
  }

  take(bytes: number): Buffer {
    if (bytes > this.left) throw new RangeError("past the end");
    return this.#data.subarray(this.#at, (this.#at += bytes));
  }

  /** What a length in front says. */
  vector(lengthBytes: 1 | 2): Reader {
    return new Reader(this.take(this.number(lengthBytes)));
  }

  numbers(bytes: 1 | 2): number[] {
    const found: number[] = [];
    while (this.left > 0) found.push(this.number(bytes));
    return found;
  }
}

interface Fields {
  version: number;
  ciphers: number[];
  extensions: number[];
  groups: number[];
  pointFormats: number[];
  signatures: number[];
  alpn: string[];
  versions: number[];
  serverName?: string;
}

function parse(reader: Reader): ClientHello {
  const version = reader.number(2);
  reader.take(32);
  reader.vector(1);
  const ciphers = reader.vector(2).numbers(2);
  reader.vector(1);
  const fields: Fields = {
    version,
    ciphers,
    extensions: [],
    groups: [],
    pointFormats: [],
    signatures: [],
    alpn: [],
    versions: [],
  };
  if (reader.left > 0) readExtensions(reader.vector(2), fields);
  return {
    ja3: ja3(fields),
    ja4: ja4(fields),
    ...(fields.serverName === undefined ? {} : { serverName: fields.serverName }),
  };
}

function readExtensions(reader: Reader, fields: Fields): void {
  while (reader.left > 0) {
    const type = reader.number(2);
    const body = reader.vector(2);
    fields.extensions.push(type);
    if (type === extensionTypes.serverName) readServerName(body, fields);
    else if (type === extensionTypes.groups) fields.groups = body.vector(2).numbers(2);
    else if (type === extensionTypes.pointFormats) fields.pointFormats = body.vector(1).numbers(1);
    else if (type === extensionTypes.signatures) fields.signatures = body.vector(2).numbers(2);
    else if (type === extensionTypes.versions) fields.versions = body.vector(1).numbers(2);
    else if (type === extensionTypes.alpn) {
      const names = body.vector(2);
      while (names.left > 0) {
        const name = names.vector(1);
        fields.alpn.push(name.take(name.left).toString("latin1"));
      }
    }
  }
}

function readServerName(body: Reader, fields: Fields): void {
  if (body.left === 0) return;
  const names = body.vector(2);
  while (names.left > 0) {
    const type = names.number(1);
    const name = names.vector(2);
    if (type === 0) fields.serverName = name.take(name.left).toString("latin1").toLowerCase();
  }
}

/** Values of RFC 8701 that clients put in to keep servers flexible. */
function withoutGrease(values: readonly number[]): number[] {
  return values.filter((value) => (value & 0x0f0f) !== 0x0a0a || value >> 8 !== (value & 0xff));
}

function ja3({ version, ciphers, extensions, groups, pointFormats }: Fields): string {
  const parts = [withoutGrease(ciphers), withoutGrease(extensions), withoutGrease(groups), pointFormats];
  const text = [version, ...parts.map((part) => part.join("-"))].join(",");
  return createHash("md5").update(text).digest("hex");
}

const ja4Versions: Readonly<Record<number, string>> = {
  0x0304: "13",
  0x0303: "12",
  0x0302: "11",
  0x0301: "10",
  0x0300: "s3",
};

function ja4({ version, ciphers, extensions, signatures, alpn, versions, serverName }: Fields): string {
  const hex = (value: number): string => value.toString(16).padStart(4, "0");
  const offered = withoutGrease(versions);
  const highest = offered.length > 0 ? Math.max(...offered) : version;
  const suites = withoutGrease(ciphers);
  const known = withoutGrease(extensions);
  const sorted = known
    .filter((type) => type !== extensionTypes.serverName && type !== extensionTypes.alpn)
    .map(hex)
    .toSorted()
    .join(",");
  const signed = withoutGrease(signatures).map(hex).join(",");
  const count = (values: readonly unknown[]): string => String(Math.min(values.length, 99)).padStart(2, "0");
  const head = `t${ja4Versions[highest] ?? "00"}${serverName === undefined ? "i" : "d"}${count(suites)}${count(known)}${alpnCode(alpn[0])}`;
  return `${head}_${short(suites.map(hex).toSorted().join(","))}_${short(sorted === "" ? "" : signed === "" ? sorted : `${sorted}_${signed}`)}`;
}

/** First and last character of the first protocol. */
function alpnCode(first: string | undefined): string {
  if (first === undefined || first === "") return "00";
  const ends = `${first[0]}${first.at(-1)}`;
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const bytes = Buffer.from(first, "latin1").toString("hex");
  return `${bytes[0]}${bytes.at(-1)}`;
}

function short(text: string): string {
  return text === "" ? "000000000000" : createHash("sha256").update(text).digest("hex").slice(0, 12);
}
