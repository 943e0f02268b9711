import { StoreUnavailable } from "./contract.ts";

export interface GroupCommitOptions<Item> {
  /** Rough size of an item in bytes. */
  size: (item: Item) => number;
  /** Most items and bytes of one group, and groups under way at a time. */
  items?: number;
  bytes?: number;
  depth?: number;
}

interface Pending<Item, Result> {
  item: Item;
  resolve: (value: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers what arrives while earlier groups are under way, and sends it as one. A round trip and a sync are
 * shared by all who wait, so throughput rises with load while a lone caller waits for nobody.
 */
export class GroupCommit<Item, Result> {
  readonly #send: (group: readonly Item[]) => Promise<PromiseSettledResult<Result>[]>;
  readonly #options: Required<GroupCommitOptions<Item>>;
  #queue: Pending<Item, Result>[] = [];
  #underWay = 0;
  #scheduled = false;
  readonly #idle: (() => void)[] = [];

  /** `send` gives one result per item, or rejects for all. */
  constructor(
    send: (group: readonly Item[]) => Promise<PromiseSettledResult<Result>[]>,
    options: GroupCommitOptions<Item>,
  ) {
    this.#send = send;
    this.#options = { items: 500, bytes: 8 * 1024 * 1024, depth: 2, ...options };
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0 || this.#underWay >= this.#options.depth) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
      this.#schedule();
    });
  }

  #take(): Pending<Item, Result>[] {
    let bytes = 0;
    let count = 0;
    for (const { item } of this.#queue) {
      bytes += this.#options.size(item);
      if (count > 0 && (count >= this.#options.items || bytes > this.#options.bytes)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #flush(): Promise<void> {
    const group = this.#take();
    if (group.length === 0) return;
    this.#underWay++;
    try {
      await this.#settle(group);
    } finally {
      this.#underWay--;
      this.#schedule();
      if (this.#underWay === 0 && this.#queue.length === 0) for (const wake of this.#idle.splice(0)) wake();
    }
  }

  async #settle(group: readonly Pending<Item, Result>[]): Promise<void> {
    let results: PromiseSettledResult<Result>[];
    try {
      results = await this.#send(group.map(({ item }) => item));
    } catch (error) {
      // An engine that is gone is gone for all. Any other failure was rolled back and is the fault of one item:
      // each is tried alone, so that it does not take its neighbours with it.
      if (error instanceof StoreUnavailable || group.length === 1) {
        for (const { reject } of group) reject(error);
      } else {
        for (const single of group) await this.#settle([single]);
      }
      return;
    }
    group.forEach(({ resolve, reject }, position) => {
      const result = results[position]!;
      if (result.status === "fulfilled") resolve(result.value);
      else reject(result.reason);
    });
  }

  /** Resolves when nothing is queued or under way. */
  drain(): Promise<void> {
    if (this.#underWay === 0 && this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
