/**
 * A small world for this service's tests: the gateway's real pipeline behind the wire (authorization by the policy
 * engine, commit, audit), a real key holder, the store in memory, and people whose policies a test sets.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock, systemClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { execute } from "#gateway/execute.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Principal } from "#gateway/principal.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { MemoryStore } from "#gateway/testing.ts";
import { auditRecords, testJobContext, testRuntime } from "#gateway/testingRuntime.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Service } from "#gateway/service.ts";
import type { XksSettings } from "#keys/stores/xksTransport.ts";
import { startKeyHolder } from "#keys/client.ts";
import { loadModel } from "#model/load.ts";
import { kmsService } from "./index.ts";
import type { KeyStorePlane } from "./keyStores/hsmSessions.ts";

export const account = "111122223333";
export const otherAccount = "444455556666";
export const region = "ap-northeast-2";

export function user(name: string, inAccount = account): Principal & { kind: "user"; arn: string } {
  return {
    kind: "user",
    account: inAccount,
    arn: `arn:aws:iam::${inAccount}:user/${name}`,
    id: `AIDA${name.toUpperCase()}`,
    userName: name,
  };
}

/** May do everything in its account that resources do not refuse. */
export const admin = user("admin");
export const root: Principal = { kind: "root", account, arn: `arn:aws:iam::${account}:root`, id: account };

const everything = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

export interface CallOptions {
  as?: Principal;
  region?: string;
  calledVia?: readonly string[];
}

/** CloudHSM, as far as a test has it: the plane, and the service that tells of clusters. */
export interface Hsm {
  plane: KeyStorePlane;
  service: Service;
}

export class World {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore(() => this.clock.now());
  /** Identity policy by ARN; the admins of both accounts have everything. */
  readonly policies = new Map<string, string>([
    [admin.arn, everything],
    [user("admin", otherAccount).arn, everything],
  ]);
  /** What jobs are given; a test may put another in place. */
  keys: KeyHolder;
  readonly dataDir: string;
  /** One for all calls: compiled policies are kept with it. */
  readonly runtime: Runtime;
  readonly #service: Service;
  readonly #others: readonly Service[];

  private constructor(keys: KeyHolder, dataDir: string, xks: Partial<XksSettings>, hsm: Hsm | undefined) {
    this.keys = keys;
    this.dataDir = dataDir;
    this.#service = kmsService({ hosts: new Map(), timeoutMs: 250, clock: systemClock, ...xks }, hsm?.plane);
    this.#others = hsm ? [hsm.service] : [];
    this.runtime = testRuntime({
      services: [this.#service, ...this.#others],
      store: this.store,
      keys,
      clock: this.clock,
      policies: this.policies,
    });
  }

  static async open(xks: Partial<XksSettings> = {}, hsm?: Hsm): Promise<World> {
    const dataDir = await mkdtemp(join(tmpdir(), "jikimi-kms-"));
    const keys = await startKeyHolder({ dataDir, seal: { kind: "development" }, logger: silentLogger });
    return new World(keys, dataDir, xks, hsm);
  }

  /** Another one with the same key holder, which `other` closes. */
  static beside(other: World, hsm?: Hsm): World {
    return new World(other.keys, other.dataDir, {}, hsm);
  }

  async close(): Promise<void> {
    await this.keys.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  allow(who: { arn: string }, ...statements: object[]): void {
    this.policies.set(who.arn, JSON.stringify({ Version: "2012-10-17", Statement: statements }));
  }

  async call(operation: string, input: Record<string, unknown> = {}, options: CallOptions = {}): Promise<any> {
    const principal = options.as ?? admin;
    return execute(this.runtime, {
      service: loadModel("kms"),
      operation,
      input,
      principal,
      account: "account" in principal ? principal.account : account,
      region: options.region ?? region,
      requestId: systemRandom.uuid(),
      source: {
        ip: "127.0.0.1",
        userAgent: "test",
        host: "127.0.0.1:4566",
        scheme: "http",
        headers: {},
        calledVia: options.calledVia ?? [],
      },
      signal: new AbortController().signal,
    });
  }

  /** Runs a job as the job runner does. */
  async run(name: string): Promise<void> {
    const job = this.#service.jobs.find((each) => each.name === name)!;
    await job.run(this.#jobContext());
  }

  #jobContext(): JobContext {
    return testJobContext({ store: this.store, keys: this.keys, clock: this.clock });
  }

  /** Lets a reactor follow the audit trail so far, as the reactor runner does. */
  async follow(name: string): Promise<void> {
    const reactor = this.#service.reactors.find((each) => each.name === name)!;
    const events = this.store.outboxEntries.filter(({ stream }) => stream === reactor.stream);
    const stored = events.map((entry, offset) => ({ ...entry, partition: 0, offset, time: this.clock.now() }));
    await reactor.handle(stored as unknown as Parameters<typeof reactor.handle>[0], this.#jobContext());
  }

  /** Audit records so far, newest last. */
  records(): Record<string, any>[] {
    return auditRecords(this.store);
  }
}
