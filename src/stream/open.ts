import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Stream } from "./contract.ts";
import { IpcStream } from "./ipc.ts";
import { PostgresStream } from "./postgres.ts";
import { SqliteStream } from "./sqlite.ts";

export interface StreamOptions {
  clock: Clock;
  random?: Random;
  /** For a new installation; an existing one keeps its number. */
  partitions?: number;
  timeoutMs?: number;
  connectTimeoutMs?: number;
}

/**
 * Opens the streams that a URL names: `sqlite:<path>` (a file of its own, not the store's), `ipc:<socket path>`,
 * `postgres://…` (may be the store's database), `nats://host:4222,host2:4222?replicas=3`.
 */
export async function openStream(url: string, options: StreamOptions): Promise<Stream> {
  if (url.startsWith("sqlite:")) return SqliteStream.open(url.slice("sqlite:".length), options);
  if (url.startsWith("ipc:")) return IpcStream.open(url.slice("ipc:".length), options);
  if (/^postgres(ql)?:\/\//.test(url)) return PostgresStream.open(url, options);
  const nats = /^nats:\/\/([^/?]+)\/?(?:\?(.*))?$/.exec(url);
  if (!nats) throw new TypeError(`unknown kind of stream: ${url.split(":", 1)[0]}:`);
  const replicas = Number(new URLSearchParams(nats[2]).get("replicas") ?? 1);
  if (![1, 3, 5].includes(replicas)) throw new TypeError(`replicas must be 1, 3 or 5, got ${replicas}`);
  // Loaded only where it is used: a single machine never needs it.
  const { NatsStream } = await import("./nats.ts");
  return NatsStream.open(nats[1]!.split(","), { ...options, replicas });
}
