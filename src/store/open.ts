import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Store } from "./contract.ts";
import { openIpcStore } from "./ipc.ts";
import { PostgresStore } from "./postgres.ts";
import { SqliteStore } from "./sqlite.ts";

export interface StoreOptions {
  clock: Clock;
  random?: Random;
  /** Longest time of one call to a remote engine, in milliseconds. */
  timeoutMs?: number;
  /** Longest time to reach a remote engine, in milliseconds. */
  connectTimeoutMs?: number;
}

/**
 * Opens the store that a URL names:
 * `sqlite:<path>` this process owns the file; `ipc:<socket path>` another process does and serves it;
 * `postgres://user@host1,host2/database` one or several hosts of which one takes writes.
 */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  if (url.startsWith("sqlite:")) return new SqliteStore(url.slice("sqlite:".length), options);
  if (url.startsWith("ipc:")) return openIpcStore(url.slice("ipc:".length), options);
  if (/^postgres(ql)?:\/\//.test(url)) return PostgresStore.open(url, options);
  throw new TypeError(`unknown kind of store: ${url.split(":", 1)[0]}:`);
}
