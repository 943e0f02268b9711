import type { Clock } from "#kernel/clock.ts";
import {
  Conflict,
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
import { KeptDocuments } from "./keptDocuments.ts";
import { checkText } from "./limits.ts";
import { storeMigrations } from "./migrations/index.ts";
import { keyOf, prepareOperation, type PreparedOperation } from "./operations.ts";
import type { StoreMarks } from "./sqlite-commands.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { Refusal } from "./sqlite-protocol.ts";
import { packBatch } from "./sqlite-batch.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import { Watermark } from "./watermark.ts";

/** The embedded engine: one file, one owner process, group commit. See `SqliteDatabase` for its invariants. */
export class SqliteStore implements Store {
  /** The file, for what lives in it beside the store. */
  readonly database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #kept = new KeptDocuments(() => this.database.refuseWhenDown());
  readonly #reads: SqliteReads;
  readonly #changed = new Watermark();
  readonly #queued = new Watermark();

  constructor(path: string, options: { clock: Clock }) {
    this.#clock = options.clock;
    this.database = new SqliteDatabase(path, {
      name: "store",
      migrations: storeMigrations,
      commands: new URL("./sqlite-commands.ts", import.meta.url).href,
      onMarks: (marks: StoreMarks) => this.#raise(marks),
    });
    this.#reads = new SqliteReads(this.database, options.clock, this.#kept);
    this.#raise({ change: this.#reads.lastChange(), outbox: this.#reads.lastOutbox() });
  }

  /** Tells those who wait, after a commit is durable. */
  #raise({ change, outbox }: StoreMarks): void {
    this.#changed.raise(change);
    this.#queued.raise(outbox);
  }

  async get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    return this.#reads.get<T>(key);
  }

  async getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    return this.#reads.getMany<T>(keys);
  }

  async list<T>(query: ListQuery): Promise<Page<T>> {
    return this.#reads.list<T>(query);
  }

  async find<T>(query: IndexQuery): Promise<Page<T>> {
    return this.#reads.find<T>(query);
  }

  async count(query: CountQuery): Promise<number> {
    return this.#reads.count(query);
  }

  commit(batch: readonly Operation[]): Promise<void> {
    if (batch.length === 0) return Promise.resolve();
    try {
      return this.commitPrepared(batch.map(prepareOperation));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** The same for a batch that another process has checked and serialised (`prepareOperation`). */
  async commitPrepared(batch: readonly PreparedOperation[]): Promise<void> {
    const changed = batch.flatMap((operation) =>
      operation.op === "put" || operation.op === "delete" ? [operation.key] : [],
    );
    const write = () => this.database.write<undefined>("store.commit", this.#clock.now(), packBatch(batch));
    try {
      await (changed.length === 0 ? write() : this.#kept.writing(changed, write));
    } catch (error) {
      throw error instanceof Refusal ? new Conflict(keyOf(batch[Number(error.value)]!)) : error;
    }
  }

  async changes(after: number, limit: number): Promise<Change[]> {
    return this.#reads.changes(after, limit);
  }

  async waitForChange(after: number, timeoutMs: number): Promise<void> {
    await this.#changed.waitAbove(after, timeoutMs);
  }

  get knownChange(): number {
    return this.#changed.value;
  }

  async lastChange(): Promise<number> {
    return this.#reads.lastChange();
  }

  async outbox(limit: number): Promise<OutboxEntry[]> {
    return this.#reads.outbox(limit);
  }

  async removeOutbox(sequences: readonly number[]): Promise<void> {
    await this.database.write("store.removeOutbox", this.#clock.now(), sequences);
  }

  async waitForOutbox(timeoutMs: number): Promise<void> {
    const seen = this.#queued.value;
    if (this.#reads.hasOutbox()) return;
    await this.#queued.waitAbove(seen, timeoutMs);
  }

  async lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    checkLease(name, owner, ttlMs);
    const taken = await this.database.write<Pick<Lease, "fencingToken" | "expiresAt"> | null>(
      "store.lease",
      this.#clock.now(),
      name,
      owner,
      ttlMs,
    );
    return taken === null ? undefined : { name, owner, ...taken };
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.database.write("store.releaseLease", this.#clock.now(), lease.name, lease.owner, lease.fencingToken);
  }

  async expire(limit: number): Promise<number> {
    return await this.#kept.sweeping(() => this.database.write<number>("store.expire", this.#clock.now(), limit));
  }

  async backup(path: string): Promise<void> {
    await this.database.backup(path);
  }

  /** Goes through the writer: a file that can be read but not written is not healthy. */
  async ping(): Promise<void> {
    await this.database.write("store.ping", this.#clock.now());
  }

  async close(): Promise<void> {
    await this.database.close();
    this.#changed.wakeAll();
    this.#queued.wakeAll();
  }
}

export function checkLease(name: string, owner: string, ttlMs: number): void {
  checkText("lease name", name, 512);
  checkText("lease owner", owner, 512);
  if (owner === "") throw new RangeError("lease owner is empty");
  if (!(ttlMs > 0 && Number.isFinite(ttlMs))) throw new RangeError(`lease time must be positive, got ${ttlMs}`);
}
