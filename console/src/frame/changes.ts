/** Hears which services of the account have changed, and tells the pages that show them. */
import { post, SessionError } from "../session.ts";

interface Answer {
  sequence: number;
  services: string[];
}

type Listener = () => void;

/** After a failure. */
const pauseMs = 3000;

export class Changes {
  readonly #listeners = new Map<string, Set<Listener>>();
  #running = false;
  #stopped = false;
  #sequence: number | undefined;

  subscribe(services: readonly string[], listener: Listener): () => void {
    for (const service of services) {
      const known = this.#listeners.get(service) ?? new Set();
      this.#listeners.set(service, known.add(listener));
    }
    void this.#run();
    return () => {
      for (const service of services) this.#listeners.get(service)?.delete(listener);
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  get #wanted(): string[] {
    return [...this.#listeners].filter(([, listeners]) => listeners.size > 0).map(([service]) => service);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (!this.#stopped && this.#wanted.length > 0) {
      await visible();
      try {
        const after = this.#sequence === undefined ? {} : { after: this.#sequence };
        const answer = await post<Answer>("changes", { services: this.#wanted, ...after });
        this.#sequence = answer.sequence;
        const due = new Set(answer.services.flatMap((service) => [...(this.#listeners.get(service) ?? [])]));
        for (const listener of due) listener();
      } catch (error) {
        if (error instanceof SessionError && error.status === 401) break;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    this.#running = false;
  }
}

/** Nobody looks at a hidden page. */
function visible(): Promise<void> {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });
}
