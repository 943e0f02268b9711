/** The writer process of the crash tests, and what it has acknowledged. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { Store } from "#store/contract.ts";

export const writerPath = join(import.meta.dirname, "store-writer.ts");

export class Writer {
  readonly acknowledged = new Set<string>();
  /** Lines of refused or unknown commits. */
  readonly failures: string[] = [];
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  errors = "";

  constructor(url: string, first: number, writers = 16) {
    this.#child = spawn(process.execPath, [writerPath, url, String(first), String(writers)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let rest = "";
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("!")) this.failures.push(line);
        else this.acknowledged.add(line);
      }
      for (const check of this.#watchers) check();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.#child.once("exit", () => {
      for (const check of this.#watchers) check();
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when the condition holds; rejects when the writer ends before. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const done = condition();
        if (!done && this.#child.exitCode === null) return;
        this.#watchers.delete(check);
        if (done) resolve();
        else reject(new Error(`the writer has ended: ${this.errors}`));
      };
      this.#watchers.add(check);
      check();
    });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await closed;
  }
}

/** Ids that were acknowledged and are not there, by document, by index or in the outbox. */
export async function findLost(store: Store, acknowledged: Iterable<string>): Promise<string[]> {
  const scope = { account: "111122223333", region: "us-east-1", service: "crash", type: "document" };
  const lost = new Set(acknowledged);
  const indexed = new Set<string>();
  for (let after: string | undefined; ;) {
    const page = await store.list<{ id: string }>({ ...scope, limit: 1000, ...(after === undefined ? {} : { after }) });
    for (const item of page.items) if (item.value.id === item.key.id) lost.delete(item.key.id);
    if (page.next === undefined) break;
    after = page.next;
  }
  for (let after: string | undefined; ;) {
    const page = await store.find({ ...scope, index: "same", limit: 1000, ...(after === undefined ? {} : { after }) });
    for (const item of page.items) indexed.add(item.key.id);
    if (page.next === undefined) break;
    after = page.next;
  }
  const queued = new Set((await store.outbox(1_000_000)).map((entry) => entry.id));
  for (const id of acknowledged) if (!indexed.has(id) || !queued.has(id)) lost.add(id);
  return [...lost];
}
