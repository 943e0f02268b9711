/**
 * An edge that keeps itself configured: begins from the last known configuration, follows the store, tells it what came
 * of the documents. The store may be away at any time.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { DocumentKey, Store } from "#store/contract.ts";
import { edgeDocument, edgeService } from "./config.ts";
import { Edge, type EdgeOptions } from "./edge.ts";
import { Feed, nameOf, type KnownDocument } from "./feed.ts";
import { LastKnown } from "./lastKnown.ts";
import { Reports } from "./reports.ts";
import { Revealed, type Revealer } from "./revealed.ts";
import { Sealing } from "./sealing.ts";
import type { Placed } from "./documents.ts";

export interface EdgeProcessOptions extends Omit<EdgeOptions, "observer"> {
  store: Store;
  keys: Revealer;
  /** Of the sealed configuration. */
  lastKnownPath: string;
  observer: Omit<EdgeOptions["observer"], "status" | "health">;
  /** Documents have changed: whoever compiles from them takes note before requests meet the new configuration. */
  changed(documents: ReadonlyMap<string, KnownDocument>, keys: readonly DocumentKey[]): Promise<void>;
  /** What requests under way are waited for at the end. */
  drainMs: number;
}

const retryMs = 2_000;

export class EdgeProcess {
  readonly edge: Edge;
  readonly #options: EdgeProcessOptions;
  readonly #feed: Feed;
  readonly #revealed: Revealed;
  readonly #lastKnown: LastKnown;
  readonly #reports: Reports;
  #secrets: ReadonlyMap<string, string> = new Map();
  #retry: NodeJS.Timeout | undefined;

  constructor(options: EdgeProcessOptions) {
    this.#options = options;
    const { store, log, secret, random } = options;
    this.#reports = new Reports(store, log);
    this.#revealed = new Revealed(options.keys, log);
    this.#lastKnown = new LastKnown(options.lastKnownPath, new Sealing(secret, "configuration", random));
    this.#feed = new Feed(store, log, (keys) => this.#changed(keys));
    this.edge = new Edge({
      ...options,
      observer: {
        ...options.observer,
        status: (placed, value) => this.#report(placed, edgeDocument.status, edgeDocument.listener, value),
        health: (placed, value) => this.#report(placed, edgeDocument.targetHealth, edgeDocument.targetGroup, value),
      },
    });
  }

  /** Resolves when it serves the last known configuration, where there is one; the store is followed from then on. */
  async start(): Promise<void> {
    const saved = await this.#lastKnown.read();
    if (saved) {
      for (const document of saved.documents) this.#feed.documents.set(nameOf(document.key), document);
      for (const [value, text] of saved.secrets) this.#revealed.secrets.set(value, text);
      const keys = saved.documents.map(({ key }) => key);
      await this.#options.changed(this.#feed.documents, keys);
      await this.#apply();
    }
    this.#feed.start();
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry);
    await this.#feed.close();
    await this.edge.close(this.#options.drainMs);
    await this.#reports.close();
  }

  /** Whether the store has answered since it was lost, or for the first time. */
  get inStep(): boolean {
    return this.#feed.reached;
  }

  async #changed(keys: readonly DocumentKey[]): Promise<void> {
    const { documents } = this.#feed;
    const complete = await this.#revealed.reveal(documents.values());
    await this.#options.changed(documents, keys);
    await this.#apply();
    if (!complete) this.#tryAgain();
    await this.#save();
  }

  #apply(): Promise<void> {
    const documents = this.#revealed.documents(this.#feed.documents.values());
    this.#secrets = documents.secrets;
    return this.edge.apply(documents);
  }

  /** A revealed secret by what it is bound to. */
  secretOf(bound: string): string | undefined {
    return this.#secrets.get(bound);
  }

  /** The key holder was sealed or away. */
  #tryAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      void this.#changed([]).catch((error: unknown) => this.#options.log.warn({ err: error }, "not revealed"));
    }, retryMs);
    this.#retry.unref();
  }

  /** A disk that is full must not stop what is served. */
  async #save(): Promise<void> {
    try {
      await this.#lastKnown.write(this.#feed.documents.values(), this.#revealed.secrets);
    } catch (error) {
      this.#options.log.error({ err: error }, "the configuration cannot be written down; a restart needs the api role");
    }
  }

  #report({ account, region, value: id }: Placed<string>, type: string, subject: string, value: unknown): void {
    const place = { account, region, service: edgeService, id };
    this.#reports.put({ key: { ...place, type }, subject: { ...place, type: subject }, value });
  }
}

/** Resolves as soon as `work` does; it is tried again until then, or until the signal. */
export async function untilDone<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      onFailure(error);
      await delay(retryMs / 4, undefined, { signal });
    }
  }
}
