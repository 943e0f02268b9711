/**
 * The unit of work behind `ctx.state`: reads go to the store and remember versions, writes are staged as
 * operations with those versions as preconditions, and the gateway commits them with the audit record.
 *
 * Ids and index values often come from clients as they are. What no engine can hold (NUL, half a surrogate pair, too
 * long) names nothing: reading it finds nothing. Writing it is a mistake of the handler and fails.
 */
import type { Document, DocumentKey, Operation, Page, Scope, Store } from "#store/contract.ts";
import { isStorable, keyLimits } from "#store/limits.ts";
import { everyRegion, type At, type State, type StateIndexQuery, type StateQuery } from "./context.ts";

/** Page size where a caller names none; every caller pages. */
const defaultLimit = 1000;

interface Staged {
  /** `undefined` value: staged deletion. */
  value: unknown;
  deleted: boolean;
  index: number;
}

export class UnitOfWork implements State {
  readonly #store: Store;
  readonly #scope: Scope;
  readonly #newEventId: () => string;
  /** Versions seen by `get`, 0 for absent. */
  readonly #seen = new Map<string, number>();
  readonly #staged = new Map<string, Staged>();
  readonly #operations: Operation[] = [];

  constructor(store: Store, scope: Scope, newEventId: () => string) {
    this.#store = store;
    this.#scope = scope;
    this.#newEventId = newEventId;
  }

  /** What to commit, in the order it was staged. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  async get<T>(type: string, id: string, at?: At): Promise<Document<T> | undefined> {
    const key = this.#key(type, id, at);
    const name = nameOf(key);
    const staged = this.#stagedDocument<T>(key, name);
    if (staged !== "not staged") return staged;
    if (!isNamed(key)) return undefined;
    const document = await this.#store.get<T>(key);
    this.#saw(name, document?.version ?? 0);
    return document;
  }

  async getMany<T>(type: string, ids: readonly string[], at?: At): Promise<(Document<T> | undefined)[]> {
    const keys = ids.map((id) => this.#key(type, id, at));
    const possible = keys.filter(isNamed);
    const documents = await this.#store.getMany<T>(possible);
    const found = new Map(possible.map((key, i) => [key, documents[i]]));
    return keys.map((key) => {
      const name = nameOf(key);
      const staged = this.#stagedDocument<T>(key, name);
      if (staged !== "not staged") return staged;
      const document = found.get(key);
      if (found.has(key)) this.#saw(name, document?.version ?? 0);
      return document;
    });
  }

  async list<T>(type: string, query: StateQuery = {}, at?: At): Promise<Page<T>> {
    if (!isPossible({ ...this.#scope, ...at, id: query.prefix ?? "" })) return { items: [] };
    return await this.#store.list<T>({ ...this.#readScope(at), type, ...query, limit: query.limit ?? defaultLimit });
  }

  async find<T>(type: string, index: string, query: StateIndexQuery, at?: At): Promise<Page<T>> {
    const values = [query.value, query.from, query.to].filter((value) => value !== undefined);
    if (!isPossible({ ...this.#scope, ...at, id: "" })) return { items: [] };
    if (!values.every((value) => isStorable(value, keyLimits.valueAndId))) return { items: [] };
    return await this.#store.find<T>({
      ...this.#readScope(at),
      type,
      index,
      ...query,
      limit: query.limit ?? defaultLimit,
    });
  }

  async count(type: string, prefix?: string, at?: At): Promise<number> {
    if (!isPossible({ ...this.#scope, ...at, id: prefix ?? "" })) return 0;
    return await this.#store.count({ ...this.#readScope(at), type, ...(prefix === undefined ? {} : { prefix }) });
  }

  async countIndex(type: string, index: string, range: { from?: string; to?: string }, at?: At): Promise<number> {
    return await this.#store.count({ ...this.#readScope(at), type, index: { name: index, ...range } });
  }

  put<T>(type: string, id: string, value: T, options: Parameters<State["put"]>[3] = {}): void {
    const key = this.#key(type, id, options.at);
    const ifVersion = this.#precondition(key, options.version);
    this.#stage(
      key,
      { value, deleted: false },
      {
        op: "put",
        key,
        value,
        ...(ifVersion === undefined ? {} : { ifVersion }),
        ...(options.indexes === undefined ? {} : { indexes: options.indexes }),
        ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
      },
    );
  }

  delete(type: string, id: string, options: Parameters<State["delete"]>[2] = {}): void {
    const key = this.#key(type, id, options.at);
    const ifVersion = this.#precondition(key, options.version);
    this.#stage(
      key,
      { value: undefined, deleted: true },
      {
        op: "delete",
        key,
        ...(ifVersion === undefined ? {} : { ifVersion }),
      },
    );
  }

  check(type: string, id: string, at?: At): void {
    const key = this.#key(type, id, at);
    const version = this.#seen.get(nameOf(key));
    if (version === undefined) throw new Error(`check of ${type}/${id} without a get before it`);
    this.#operations.push({ op: "check", key, ifVersion: version });
  }

  checkNone(type: string, prefix?: string, at?: At): void {
    const { account, region, service } = { ...this.#scope, ...at };
    this.#operations.push({
      op: "checkNone",
      key: { account, region, service, type },
      ...(prefix === undefined ? {} : { prefix }),
    });
  }

  emit(stream: string, key: string, event: Record<string, unknown>): void {
    this.#operations.push({ op: "append", stream, key, id: this.#newEventId(), event });
  }

  #readScope(at: At | undefined): Omit<Scope, "region"> & { region?: string } {
    const { region, ...rest } = { ...this.#scope, ...at };
    return region === everyRegion ? rest : { ...rest, region };
  }

  #key(type: string, id: string, at: At | undefined): DocumentKey {
    const { account, region, service } = this.#scope;
    return { account: at?.account ?? account, region: at?.region ?? region, service: at?.service ?? service, type, id };
  }

  #stagedDocument<T>(key: DocumentKey, name: string): Document<T> | undefined | "not staged" {
    const staged = this.#staged.get(name);
    if (!staged) return "not staged";
    if (staged.deleted) return undefined;
    return { key, version: (this.#seen.get(name) ?? 0) + 1, value: structuredClone(staged.value) as T };
  }

  /** The first look counts: a later read of the same call must not hide a change in between. */
  #saw(name: string, version: number): void {
    if (!this.#seen.has(name)) this.#seen.set(name, version);
  }

  #precondition(key: DocumentKey, version: number | "any" | undefined): number | undefined {
    if (version === "any") return undefined;
    return version ?? this.#seen.get(nameOf(key));
  }

  /** A document staged twice in one call is written once, with its first precondition and its last content. */
  #stage(key: DocumentKey, content: Omit<Staged, "index">, operation: Operation): void {
    const name = nameOf(key);
    const earlier = this.#staged.get(name);
    if (earlier) {
      const first = this.#operations[earlier.index] as { ifVersion?: number };
      const merged = { ...operation } as { ifVersion?: number };
      if (first.ifVersion === undefined) delete merged.ifVersion;
      else merged.ifVersion = first.ifVersion;
      // Created and deleted by the same call: what remains is that it must still be absent.
      const undone = content.deleted && first.ifVersion === 0;
      this.#operations[earlier.index] = undone ? { op: "check", key, ifVersion: 0 } : (merged as Operation);
      this.#staged.set(name, { ...content, index: earlier.index });
      return;
    }
    this.#staged.set(name, { ...content, index: this.#operations.length });
    this.#operations.push(operation);
  }
}

/** Whether there can be a document of this very key: an empty id names none. */
function isNamed(key: DocumentKey): boolean {
  return key.id !== "" && isPossible(key);
}

/** Whether there can be a document of this key. */
function isPossible({ account, region, id }: Pick<DocumentKey, "account" | "region" | "id">): boolean {
  return isStorable(id) && isStorable(account, keyLimits.account) && isStorable(region, keyLimits.region);
}

function nameOf(key: DocumentKey): string {
  return `${key.account}\0${key.region}\0${key.service}\0${key.type}\0${key.id}`;
}
