/**
 * A call context for unit tests of handlers: state in memory with the store's semantics, everything else
 * injected. What a handler stages is committed by `call`, as the gateway does it.
 */
import { AwsError } from "#kernel/errors.ts";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { BlobStore } from "#blob/contract.ts";
import type { KeyHolder } from "#keys/contract.ts";
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
} from "#store/contract.ts";
import type { Clients } from "./clients.ts";
import type { CallContext, InstallationConfig } from "./context.ts";
import type { IdentitySource } from "./identity.ts";
import type { Principal } from "./principal.ts";
import type { Access, AuditDetail, Service } from "./service.ts";
import { UnitOfWork } from "./state.ts";

export const testAccount = "111122223333";
export const testRegion = "ap-northeast-2";

interface Row {
  key: DocumentKey;
  version: number;
  value: string;
  indexes: [name: string, value: string][];
  expiresAt?: number;
}

const path = (key: DocumentKey) => [key.account, key.region, key.service, key.type, key.id].join("\0");
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The store's rules in a Map. Leases always succeed and nothing waits. */
export class MemoryStore implements Store {
  readonly rows = new Map<string, Row>();
  readonly outboxEntries: OutboxEntry[] = [];
  readonly #changes: Change[] = [];
  readonly #now: () => number;
  #sequence = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    return this.#read<T>(this.rows.get(path(key)));
  }

  async getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    return keys.map((key) => this.#read<T>(this.rows.get(path(key))));
  }

  async list<T>(query: ListQuery): Promise<Page<T>> {
    const { prefix = "", after, from, limit, reverse = false } = query;
    const items = this.#matching<T>(query)
      .filter((document) => document.key.id.startsWith(prefix))
      .filter((document) => after === undefined || byBytes(document.key.id, after) * (reverse ? -1 : 1) > 0)
      .filter((document) => from === undefined || byBytes(document.key.id, from) * (reverse ? -1 : 1) >= 0)
      .sort((a, b) => byBytes(a.key.id, b.key.id) * (reverse ? -1 : 1));
    return page(items, limit, (document) => document.key.id);
  }

  async find<T>(query: IndexQuery): Promise<Page<T>> {
    const found: { document: Document<T>; cursor: string }[] = [];
    for (const document of this.#matching<T>(query)) {
      for (const [name, value] of this.rows.get(path(document.key))!.indexes) {
        if (name !== query.index) continue;
        if (query.value !== undefined && value !== query.value) continue;
        if (query.from !== undefined && byBytes(value, query.from) < 0) continue;
        if (query.to !== undefined && byBytes(value, query.to) >= 0) continue;
        found.push({ document, cursor: `${value}\0${path(document.key)}` });
      }
    }
    const sign = query.reverse ? -1 : 1;
    found.sort((a, b) => byBytes(a.cursor, b.cursor) * sign);
    const rest = found.filter((row) => query.after === undefined || byBytes(row.cursor, query.after) * sign > 0);
    const items = rest.slice(0, query.limit);
    return {
      items: items.map((row) => row.document),
      ...(rest.length > items.length ? { next: items.at(-1)!.cursor } : {}),
    };
  }

  async count(query: CountQuery): Promise<number> {
    if (query.index) {
      const { name, from, to } = query.index;
      const inRange = (value: string) =>
        (from === undefined || byBytes(value, from) >= 0) && (to === undefined || byBytes(value, to) < 0);
      return this.#matching(query)
        .filter((document) => document.key.id.startsWith(query.prefix ?? ""))
        .flatMap((document) => this.rows.get(path(document.key))!.indexes)
        .filter(([index, value]) => index === name && inRange(value)).length;
    }
    return this.#matching(query).filter((document) => document.key.id.startsWith(query.prefix ?? "")).length;
  }

  async commit(batch: readonly Operation[]): Promise<void> {
    for (const operation of batch) this.#require(operation, batch);
    for (const operation of batch) this.#apply(operation);
  }

  async changes(after: number, limit: number): Promise<Change[]> {
    return this.#changes.filter((change) => change.sequence > after).slice(0, limit);
  }

  async waitForChange(): Promise<void> {}

  async lastChange(): Promise<number> {
    return this.#changes.length;
  }

  async outbox(limit: number): Promise<OutboxEntry[]> {
    return this.outboxEntries.slice(0, limit);
  }

  async removeOutbox(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) {
      const index = this.outboxEntries.findIndex((entry) => entry.sequence === sequence);
      if (index >= 0) this.outboxEntries.splice(index, 1);
    }
  }

  async waitForOutbox(): Promise<void> {}

  async lease(name: string, owner: string, ttlMs: number): Promise<Lease> {
    return { name, owner, fencingToken: 1, expiresAt: this.#now() + ttlMs };
  }

  async releaseLease(): Promise<void> {}

  async expire(limit: number): Promise<number> {
    const expired = [...this.rows].filter(([, row]) => this.#read(row) === undefined).slice(0, limit);
    for (const [name] of expired) this.rows.delete(name);
    return expired.length;
  }

  async backup(): Promise<void> {
    throw new Error("a store in memory has no backup");
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  #read<T>(row: Row | undefined): Document<T> | undefined {
    if (!row || (row.expiresAt !== undefined && row.expiresAt <= this.#now())) return undefined;
    const { key, version, expiresAt } = row;
    return { key, version, value: decode(row.value) as T, ...(expiresAt === undefined ? {} : { expiresAt }) };
  }

  #matching<T>(query: { account?: string; region?: string; service: string; type: string }): Document<T>[] {
    const documents: Document<T>[] = [];
    for (const row of this.rows.values()) {
      const { key } = row;
      if (key.service !== query.service || key.type !== query.type) continue;
      if (query.account !== undefined && key.account !== query.account) continue;
      if (query.region !== undefined && key.region !== query.region) continue;
      const document = this.#read<T>(row);
      if (document) documents.push(document);
    }
    return documents;
  }

  #require(operation: Operation, batch: readonly Operation[]): void {
    if (operation.op === "append" || operation.op === "guard") return;
    if (operation.op === "checkNone") {
      const deleted = new Set(batch.flatMap((other) => (other.op === "delete" ? [path(other.key)] : [])));
      for (const document of this.#matching(operation.key)) {
        if (deleted.has(path(document.key))) continue;
        if (document.key.id.startsWith(operation.prefix ?? "")) throw new Conflict(document.key);
      }
      return;
    }
    if (operation.ifVersion === undefined) return;
    const version = this.#read(this.rows.get(path(operation.key)))?.version ?? 0;
    if (version !== operation.ifVersion) throw new Conflict(operation.key);
  }

  #apply(operation: Operation): void {
    if (operation.op === "append") {
      const { stream, key, id, event } = operation;
      this.outboxEntries.push({ sequence: ++this.#sequence, stream, key, id, event: decode(encode(event)) });
    } else if (operation.op === "delete") {
      if (this.rows.delete(path(operation.key))) this.#changed(operation.key, 0);
    } else if (operation.op === "put") {
      const { key, value, indexes = {}, expiresAt } = operation;
      const version = (this.#read(this.rows.get(path(key)))?.version ?? 0) + 1;
      this.rows.set(path(key), {
        key,
        version,
        value: encode(value),
        indexes: Object.entries(indexes).flatMap(([name, values]) =>
          (typeof values === "string" ? [values] : values).map((each): [string, string] => [name, each]),
        ),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
      this.#changed(key, version);
    }
  }

  #changed(key: DocumentKey, version: number): void {
    this.#changes.push({ sequence: this.#changes.length + 1, key, version });
  }
}

/** Documents are JSON: what does not survive JSON must not be put. */
const encode = (value: unknown) => JSON.stringify(value);
const decode = (text: string): unknown => JSON.parse(text);

function page<T>(items: Document<T>[], limit: number, cursor: (document: Document<T>) => string): Page<T> {
  const shown = items.slice(0, limit);
  return { items: shown, ...(items.length > shown.length ? { next: cursor(shown.at(-1)!) } : {}) };
}

const pushTo =
  <T>(list: T[]) =>
  (item: T): void => {
    list.push(item);
  };

export interface TestCallOptions {
  account?: string;
  region?: string;
  principal?: Principal;
  store?: Store;
  clock?: ManualClock;
  blobs?: BlobStore;
  keys?: KeyHolder;
  identity?: IdentitySource;
  aws?: Clients;
  headers?: Record<string, string>;
  calledVia?: readonly string[];
  /** Answers `ctx.authorize` and `ctx.allowed`; everything is allowed by default. */
  decide?: (access: Access) => boolean;
}

export const testConfig: InstallationConfig = {
  endpoint: "http://127.0.0.1:4566",
  defaultRegion: testRegion,
  managementAccount: testAccount,
  hostSuffixes: ["localhost"],
};

/** Things that a test did not provide fail when they are touched. */
export function missing<T extends object>(what: string): T {
  return new Proxy({} as T, {
    get() {
      throw new Error(`this test provides no ${what}`);
    },
  });
}

/** Runs one handler with commit and retry, as the gateway does; gives its output, the context and what was recorded. */
export class TestGateway {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly #service: Service;
  readonly #options: TestCallOptions;

  constructor(service: Service, options: TestCallOptions = {}) {
    this.#service = service;
    this.#options = options;
    this.clock = options.clock ?? new ManualClock();
    this.store = options.store ?? new MemoryStore(() => this.clock.now());
  }

  async call(
    operation: string,
    input: Record<string, unknown> = {},
    options: TestCallOptions = {},
  ): Promise<Record<string, any>> {
    const handler = this.#service.operations.get(operation);
    if (!handler) throw new AwsError("NotImplemented", `${this.#service.id}:${operation}`);
    const remembered = new Map<string, unknown>();
    const whenSettled: (() => void)[] = [];
    try {
      for (let attempt = 0; ; attempt++) {
        const ctx = { ...this.context(operation, options, remembered), onSettled: pushTo(whenSettled) };
        await this.#service.access.get(operation)!(input, ctx);
        const output = await handler(input, ctx);
        try {
          await this.store.commit((ctx.state as UnitOfWork).operations);
          return output;
        } catch (error) {
          if (!(error instanceof Conflict) || attempt === 10) throw error;
        }
      }
    } finally {
      for (const work of whenSettled) work();
    }
  }

  /** The authorization questions an operation asks. */
  async access(operation: string, input: Record<string, unknown>, options: TestCallOptions = {}): Promise<Access[]> {
    const answer = await this.#service.access.get(operation)!(input, this.context(operation, options));
    if (answer === "none") return [];
    return Array.isArray(answer) ? [...answer] : [answer as Access];
  }

  context(operation: string, options: TestCallOptions = {}, remembered = new Map<string, unknown>()): CallContext {
    const merged = { ...this.#options, ...options };
    const account = merged.account ?? testAccount;
    const region = merged.region ?? testRegion;
    const aws = merged.aws ?? missing<Clients>("clients");
    const decide = merged.decide ?? (() => true);
    return {
      requestId: systemRandom.uuid(),
      service: this.#service.id,
      operation,
      account,
      region,
      partition: "aws",
      principal: merged.principal ?? {
        kind: "user",
        account,
        arn: `arn:aws:iam::${account}:user/admin`,
        id: "AIDAQ3EGUAABCDEFGHIJK",
        userName: "admin",
      },
      now: this.clock.now(),
      kept: new Map(),
      clock: this.clock,
      random: systemRandom,
      log: silentLogger,
      state: new UnitOfWork(this.store, { account, region, service: this.#service.id }, () => systemRandom.uuid()),
      blobs: merged.blobs ?? missing<BlobStore>("blob store"),
      keys: merged.keys ?? missing<KeyHolder>("key holder"),
      identity: merged.identity ?? missing<IdentitySource>("identity source"),
      aws,
      awsJoined: aws,
      awsIn: () => aws,
      asService: () => aws,
      asRole: async () => aws,
      async once<T>(name: string, work: () => Promise<T>): Promise<T> {
        if (!remembered.has(name)) remembered.set(name, await work());
        return remembered.get(name) as T;
      },
      audit(_detail: AuditDetail): void {},
      async authorize(access: Access): Promise<void> {
        if (!decide(access)) throw new AwsError("AccessDenied", `not authorized to perform: ${access.action}`, 403);
      },
      allowed: async (access: Access) => decide(access),
      request: {
        sourceIp: "127.0.0.1",
        userAgent: "test",
        headers: merged.headers ?? {},
        scheme: "http",
        host: "127.0.0.1:4566",
        calledVia: merged.calledVia ?? [],
      },
      feed: this.store,
      onSettled: () => {},
      signal: new AbortController().signal,
      draining: new AbortController().signal,
      config: testConfig,
    };
  }
}
