/** Attributes as they travel: a type, a byte that says whether there is a value, its length in C, and the value by kind. */
import { CKA } from "../token/constants.ts";
import { Malformed, type Reader, type Writer } from "./wire.ts";

/** Flags and numbers as numbers, nested templates as arrays, all else as bytes. */
export type AttributeValue = number | Buffer | number[] | Attribute[];

export interface Attribute {
  type: number;
  /** `undefined`: there is none, or it may not be told. */
  value: AttributeValue | undefined;
  /** Answers to a question for the size only: the length without the value. */
  lengthOnly?: boolean;
}

export interface AttributeRoom {
  type: number;
  /** Bytes that the application has room for; 0 asks for the length. */
  room: number;
}

type Kind = "flag" | "number" | "template" | "mechanisms" | "bytes";

const kinds: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  ...[
    CKA.TOKEN,
    CKA.PRIVATE,
    CKA.TRUSTED,
    CKA.SENSITIVE,
    CKA.ENCRYPT,
    CKA.DECRYPT,
    CKA.WRAP,
    CKA.UNWRAP,
    CKA.SIGN,
    CKA.SIGN_RECOVER,
    CKA.VERIFY,
    CKA.VERIFY_RECOVER,
    CKA.DERIVE,
    CKA.EXTRACTABLE,
    CKA.LOCAL,
    CKA.NEVER_EXTRACTABLE,
    CKA.ALWAYS_SENSITIVE,
    CKA.MODIFIABLE,
    CKA.COPYABLE,
    CKA.SECONDARY_AUTH,
    CKA.ALWAYS_AUTHENTICATE,
    CKA.WRAP_WITH_TRUSTED,
    CKA.RESET_ON_INIT,
    CKA.HAS_RESET,
    CKA.COLOR,
  ].map((type): [number, Kind] => [type, "flag"]),
  ...[
    CKA.CLASS,
    CKA.CERTIFICATE_TYPE,
    CKA.CERTIFICATE_CATEGORY,
    CKA.JAVA_MIDP_SECURITY_DOMAIN,
    CKA.KEY_TYPE,
    CKA.MODULUS_BITS,
    CKA.PRIME_BITS,
    CKA.SUB_PRIME_BITS,
    CKA.VALUE_BITS,
    CKA.VALUE_LEN,
    CKA.KEY_GEN_MECHANISM,
    CKA.AUTH_PIN_FLAGS,
    CKA.HW_FEATURE_TYPE,
    CKA.PIXEL_X,
    CKA.PIXEL_Y,
    CKA.RESOLUTION,
    CKA.CHAR_ROWS,
    CKA.CHAR_COLUMNS,
    CKA.BITS_PER_PIXEL,
    CKA.MECHANISM_TYPE,
  ].map((type): [number, Kind] => [type, "number"]),
  [CKA.WRAP_TEMPLATE, "template"],
  [CKA.UNWRAP_TEMPLATE, "template"],
  [CKA.DERIVE_TEMPLATE, "template"],
  [CKA.ALLOWED_MECHANISMS, "mechanisms"],
]);

export function kindOf(type: number): Kind {
  return kinds.get(type) ?? "bytes";
}

/** sizeof(CK_ATTRIBUTE) and sizeof(CK_ULONG) on the 64-bit machines that this protocol is spoken on. */
const attributeSize = 24;
const ulongSize = 8;
const deepest = 4;

/** An attribute takes five bytes at least, so a message cannot claim more of them than it has room for. */
export function readAttributes(reader: Reader, depth = 0): Attribute[] {
  const count = reader.u32();
  if (count * 5 > reader.left) throw new Malformed(`${count} attributes in ${reader.left} bytes`);
  if (depth > deepest) throw new Malformed("templates within templates");
  return Array.from({ length: count }, () => readAttribute(reader, depth));
}

function readAttribute(reader: Reader, depth: number): Attribute {
  const type = reader.u32();
  if (reader.byte() === 0) return { type, value: undefined };
  const length = reader.u32();
  return { type, value: readValue(reader, kindOf(type), length, depth) };
}

function readValue(reader: Reader, kind: Kind, length: number, depth: number): AttributeValue {
  if (kind === "flag") return reader.byte();
  if (kind === "number") return reader.ulong();
  if (kind === "template") return readAttributes(reader, depth + 1);
  if (kind === "mechanisms") {
    const count = reader.u32();
    if (count * ulongSize > reader.left) throw new Malformed(`${count} mechanisms in ${reader.left} bytes`);
    return Array.from({ length: count }, () => reader.ulong());
  }
  const bytes = reader.array();
  // Room of a length without bytes: the application passed no pointer.
  if (!bytes) return Buffer.alloc(0);
  if (bytes.length > length) throw new Malformed("an attribute is longer than it says");
  return bytes;
}

export function writeAttributes(writer: Writer, attributes: readonly Attribute[]): void {
  writer.u32(attributes.length);
  for (const { type, value, lengthOnly = false } of attributes) {
    writer.u32(type).byte(value === undefined ? 0 : 1);
    if (value === undefined) continue;
    writer.u32(lengthOf(value, kindOf(type)));
    writeValue(writer, kindOf(type), value, lengthOnly);
  }
}

export function lengthOf(value: AttributeValue, kind: Kind): number {
  if (kind === "flag") return 1;
  if (kind === "number") return ulongSize;
  const { length } = value as Buffer;
  return kind === "template" ? length * attributeSize : kind === "mechanisms" ? length * ulongSize : length;
}

function writeValue(writer: Writer, kind: Kind, value: AttributeValue, lengthOnly: boolean): void {
  if (kind === "flag") writer.byte(lengthOnly ? 0 : (value as number));
  else if (kind === "number") writer.ulong(lengthOnly ? 0 : (value as number));
  else if (kind === "template") writeAttributes(writer, value as Attribute[]);
  else if (kind === "mechanisms") {
    writer.u32((value as number[]).length);
    for (const each of value as number[]) writer.ulong(each);
  } else writer.array(lengthOnly ? undefined : (value as Buffer));
}

export function readRooms(reader: Reader): AttributeRoom[] {
  const count = reader.u32();
  if (count * 8 > reader.left) throw new Malformed(`${count} attributes in ${reader.left} bytes`);
  return Array.from({ length: count }, () => {
    const room = { type: reader.u32(), room: reader.u32() };
    if (kindOf(room.type) === "template" && room.room > 0) throw new Malformed("templates are not asked for");
    return room;
  });
}

export function writeRooms(writer: Writer, rooms: readonly AttributeRoom[]): void {
  writer.u32(rooms.length);
  for (const { type, room } of rooms) writer.u32(type).u32(room);
}
