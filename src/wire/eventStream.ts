/**
 * Event streams of responses: `application/vnd.amazon.eventstream` frames (prelude, headers, payload, two CRC-32).
 * Source: smithy.io "Amazon Event Stream".
 */
import { crc32 } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import type { Member, Shape } from "#model/types.ts";
import type { ByteStream } from "./contract.ts";
import { OutputMismatch } from "./jsonWrite.ts";

export const eventStreamType = "application/vnd.amazon.eventstream";

type HeaderValue = string | number | boolean | Date | Uint8Array;

function headerBytes(name: string, value: HeaderValue): Buffer {
  const key = Buffer.from(name, "utf8");
  const head = Buffer.concat([Buffer.from([key.length]), key]);
  if (typeof value === "boolean") return Buffer.concat([head, Buffer.from([value ? 0 : 1])]);
  if (typeof value === "number") {
    const number = Buffer.alloc(5);
    number[0] = 4;
    number.writeInt32BE(value, 1);
    return Buffer.concat([head, number]);
  }
  if (value instanceof Date) {
    const time = Buffer.alloc(9);
    time[0] = 8;
    time.writeBigInt64BE(BigInt(value.getTime()), 1);
    return Buffer.concat([head, time]);
  }
  const data = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  if (data.length > 0x7f_ff) throw new OutputMismatch("event header of at most 32767 bytes", value);
  return Buffer.concat([
    head,
    Buffer.from([typeof value === "string" ? 7 : 6, data.length >> 8, data.length & 255]),
    data,
  ]);
}

/** One frame. */
export function encodeFrame(headers: readonly (readonly [string, HeaderValue])[], payload: Uint8Array): Uint8Array {
  const headerBlock = Buffer.concat(headers.map(([name, value]) => headerBytes(name, value)));
  const total = 16 + headerBlock.length + payload.length;
  const frame = Buffer.alloc(total);
  frame.writeUInt32BE(total, 0);
  frame.writeUInt32BE(headerBlock.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  headerBlock.copy(frame, 12);
  frame.set(payload, 12 + headerBlock.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, total - 4)), total - 4);
  return frame;
}

/** Writes the body of an event whose members have no payload of their own. */
export interface EventBody {
  contentType: string;
  structure(shape: Shape, members: readonly Member[]): (value: unknown) => string;
}

type Plain = Record<string, unknown>;
type EventWriter = (value: Plain) => Uint8Array;

function eventWriter(member: Member, body: EventBody): EventWriter {
  const members = member.shape.members ?? [];
  const headerMembers = members.filter((inner) => inner.event?.header);
  const payload = members.find((inner) => inner.event?.payload);
  const rest = members.filter((inner) => !inner.event);
  const write = payload?.shape.members
    ? body.structure(payload.shape, payload.shape.members)
    : body.structure(member.shape, rest);
  return (value) => {
    const headers: [string, HeaderValue][] = [
      [":message-type", "event"],
      [":event-type", member.name],
    ];
    for (const inner of headerMembers) {
      const item = value[inner.name];
      if (item !== undefined) headers.push([inner.name, item as HeaderValue]);
    }
    if (payload === undefined && rest.length === 0) return encodeFrame(headers, new Uint8Array());
    const [type, bytes] = payloadOf(payload, value, write, body.contentType);
    return encodeFrame([...headers, [":content-type", type]], bytes);
  };
}

function payloadOf(
  payload: Member | undefined,
  value: Plain,
  write: (value: unknown) => string,
  contentType: string,
): [string, Uint8Array] {
  if (payload === undefined) return [contentType, Buffer.from(write(value))];
  const item = value[payload.name];
  if (item === undefined) return [contentType, new Uint8Array()];
  if (item instanceof Uint8Array) return ["application/octet-stream", item];
  if (typeof item === "string") return ["text/plain", Buffer.from(item)];
  return [contentType, Buffer.from(write(item))];
}

/**
 * The frames of a handler's events, in order and as they come. An error thrown by the handler becomes the stream's last
 * frame: an exception when the model knows it, otherwise an error with a code.
 */
export function compileEventStream(shape: Shape, body: EventBody): (events: unknown, initial?: string) => ByteStream {
  const writers = new Map((shape.members ?? []).map((member) => [member.name, eventWriter(member, body)]));
  const exceptions = new Map((shape.members ?? []).filter((m) => m.shape.error).map((m) => [m.shape.name, m.name]));
  return async function* frames(events, initial) {
    if (initial !== undefined) {
      const headers: [string, HeaderValue][] = [
        [":message-type", "event"],
        [":event-type", "initial-response"],
        [":content-type", body.contentType],
      ];
      yield encodeFrame(headers, Buffer.from(initial));
    }
    try {
      for await (const event of (events ?? []) as AsyncIterable<Plain>) {
        for (const [name, value] of Object.entries(event)) {
          const write = writers.get(name);
          if (write === undefined) throw new OutputMismatch(`event of ${shape.name}`, event);
          yield write(value as Plain);
        }
      }
    } catch (error) {
      yield failureFrame(error, exceptions, body.contentType);
      if (!(error instanceof AwsError)) throw error;
    }
  };
}

function failureFrame(error: unknown, exceptions: ReadonlyMap<string, string>, contentType: string): Uint8Array {
  const code = error instanceof AwsError ? error.code : "InternalFailure";
  const message = error instanceof AwsError ? error.message : "";
  const member = exceptions.get(code);
  if (member !== undefined && contentType.includes("json")) {
    const headers: [string, HeaderValue][] = [
      [":message-type", "exception"],
      [":exception-type", member],
      [":content-type", contentType],
    ];
    return encodeFrame(headers, Buffer.from(JSON.stringify({ message, ...(error as AwsError).fields })));
  }
  return encodeFrame(
    [
      [":message-type", "error"],
      [":error-code", code],
      [":error-message", message],
    ],
    new Uint8Array(),
  );
}
