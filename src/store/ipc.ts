import { connectIpc } from "#ipc/client.ts";
import { IpcLost, type ErrorCodec, type IpcClient, type IpcHandlers } from "#ipc/contract.ts";
import { MessageTooLarge } from "#ipc/framing.ts";
import {
  Conflict,
  InvalidKey,
  StoreUnavailable,
  type Change,
  type CountQuery,
  type Document,
  type DocumentKey,
  type IndexQuery,
  type Lease,
  type ListQuery,
  type Operation,
  type OutboxEntry,
  type Page,
  type Store,
} from "./contract.ts";
import { prepareOperation, restoreOperation, type PreparedOperation } from "./operations.ts";

/** How the store's errors cross the socket. */
export const storeErrors: readonly ErrorCodec[] = [
  {
    name: "Conflict",
    encode: (error) => ({ key: (error as Conflict).key }),
    decode: ({ key }) => new Conflict(key as DocumentKey | undefined),
  },
  {
    name: "StoreUnavailable",
    encode: (error) => ({ unknown: (error as StoreUnavailable).unknown }),
    decode: ({ unknown }, message) => new StoreUnavailable(message, { unknown: unknown === true }),
  },
  { name: "InvalidKey", encode: () => ({}), decode: (_, message) => new InvalidKey(message) },
  { name: "RangeError", encode: () => ({}), decode: (_, message) => new RangeError(message) },
];

/** Methods of the contract, and whether a call whose answer was lost may have changed something. */
const methods = {
  get: false,
  getMany: false,
  list: false,
  find: false,
  count: false,
  commit: true,
  changes: false,
  waitForChange: false,
  lastChange: false,
  outbox: false,
  removeOutbox: true,
  waitForOutbox: false,
  lease: true,
  releaseLease: true,
  expire: true,
  backup: true,
  ping: false,
} as const satisfies Record<Exclude<keyof Store, "close" | "knownChange">, boolean>;

type Method = keyof typeof methods;

/** Longest a peer's wait goes on, so that a reader who has gone away is forgotten. */
const longestWait = 60_000;

/** The server's side: the methods `store.*` for `serveIpc`, which must be given `storeErrors`. */
export function storeHandlers(store: Store): IpcHandlers {
  const handlers: Record<string, (args: readonly unknown[]) => unknown> = {};
  for (const method of Object.keys(methods) as Method[]) {
    handlers[`store.${method}`] = (args) => (store[method] as (...parameters: unknown[]) => unknown)(...args);
  }
  // Batches arrive as `prepareOperation` has made them: checked and serialised once, on the other side.
  handlers["store.commit"] = ([batch]) => commitPrepared(store, batch as PreparedOperation[]);
  handlers["store.waitForChange"] = ([after, timeout]) =>
    store.waitForChange(Number(after), Math.min(Number(timeout), longestWait));
  handlers["store.waitForOutbox"] = ([timeout]) => store.waitForOutbox(Math.min(Number(timeout), longestWait));
  return handlers;
}

/** An engine that takes batches as they are sent. */
function takesPrepared(
  store: Store,
): store is Store & { commitPrepared(batch: readonly PreparedOperation[]): Promise<void> } {
  return "commitPrepared" in store;
}

function commitPrepared(store: Store, batch: readonly PreparedOperation[]): Promise<void> {
  return takesPrepared(store) ? store.commitPrepared(batch) : store.commit(batch.map(restoreOperation));
}

/** The store of a role that does not own the SQLite file: the same contract, kept by the owner. */
export class IpcStore implements Store {
  readonly #client: IpcClient;

  constructor(client: IpcClient) {
    this.#client = client;
  }

  async #call<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    try {
      return (await this.#client.call(`store.${method}`, args)) as T;
    } catch (error) {
      if (error instanceof MessageTooLarge) throw new InvalidKey(error.message);
      if (!(error instanceof IpcLost)) throw error;
      throw new StoreUnavailable(`the owner of the store: ${error.message}`, {
        unknown: error.sent && methods[method],
        cause: error,
      });
    }
  }

  get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    return this.#call("get", key);
  }
  getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    return this.#call("getMany", keys);
  }
  list<T>(query: ListQuery): Promise<Page<T>> {
    return this.#call("list", query);
  }
  find<T>(query: IndexQuery): Promise<Page<T>> {
    return this.#call("find", query);
  }
  count(query: CountQuery): Promise<number> {
    return this.#call("count", query);
  }
  async commit(batch: readonly Operation[]): Promise<void> {
    if (batch.length > 0) await this.#call("commit", batch.map(prepareOperation));
  }
  changes(after: number, limit: number): Promise<Change[]> {
    return this.#call("changes", after, limit);
  }
  waitForChange(after: number, timeoutMs: number): Promise<void> {
    return this.#call("waitForChange", after, timeoutMs);
  }
  lastChange(): Promise<number> {
    return this.#call("lastChange");
  }
  outbox(limit: number): Promise<OutboxEntry[]> {
    return this.#call("outbox", limit);
  }
  removeOutbox(sequences: readonly number[]): Promise<void> {
    return this.#call("removeOutbox", sequences);
  }
  waitForOutbox(timeoutMs: number): Promise<void> {
    return this.#call("waitForOutbox", timeoutMs);
  }
  lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#call("lease", name, owner, ttlMs);
  }
  releaseLease(lease: Lease): Promise<void> {
    return this.#call("releaseLease", lease);
  }
  expire(limit: number): Promise<number> {
    return this.#call("expire", limit);
  }
  backup(path: string): Promise<void> {
    return this.#call("backup", path);
  }
  ping(): Promise<void> {
    return this.#call("ping");
  }
  close(): Promise<void> {
    return this.#client.close();
  }
}

/** Does not connect before the first call, so that roles may start in any order. */
export function openIpcStore(path: string, options: { connectTimeoutMs?: number }): IpcStore {
  const { connectTimeoutMs } = options;
  return new IpcStore(
    connectIpc(path, { errors: storeErrors, ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }) }),
  );
}
