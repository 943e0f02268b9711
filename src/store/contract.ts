/**
 * The store keeps every document of the control plane: one contract, two engines (SQLite, PostgreSQL), and
 * the same contract over IPC for roles that do not own the SQLite file. `conformance.ts` is run against each.
 *
 * A change is a **batch**: a list of operations with preconditions that is applied whole or not at all.
 * Readers take versions along, writers state them (`ifVersion`), a stale writer gets `Conflict` and decides
 * again on fresh state. That keeps transactions free of round trips, lets SQLite commit many callers with
 * one fsync, and is the same over a socket.
 *
 * INVARIANT: when `commit` resolves, the batch survives `kill -9` and power loss.
 */

/** Region of documents that belong to no Region (IAM, Organizations, Route 53 ...). */
export const globalRegion = "aws-global";

/** Where a document lives. `account` "000000000000" holds what belongs to the installation itself. */
export interface Scope {
  account: string;
  region: string;
  service: string;
}

export interface DocumentKey extends Scope {
  type: string;
  /** Any text; ordered by its UTF-8 bytes in both engines. */
  id: string;
}

export interface Document<T = unknown> {
  key: DocumentKey;
  /** 1 for a new document, one more with each change. */
  version: number;
  value: T;
  /** Epoch milliseconds after which readers no longer see it and `expire` removes it. */
  expiresAt?: number;
}

/** `0` means "must not exist". */
export type Version = number;

export type Operation =
  | {
      op: "put";
      key: DocumentKey;
      value: unknown;
      ifVersion?: Version;
      /** Secondary index rows, replaced as a whole with each put: name → value(s), exact match or prefix. */
      indexes?: Record<string, string | readonly string[]>;
      expiresAt?: number;
    }
  | { op: "delete"; key: DocumentKey; ifVersion?: Version }
  /** Fails unless the document has this version (0: is absent). Serialises with writers of that document. */
  | { op: "check"; key: DocumentKey; ifVersion: Version }
  /** Fails when any document of the type, with this id prefix, exists. Guard it by a `put`/`delete` of a parent that all writers `check`. */
  | { op: "checkNone"; key: Omit<DocumentKey, "id">; prefix?: string }
  /**
   * Adds an event to `stream`, in commit order per key: through the outbox and the relay, or at once where the stream
   * lives in the store's own file. An id that is there already is not added again, unless it is a random UUID
   * (version 4): such an id is new by definition and need not be looked for.
   */
  | { op: "append"; stream: string; key: string; id: string; event: unknown }
  /** Fails when the lease has passed to a new holder or was released: fences out a former holder. Serialises with `lease`. */
  | { op: "guard"; lease: Pick<Lease, "name" | "owner" | "fencingToken"> };

export interface ListQuery {
  /** Omit `account` or `region` only in reviewed cross-account readers. */
  account?: string;
  region?: string;
  service: string;
  type: string;
  /** Ids with this prefix only. */
  prefix?: string;
  /**
   * Ids greater than this one (exclusive); with `reverse`, smaller. When `account` or `region` is omitted the
   * order is (id, account, region), and `next` is a cursor of all three so that equal ids are not skipped.
   */
  after?: string;
  /** Ids greater than or equal to this one: the jump of S3's delimiter listing. */
  from?: string;
  /** From 1 to 10,000; more is refused, so that nobody takes a cut page for the whole. `next` tells that there are more. */
  limit: number;
  reverse?: boolean;
}

export interface IndexQuery {
  account?: string;
  region?: string;
  service: string;
  type: string;
  index: string;
  /** Exact value, or every value in [from, to) in order. A document with two values in the range comes twice. */
  value?: string;
  from?: string;
  to?: string;
  /** Opaque cursor of the previous page. */
  after?: string;
  limit: number;
  reverse?: boolean;
}

export interface CountQuery extends Omit<ListQuery, "limit" | "after" | "from" | "reverse"> {
  /** Counts rows of this index with values in [from, to), of documents with the id prefix. */
  index?: { name: string; from?: string; to?: string };
}

export interface Page<T> {
  items: Document<T>[];
  /** Present when there is more: the last id (`list`) or an opaque cursor (`find`). */
  next?: string;
}

export interface Change {
  /** Dense, in commit order. */
  sequence: number;
  key: DocumentKey;
  /** Version after the change; 0 for a deletion. */
  version: number;
}

export interface OutboxEntry {
  sequence: number;
  stream: string;
  key: string;
  id: string;
  event: unknown;
}

export interface Lease {
  name: string;
  owner: string;
  /** Rises with each new holder; writes guarded by it are refused for a former one. */
  fencingToken: number;
  expiresAt: number;
}

export interface Store {
  get<T>(key: DocumentKey): Promise<Document<T> | undefined>;
  /** Same order as the keys; `undefined` where absent. */
  getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]>;
  list<T>(query: ListQuery): Promise<Page<T>>;
  find<T>(query: IndexQuery): Promise<Page<T>>;
  /** Number of documents of a type, optionally with an id prefix; with `index`, the number of index rows in a range. */
  count(query: CountQuery): Promise<number>;

  /** Applies all or nothing. Rejects with `Conflict` when a precondition fails. */
  commit(batch: readonly Operation[]): Promise<void>;

  /** Changes after a sequence number, in order. Kept for at least `retention` (7 days) or until trimmed. */
  changes(after: number, limit: number): Promise<Change[]>;
  /** Resolves when a change after `after` may exist, or after `timeoutMs`. Rejects as other calls do: pause before the next. */
  waitForChange(after: number, timeoutMs: number): Promise<void>;
  lastChange(): Promise<number>;
  /**
   * The newest change that this process has heard of, without asking: at least that of each of its own commits that has
   * resolved. Absent where commits are another process's.
   */
  readonly knownChange?: number | undefined;

  /** Oldest outbox entries not yet removed. */
  outbox(limit: number): Promise<OutboxEntry[]>;
  /** Removes relayed entries. */
  removeOutbox(sequences: readonly number[]): Promise<void>;
  /** Resolves when the outbox may be non-empty, or after `timeoutMs`. */
  waitForOutbox(timeoutMs: number): Promise<void>;

  /** Takes, or renews for the same owner, a named lease. `undefined` when someone else holds it. */
  lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined>;
  releaseLease(lease: Lease): Promise<void>;

  /**
   * Removes up to `limit` expired documents, as deletions in the change feed; returns how many. Also removes up to
   * 10,000 changes older than the retention: a reader that finds a gap behind its `after` has to read everything anew.
   */
  expire(limit: number): Promise<number>;
  /** A consistent copy of the whole store, made while it is in use. SQLite: a file; PostgreSQL: refused with the tool to use. */
  backup(path: string): Promise<void>;
  /** Throws `StoreUnavailable` when the engine cannot answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A key, name or value that no engine can keep as it is: NUL, a lone surrogate, too long, not JSON. The caller's mistake. */
export class InvalidKey extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidKey";
  }
}

/** A precondition of a batch did not hold; nothing was applied. */
export class Conflict extends Error {
  readonly key: DocumentKey | undefined;
  constructor(key?: DocumentKey) {
    super(key ? `stale version of ${key.service}/${key.type}/${key.id}` : "a precondition did not hold");
    this.name = "Conflict";
    this.key = key;
  }
}

/**
 * The engine cannot be reached or cannot write (disk full, failover, read-only). `unknown` is true when a
 * commit may or may not have happened: the caller must read before it tries again.
 */
export class StoreUnavailable extends Error {
  readonly unknown: boolean;
  constructor(message: string, options: { unknown?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "StoreUnavailable";
    this.unknown = options.unknown ?? false;
  }
}
