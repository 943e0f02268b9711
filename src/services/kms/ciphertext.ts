/**
 * The ciphertext blob: `01 02 p2 00 78`, 32 bytes that name the key version, then what the key holder made. The
 * prefix is that of AWS's own blobs ("AQICAH…" in base64; data keys "AQIDAH…"), so that whatever looks for KMS
 * blobs finds ours; the name begins with our own mark, so that a blob from AWS is refused before any key is asked,
 * and ours never claims to be AWS's.
 *
 *     name = "jikimi-1" (8), account (5), kind of key id (1), key id (16), version (2)
 *
 * INVARIANT: the 37 bytes in front are authenticated with every blob, together with the encryption context.
 */
import { frameAad } from "#keys/blob.ts";
import { validation } from "./errors.ts";
import type { EncryptionContext } from "./sdk.ts";

const mark = Buffer.from("jikimi-1", "latin1");
const prefix = { data: Buffer.of(1, 2, 2, 0, 0x78), dataKey: Buffer.of(1, 2, 3, 0, 0x78) } as const;
export const headerBytes = 5 + 32;

/** Far beyond what clients send; the key holder takes fields of up to 1 MiB. */
const maxContextBytes = 256 * 1024;

export type BlobKind = keyof typeof prefix;

export interface BlobHeader {
  account: string;
  keyId: string;
  version: number;
}

export function encodeHeader(kind: BlobKind, { account, keyId, version }: BlobHeader): Buffer {
  const header = Buffer.alloc(headerBytes);
  prefix[kind].copy(header, 0);
  mark.copy(header, 5);
  header.writeUIntBE(Number(account), 13, 5);
  const multiRegion = keyId.startsWith("mrk-");
  header[18] = multiRegion ? 1 : 0;
  header.write(multiRegion ? keyId.slice(4) : keyId.replaceAll("-", ""), 19, 16, "hex");
  header.writeUInt16BE(version, 35);
  return header;
}

/** `undefined` for anything that is not ours. */
export function decodeHeader(blob: Uint8Array): BlobHeader | undefined {
  if (blob.length < headerBytes) return undefined;
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, headerBytes);
  const start = bytes.subarray(0, 5);
  if (!prefix.data.equals(start) && !prefix.dataKey.equals(start)) return undefined;
  if (!mark.equals(bytes.subarray(5, 13))) return undefined;
  const hex = bytes.toString("hex", 19, 35);
  const kind = bytes[18];
  if (kind !== 0 && kind !== 1) return undefined;
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return {
    account: String(bytes.readUIntBE(13, 5)).padStart(12, "0"),
    keyId: kind === 1 ? `mrk-${hex}` : uuid,
    version: bytes.readUInt16BE(35),
  };
}

/**
 * Header and encryption context as additional data: pairs sorted by the bytes of their keys, each part with its
 * length in front. An empty context is the same as none. @throws ValidationException when it is too long.
 */
export function blobAad(header: Uint8Array, context: EncryptionContext | undefined): Buffer {
  const keys = context ? Object.keys(context) : [];
  if (keys.length === 0) return frameAad(header);
  if (keys.length > 1) keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const parts: (string | Uint8Array)[] = [header];
  for (const key of keys) parts.push(key, context![key]!);
  const aad = frameAad(...parts);
  if (aad.length > maxContextBytes)
    throw validation(`EncryptionContext must not be longer than ${maxContextBytes} bytes.`);
  return aad;
}
