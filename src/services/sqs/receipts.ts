/** Receipt handles: which message of which queue, and which of its receives. Opaque to clients. */
import { badHandle } from "./errors.ts";
import type { Queue } from "./state.ts";

export interface Receipt {
  /** Id of the message's document. */
  id: string;
  /** Of one receive. */
  receipt: string;
}

export function writeHandle({ id, receipt }: Receipt): string {
  return Buffer.from(`jikimi1\n${id}\n${receipt}`).toString("base64");
}

/** @throws ReceiptHandleIsInvalid; `undefined` for a message that a purge has removed. */
export function readHandle(queue: Queue, handle: string): Receipt | undefined {
  const [mark, id, receipt, ...more] = Buffer.from(handle, "base64").toString("utf8").split("\n");
  if (mark !== "jikimi1" || !id || !receipt || more.length > 0) throw badHandle(handle.slice(0, 1024));
  if (!/^[0-9a-f-]{36}\.[0-9a-f]{8}(\/[0-9a-f]{40})?\/\d{20}$/.test(id)) throw badHandle(handle.slice(0, 1024));
  const epoch = id.slice(0, id.indexOf("/"));
  // The uid is the first part of every epoch of a queue.
  if (epoch.slice(0, 36) !== queue.uid) throw badHandle(handle.slice(0, 1024));
  return epoch === queue.epoch ? { id, receipt } : undefined;
}
