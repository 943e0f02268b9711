/**
 * The SQLite file of another process, read here: its owner writes and says over IPC that something has been written;
 * what it was is read from the file. Readers are free in WAL mode, so the owner's event loop serves nobody's reads.
 *
 * INVARIANT: rows are read from the file only while its owner is connected and has named it. Otherwise they are
 * asked for over IPC, as of an owner whose file cannot be seen from here.
 */
import { statSync } from "node:fs";
import type { SQLInputValue } from "node:sqlite";
import { pause } from "#kernel/pause.ts";
import type { IpcClient, IpcHandlers } from "#ipc/contract.ts";
import { SqliteConnection, translateFailure } from "./sqlite-connection.ts";
import type { MarksWatcher, SqliteDatabase } from "./sqlite-database.ts";
import type { RowSource } from "./sqlite-reads.ts";

const method = "file.follow";
/** Pause before the owner is asked again, in milliseconds. */
const retryMs = 100;
/** Marks of this many milliseconds travel together: whoever waits for them gathers for longer. */
const gatherMs = 25;
/** Marks that wait for a follower that does not read: with more it is let go, and begins anew. */
const mostWaiting = 10_000;
/** Page cache of a reader: each change elsewhere empties it, so a large one is no use. */
const cacheKiB = 2048;

/** Which file it is, though its name may have been given to another. */
interface FileIdentity {
  path: string;
  device: number;
  inode: number;
}

type Marks = [component: string, marks: unknown][];

function identityOf(path: string): FileIdentity {
  const { dev, ino } = statSync(path);
  return { path, device: dev, inode: ino };
}

/** Something else that followers are to know in time; gives how to end it. */
export type MarksSource = (tell: MarksWatcher) => () => void;

/** The owner's side: a stream that begins with the file and goes on with what each group of writes announces. */
export function followHandlers(database: SqliteDatabase, ...more: readonly MarksSource[]): IpcHandlers {
  const sources: readonly MarksSource[] = [(tell) => database.watch(tell), ...more];
  return { [method]: (_args, { signal }) => follow(database.path, sources, signal) };
}

async function* follow(
  path: string,
  sources: readonly MarksSource[],
  signal: AbortSignal,
): AsyncGenerator<FileIdentity | Marks> {
  let gathered: Marks = [];
  let wake: () => void = () => {};
  const tell: MarksWatcher = (component, marks) => {
    if (gathered.length < mostWaiting) gathered.push([component, marks]);
    wake();
  };
  const ends = sources.map((source) => source(tell));
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort);
  try {
    yield identityOf(path);
    while (!signal.aborted && gathered.length < mostWaiting) {
      if (gathered.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      await pause(gatherMs, signal);
      const marks = gathered;
      gathered = [];
      if (marks.length > 0) yield marks;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const end of ends) end();
  }
}

interface Listener {
  /** What the owner has announced for the component, once it can be read. */
  onMarks(marks: unknown): void;
  /** The file may be another one, and marks may have been missed. */
  onLost(): void;
}

export class FollowedFile {
  readonly #client: IpcClient;
  readonly #stop = new AbortController();
  readonly #listeners = new Map<string, Listener>();
  readonly #following: Promise<void>;
  #connection: { file: FileIdentity; reader: SqliteConnection } | undefined;
  #rows: RowSource | undefined;
  #generation = 0;

  constructor(client: IpcClient) {
    this.#client = client;
    this.#following = this.#follow();
  }

  /** The file's rows, while they may be read from here. */
  get rows(): RowSource | undefined {
    return this.#rows;
  }

  /** Rises whenever the owner is lost. */
  get generation(): number {
    return this.#generation;
  }

  listen(component: string, listener: Listener): void {
    this.#listeners.set(component, listener);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const items = (await this.#client.call(method, [], { signal })) as AsyncIterableIterator<FileIdentity | Marks>;
        const end = (): void => void items.return?.();
        signal.addEventListener("abort", end, { once: true });
        try {
          for await (const item of items) {
            if (Array.isArray(item)) this.#announce(item);
            else this.#open(item);
          }
        } finally {
          signal.removeEventListener("abort", end);
        }
      } catch {
        // Whoever reads or writes meanwhile asks the owner and is told.
      }
      this.#lose();
      await pause(retryMs, signal);
    }
  }

  #open(file: FileIdentity): void {
    const known = this.#connection;
    if (known?.file.inode !== file.inode || known.file.device !== file.device || known.file.path !== file.path) {
      known?.reader.close();
      this.#connection = undefined;
      const reader = new SqliteConnection(file.path, { readOnly: true, cacheKiB });
      const opened = identityOf(file.path);
      if (opened.inode !== file.inode || opened.device !== file.device) {
        reader.close();
        throw new Error("the file is another one");
      }
      this.#connection = { file, reader };
    }
    this.#rows = rowsOf(file.path, this.#connection!.reader);
  }

  #announce(marks: Marks): void {
    for (const [component, each] of marks) this.#listeners.get(component)?.onMarks(each);
  }

  #lose(): void {
    this.#rows = undefined;
    this.#generation++;
    for (const listener of this.#listeners.values()) listener.onLost();
  }

  /** The client is its owner's to close. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    this.#connection?.reader.close();
    this.#connection = undefined;
  }
}

function rowsOf(path: string, reader: SqliteConnection): RowSource {
  const translated = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw translateFailure(path, error, false);
    }
  };
  return {
    all: <Row>(text: string, ...values: SQLInputValue[]) => translated(() => reader.all<Row>(text, ...values)),
    get: <Row>(text: string, ...values: SQLInputValue[]) => translated(() => reader.get<Row>(text, ...values)),
    tuples: <Row extends readonly unknown[]>(text: string, ...values: SQLInputValue[]) =>
      translated(() => reader.tuples<Row>(text, ...values)),
  };
}
