import type { Clock } from "#kernel/clock.ts";
import type { IpcClient } from "#ipc/contract.ts";
import type {
  Change,
  CountQuery,
  Document,
  DocumentKey,
  IndexQuery,
  ListQuery,
  OutboxEntry,
  Page,
} from "./contract.ts";
import { IpcStore } from "./ipc.ts";
import type { StoreMarks } from "./sqlite-commands.ts";
import type { FollowedFile } from "./sqlite-followed.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import { Watermark } from "./watermark.ts";

/**
 * The store of a role on the owner's machine: reads come from the file, writes go to the owner. While the owner
 * cannot be reached everything is asked of it, and fails as that does.
 */
export class FollowingStore extends IpcStore {
  readonly #file: FollowedFile;
  readonly #clock: Clock;
  readonly #changed = new Watermark();
  readonly #queued = new Watermark();
  #reads: { of: unknown; reads: SqliteReads } | undefined;

  constructor(client: IpcClient, file: FollowedFile, clock: Clock) {
    super(client);
    this.#file = file;
    this.#clock = clock;
    file.listen("store", {
      onMarks: (marks) => {
        const { change, outbox } = marks as StoreMarks;
        this.#changed.raise(change);
        this.#queued.raise(outbox);
      },
      onLost: () => {
        this.#changed.reset();
        this.#queued.reset();
      },
    });
  }

  get #local(): SqliteReads | undefined {
    const { rows } = this.#file;
    if (!rows) return undefined;
    if (this.#reads?.of !== rows) this.#reads = { of: rows, reads: new SqliteReads(rows, this.#clock) };
    return this.#reads.reads;
  }

  override async get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    const local = this.#local;
    return local ? local.get<T>(key) : await super.get<T>(key);
  }

  override async getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    const local = this.#local;
    return local ? local.getMany<T>(keys) : await super.getMany<T>(keys);
  }

  override async list<T>(query: ListQuery): Promise<Page<T>> {
    const local = this.#local;
    return local ? local.list<T>(query) : await super.list<T>(query);
  }

  override async find<T>(query: IndexQuery): Promise<Page<T>> {
    const local = this.#local;
    return local ? local.find<T>(query) : await super.find<T>(query);
  }

  override async count(query: CountQuery): Promise<number> {
    const local = this.#local;
    return local ? local.count(query) : await super.count(query);
  }

  override async changes(after: number, limit: number): Promise<Change[]> {
    const local = this.#local;
    return local ? local.changes(after, limit) : await super.changes(after, limit);
  }

  override async lastChange(): Promise<number> {
    const local = this.#local;
    return local ? local.lastChange() : await super.lastChange();
  }

  override async waitForChange(after: number, timeoutMs: number): Promise<void> {
    const local = this.#local;
    if (!local) return await super.waitForChange(after, timeoutMs);
    if (local.lastChange() <= after) await this.#changed.waitAbove(after, timeoutMs);
  }

  override async outbox(limit: number): Promise<OutboxEntry[]> {
    const local = this.#local;
    return local ? local.outbox(limit) : await super.outbox(limit);
  }

  override async waitForOutbox(timeoutMs: number): Promise<void> {
    const local = this.#local;
    if (!local) return await super.waitForOutbox(timeoutMs);
    const seen = this.#queued.value;
    if (!local.hasOutbox()) await this.#queued.waitAbove(seen, timeoutMs);
  }
}
