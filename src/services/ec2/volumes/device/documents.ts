/** The documents of EBS as the volumes role changes them: each change on what is there now, with its events in one batch. */
import { pause } from "#kernel/pause.ts";
import { Conflict, type Document, type DocumentKey, type Operation, type Store } from "#store/contract.ts";
import { eventsStream } from "../events.ts";

export interface Changed<T> {
  /** `undefined`: the document goes. */
  value: T | undefined;
  events?: readonly { id: string; account: string }[];
}

const attempts = 20;

export class Documents {
  readonly #store: Store;
  readonly #signal: AbortSignal;

  constructor(store: Store, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
  }

  async get<T>(key: DocumentKey): Promise<T | undefined> {
    return (await this.#store.get<T>(key))?.value;
  }

  /** What is there afterwards; `undefined` when there is no such document. `decide` leaves it by giving nothing. */
  async change<T>(key: DocumentKey, decide: (value: T) => Changed<T> | undefined): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.#store.get<T>(key);
      if (!found) return undefined;
      const changed = decide(found.value);
      if (!changed) return found.value;
      try {
        await this.#store.commit(batchOf(found, changed));
        return changed.value;
      } catch (error) {
        if (!(error instanceof Conflict) || attempt === attempts) throw error;
        await pause(attempt, this.#signal);
      }
    }
  }
}

function batchOf<T>({ key, version }: Document<T>, { value, events = [] }: Changed<T>): Operation[] {
  const ifVersion = version;
  return [
    value === undefined ? { op: "delete", key, ifVersion } : { op: "put", key, value, ifVersion },
    ...events.map((event): Operation => ({
      op: "append",
      stream: eventsStream,
      key: event.account,
      id: event.id,
      event,
    })),
  ];
}
