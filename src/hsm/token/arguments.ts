/** Arguments of calls, as functions take them. */
import type { Attribute } from "../rpc/attributes.ts";
import type { RpcValue } from "../rpc/messages.ts";
import type { HsmApplication } from "./application.ts";
import { CKR, Failure } from "./constants.ts";

export type Handler = (application: HsmApplication, values: readonly RpcValue[]) => RpcValue[] | Promise<RpcValue[]>;

/** The one slot. */
export const slot = 1;

/** Bytes that an application passed; a length without them is an empty pointer. */
export function bytesOf(value: RpcValue | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if ((value as { length: number }).length === 0) return Buffer.alloc(0);
  throw new Failure(CKR.ARGUMENTS_BAD);
}

export function roomOf(value: RpcValue | undefined): number {
  return (value as { room: number }).room;
}

export function templateOf(value: RpcValue | undefined): readonly Attribute[] {
  return value as readonly Attribute[];
}
