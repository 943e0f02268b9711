/**
 * A runtime for tests that go through the whole of the gateway (policy engine, commit, audit) without an identity service:
 * who has which policy is what the test says.
 */
import type { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { optInRegions } from "#kernel/regions.ts";
import type { BlobStore } from "#blob/contract.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { loadModel } from "#model/load.ts";
import type { JobContext } from "./context.ts";
import type { IdentitySource } from "./identity.ts";
import type { Runtime } from "./runtime.ts";
import type { Service } from "./service.ts";
import { missing, testConfig, type MemoryStore } from "./testing.ts";

export interface TestWorld {
  services: readonly Service[];
  store: MemoryStore;
  keys: KeyHolder;
  blobs?: BlobStore;
  clock: ManualClock;
  /** ARN of a user, root or role → its identity policy. */
  policies: ReadonlyMap<string, string>;
}

/** One for all calls of a test: compiled policies are kept with it. */
export function testRuntime({ services, store, keys, blobs, clock, policies }: TestWorld): Runtime {
  return {
    services: new Map(services.map((each) => [each.id, each])),
    model: loadModel,
    store,
    blobs: blobs ?? missing("blobs"),
    keys,
    identity: {
      credential: async () => undefined,
      policies: async (principal) => {
        const arn = principal.kind === "role" ? principal.roleArn : "arn" in principal ? principal.arn : "";
        const document = policies.get(arn);
        return { identity: document === undefined ? [] : [{ name: "test", document }] };
      },
      resourceControl: async () => undefined,
      organization: async () => undefined,
      touched: () => undefined,
      accountStatus: async () => "ACTIVE",
      principalId: async () => "elsewhere",
      regionEnabled: async (_account, region) => !optInRegions.has(region),
      // Calls of a service need no more of an identity service than this.
    } satisfies Partial<IdentitySource> as unknown as IdentitySource,
    clock,
    wallClock: clock,
    random: systemRandom,
    log: silentLogger,
    config: testConfig,
    metrics: { served: () => undefined },
  };
}

/** For jobs that call no other service. */
export function testJobContext({ store, keys, blobs, clock }: Omit<TestWorld, "services" | "policies">): JobContext {
  return {
    clock,
    random: systemRandom,
    log: silentLogger,
    store,
    blobs: blobs ?? missing("blobs"),
    keys,
    config: testConfig,
    asService: () => missing("clients"),
    asRole: () => missing("clients"),
    organization: async () => undefined,
    signal: new AbortController().signal,
  };
}

/** Audit records so far, newest last. */
// oxlint-disable-next-line typescript/no-explicit-any
export function auditRecords(store: MemoryStore): Record<string, any>[] {
  return (
    store.outboxEntries
      .filter(({ stream }) => stream === "audit")
      // oxlint-disable-next-line typescript/no-explicit-any
      .map(({ event }) => event as Record<string, any>)
  );
}
