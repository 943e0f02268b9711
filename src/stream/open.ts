import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Store } from "#store/contract.ts";
import { SqliteStore } from "#store/sqlite.ts";
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
  /** The store of the same installation: streams in its own SQLite file are written by its batches. */
  store?: Store;
}

/** Whether events reach the stream through the store's outbox, or are in it with the batch that has them. */
export function needsRelay(store: Store, stream: Stream): boolean {
  return !(stream instanceof SqliteStream && stream.store === store);
}

/**
 * Opens the streams that a URL names: `sqlite:<path>` (a file of its own, or the one of `options.store`), `ipc:<socket path>`,
 * `postgres://…` (may be the store's database), `nats://user:password@host:4222,host2:4222?replicas=3&caFile=/path`.
 */
export async function openStream(url: string, options: StreamOptions): Promise<Stream> {
  if (url.startsWith("sqlite:")) {
    const path = url.slice("sqlite:".length);
    const { store } = options;
    if (store instanceof SqliteStore && store.database.path === path) return SqliteStream.beside(store, options);
    return SqliteStream.open(path, options);
  }
  if (url.startsWith("ipc:")) return IpcStream.open(url.slice("ipc:".length), options);
  if (/^postgres(ql)?:\/\//.test(url)) return PostgresStream.open(url, options);
  const nats = /^nats:\/\/(?:([^:@/?]+):([^@/?]*)@)?([^/?]+)\/?(?:\?(.*))?$/.exec(url);
  if (!nats) throw new TypeError(`unknown kind of stream: ${url.split(":", 1)[0]}:`);
  const [, user, password = "", servers = "", query] = nats;
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (name !== "replicas" && name !== "caFile") throw new TypeError(`unknown parameter ${name} in the NATS URL`);
  }
  const replicas = Number(parameters.get("replicas") ?? 1);
  if (![1, 3, 5].includes(replicas)) throw new TypeError(`replicas must be 1, 3 or 5, got ${replicas}`);
  const caFile = parameters.get("caFile");
  // Loaded only where it is used: a single machine never needs it.
  const { NatsStream } = await import("./nats.ts");
  return NatsStream.open(servers.split(","), {
    ...options,
    replicas,
    ...(user === undefined ? {} : { user: decodeURIComponent(user), password: decodeURIComponent(password) }),
    ...(caFile === null ? {} : { caFile }),
  });
}
