/** Requests and answers, from and to bytes. */
import {
  readAttributes,
  readRooms,
  writeAttributes,
  writeRooms,
  type Attribute,
  type AttributeRoom,
} from "./attributes.ts";
import { callsById, callsByName, errorCall, errorSignature, type RpcCall, type RpcName } from "./calls.ts";
import { mechanismLayouts, readMechanism, writeMechanism, type Mechanism, type MechanismLayout } from "./mechanisms.ts";
import { Malformed, Reader, Writer } from "./wire.ts";

/** An array of bytes, or only its length: an answer that had no room, or a question for it. */
export type Bytes = Buffer | { length: number };

/** One argument, by its part of the signature. */
export type RpcValue =
  | number
  | Bytes
  | string
  | readonly number[]
  | { room: number }
  | readonly Attribute[]
  | readonly AttributeRoom[]
  | Mechanism;

export interface RpcRequest {
  call: RpcCall;
  values: RpcValue[];
}

/** Reads a request. @throws Malformed */
export function readRequest(message: Buffer): RpcRequest {
  let first: unknown;
  // Nothing in a message says how its mechanism is laid out; only one layout fits it exactly.
  for (const layout of mechanismLayouts) {
    try {
      return readRequestAs(message, layout);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function readRequestAs(message: Buffer, layout: MechanismLayout): RpcRequest {
  const reader = new Reader(message);
  const call = callsById[reader.u32()];
  if (!call) throw new Malformed("no such call");
  expectSignature(reader, call.request);
  const values = partsOf(call.request).map((part) => readPart(reader, part, layout));
  if (reader.left > 0) throw new Malformed(`${reader.left} bytes too many`);
  return { call, values };
}

export function writeRequest(name: RpcName, values: readonly RpcValue[]): Buffer {
  const call = callsByName[name];
  return write(call.id, call.request, values);
}

export function writeAnswer(call: RpcCall, values: readonly RpcValue[]): Buffer {
  return write(call.id, call.response, values);
}

export function writeFailure(code: number): Buffer {
  return write(errorCall, errorSignature, [code]);
}

/** The values of an answer, or the CK_RV of a call that failed. @throws Malformed */
export function readAnswer(message: Buffer, name: RpcName): RpcValue[] | number {
  const reader = new Reader(message);
  const id = reader.u32();
  if (id === errorCall) {
    expectSignature(reader, errorSignature);
    return reader.ulong();
  }
  const call = callsByName[name];
  if (call.id !== id) throw new Malformed("the answer to another call");
  expectSignature(reader, call.response);
  return partsOf(call.response).map((part) => readPart(reader, part, "arrays"));
}

function write(id: number, signature: string, values: readonly RpcValue[]): Buffer {
  const writer = new Writer().u32(id).array(Buffer.from(signature));
  partsOf(signature).forEach((part, index) => writePart(writer, part, values[index]!));
  return writer.bytes();
}

function expectSignature(reader: Reader, signature: string): void {
  if (reader.array()?.toString("latin1") !== signature) throw new Malformed("another signature");
}

type Part = "u" | "y" | "z" | "s" | "v" | "M" | "ay" | "au" | "aA" | "fy" | "fu" | "fA";

const knownParts = new Map<string, Part[]>();

function partsOf(signature: string): Part[] {
  let parts = knownParts.get(signature);
  if (!parts) knownParts.set(signature, (parts = signature.match(/[af]?[a-zA-Z]/g)?.map((part) => part as Part) ?? []));
  return parts;
}

function readPart(reader: Reader, part: Part, layout: MechanismLayout): RpcValue {
  switch (part) {
    case "u":
      return reader.ulong();
    case "y":
      return reader.byte();
    case "z":
    case "s":
      return reader.array()?.toString("utf8") ?? "";
    case "v":
      return [reader.byte(), reader.byte()];
    case "M":
      return readMechanism(reader, layout);
    case "aA":
      return readAttributes(reader);
    case "fA":
      return readRooms(reader);
    case "fy":
    case "fu":
      return { room: reader.u32() };
    case "ay":
      return reader.byte() === 0 ? { length: reader.u32() } : (reader.array() ?? Buffer.alloc(0));
    case "au": {
      const present = reader.byte() !== 0;
      const count = reader.u32();
      if (!present) return { length: count };
      if (count * 8 > reader.left) throw new Malformed(`${count} numbers in ${reader.left} bytes`);
      return Array.from({ length: count }, () => reader.ulong());
    }
  }
}

function writePart(writer: Writer, part: Part, value: RpcValue): void {
  switch (part) {
    case "u":
      return void writer.ulong(value as number);
    case "y":
      return void writer.byte(value as number);
    case "z":
    case "s":
      return void writer.array(Buffer.from(value as string));
    case "v":
      return void writer.byte((value as readonly number[])[0]!).byte((value as readonly number[])[1]!);
    case "M":
      return writeMechanism(writer, value as Mechanism);
    case "aA":
      return writeAttributes(writer, value as readonly Attribute[]);
    case "fA":
      return writeRooms(writer, value as readonly AttributeRoom[]);
    case "fy":
    case "fu":
      return void writer.u32((value as { room: number }).room);
    case "ay":
      return void (Buffer.isBuffer(value)
        ? writer.byte(1).array(value)
        : writer.byte(0).u32((value as { length: number }).length));
    case "au": {
      const numbers = value as readonly number[] | { length: number };
      writer.byte(Array.isArray(numbers) ? 1 : 0).u32(numbers.length);
      if (Array.isArray(numbers)) for (const each of numbers as readonly number[]) writer.ulong(each);
    }
  }
}
