import { connectIpc } from "#ipc/client.ts";
import { IpcLost, type ErrorCodec, type IpcClient, type IpcHandlers } from "#ipc/contract.ts";
import { StoreUnavailable } from "#store/contract.ts";
import { storeErrors } from "#store/ipc.ts";
import { SqliteStream, type StoredText } from "./sqlite.ts";
import { LeaseLost, type PartitionLease, type StoredEvent, type Stream, type StreamEvent } from "./contract.ts";

export const streamErrors: readonly ErrorCodec[] = [
  ...storeErrors,
  {
    name: "LeaseLost",
    encode: (error) => ({ lease: (error as LeaseLost).lease }),
    decode: ({ lease }) => new LeaseLost(lease as PartitionLease),
  },
];

/** Methods of the contract, and whether a call whose answer was lost may have changed something. */
const methods = {
  append: true,
  read: false,
  wait: false,
  committed: false,
  commit: true,
  lease: true,
  release: true,
  trim: true,
} as const satisfies Record<Exclude<keyof Stream, "close" | "partitions">, boolean>;

type Method = keyof typeof methods;

const longestWait = 60_000;

/** The server's side: the methods `stream.*` for `serveIpc`, which must be given `streamErrors`. */
export function streamHandlers(stream: Stream): IpcHandlers {
  const handlers: Record<string, (args: readonly unknown[]) => unknown> = {};
  for (const method of Object.keys(methods) as Method[]) {
    handlers[`stream.${method}`] = (args) => (stream[method] as (...parameters: unknown[]) => unknown)(...args);
  }
  // The content of an event crosses as the text that the engine holds, where it gives that.
  handlers["stream.read"] = ([name, partition, after, limit]) =>
    readText(stream, String(name), Number(partition), Number(after), Number(limit));
  handlers["stream.wait"] = ([name, partition, after, timeout]) =>
    stream.wait(String(name), Number(partition), Number(after), Math.min(Number(timeout), longestWait));
  handlers["stream.partitions"] = () => stream.partitions;
  return handlers;
}

/** Engines that hold events as text give it as it is. */
async function readText(
  stream: Stream,
  ...where: [name: string, partition: number, after: number, limit: number]
): Promise<StoredText[]> {
  if (stream instanceof SqliteStream) return stream.readText(...where);
  return (await stream.read(...where)).map((event) => ({ ...event, event: JSON.stringify(event.event) }));
}

/** Streams of a role that does not own the SQLite file. */
export class IpcStream implements Stream {
  readonly partitions: number;
  readonly #client: IpcClient;

  private constructor(client: IpcClient, partitions: number) {
    this.#client = client;
    this.partitions = partitions;
  }

  /** Asks the owner for the number of partitions; rejects with `StoreUnavailable` when it cannot be reached. */
  static async open(path: string, options: { connectTimeoutMs?: number }): Promise<IpcStream> {
    const { connectTimeoutMs } = options;
    const client = connectIpc(path, {
      errors: streamErrors,
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    });
    try {
      return await IpcStream.over(client);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** The same over a client that must know `streamErrors`. */
  static async over(client: IpcClient): Promise<IpcStream> {
    try {
      return new IpcStream(client, Number(await client.call("stream.partitions", [])));
    } catch (cause) {
      throw new StoreUnavailable(`the owner of the streams: ${(cause as Error).message}`, { cause });
    }
  }

  async #call<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    try {
      return (await this.#client.call(`stream.${method}`, args)) as T;
    } catch (error) {
      if (!(error instanceof IpcLost)) throw error;
      throw new StoreUnavailable(`the owner of the streams: ${error.message}`, {
        unknown: error.sent && methods[method],
        cause: error,
      });
    }
  }

  append(stream: string, events: readonly StreamEvent[]): Promise<void> {
    return this.#call("append", stream, events);
  }
  async read<T>(stream: string, partition: number, after: number, limit: number): Promise<StoredEvent<T>[]> {
    const events = await this.#call<StoredText[]>("read", stream, partition, after, limit);
    return events.map((stored) => ({ ...stored, event: JSON.parse(stored.event) as T }));
  }
  wait(stream: string, partition: number, after: number, timeoutMs: number): Promise<void> {
    return this.#call("wait", stream, partition, after, timeoutMs);
  }
  committed(stream: string, group: string, partition: number): Promise<number> {
    return this.#call("committed", stream, group, partition);
  }
  commit(lease: PartitionLease, offset: number): Promise<void> {
    return this.#call("commit", lease, offset);
  }
  lease(
    stream: string,
    group: string,
    partition: number,
    owner: string,
    ttlMs: number,
  ): Promise<PartitionLease | undefined> {
    return this.#call("lease", stream, group, partition, owner, ttlMs);
  }
  release(lease: PartitionLease): Promise<void> {
    return this.#call("release", lease);
  }
  trim(stream: string, groups: readonly string[], before: number): Promise<number> {
    return this.#call("trim", stream, groups, before);
  }
  close(): Promise<void> {
    return this.#client.close();
  }
}
