import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AdjustableClock } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import type { JobContext } from "#gateway/context.ts";
import { MemoryStore } from "#gateway/testing.ts";
import type { Lease } from "#store/contract.ts";
import { runJobs } from "./jobRunner.ts";

/** Leases as the engines keep them; counts what is written. */
class LeasingStore extends MemoryStore {
  readonly held = new Map<string, Lease>();
  readonly clock: AdjustableClock;
  written = 0;

  constructor(clock: AdjustableClock) {
    super(() => clock.now());
    this.clock = clock;
  }

  override async lease(name: string, owner: string, ttlMs: number): Promise<Lease> {
    const now = this.clock.now();
    const current = this.held.get(name);
    if (current && current.owner !== owner && current.expiresAt > now) return undefined as unknown as Lease;
    this.written++;
    const lease = { name, owner, fencingToken: this.written, expiresAt: now + ttlMs };
    this.held.set(name, lease);
    return lease;
  }

  override async releaseLease(lease?: Lease): Promise<void> {
    if (lease) this.held.delete(lease.name);
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("the job runner", () => {
  const clock = new AdjustableClock();
  const context = (store: LeasingStore) => ({ store, clock, log: silentLogger }) as unknown as JobContext;
  const job = (run: () => Promise<void>) => [{ service: "s", job: { name: "j", everyMs: 5, run } }];

  test("runs a job again and again under one lease, and gives it back", async () => {
    const store = new LeasingStore(clock);
    let runs = 0;
    const runner = runJobs(
      job(async () => void runs++),
      context(store),
      "a",
    );
    await until(() => runs >= 5);
    assert.equal(store.written, 1);
    await runner.stop();
    assert.equal(store.held.size, 0);
  });

  test("leaves a job to the process that holds it, and takes over when its lease has run out", async () => {
    const store = new LeasingStore(clock);
    await store.lease("job/s/j", "another", 30_000);
    let runs = 0;
    const runner = runJobs(
      job(async () => void runs++),
      context(store),
      "a",
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(runs, 0);
    clock.advance(30_000);
    await until(() => runs > 0);
    await runner.stop();
  });

  test("a moved clock ends the lease: it is taken anew before the next run", async () => {
    const store = new LeasingStore(clock);
    let runs = 0;
    const runner = runJobs(
      job(async () => void runs++),
      context(store),
      "a",
    );
    await until(() => runs > 0);
    clock.advance(3600_000);
    const before = runs;
    await until(() => runs > before + 1);
    assert.equal(store.written, 2);
    await runner.stop();
  });

  test("a job that fails runs again at its next turn", async () => {
    const store = new LeasingStore(clock);
    let runs = 0;
    const failing = job(async () => {
      runs++;
      throw new Error("once more");
    });
    const runner = runJobs(failing, context(store), "a");
    await until(() => runs >= 3);
    await runner.stop();
  });
});
