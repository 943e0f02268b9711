/** What an installation writes down, so that "nothing was done" can be said of a refused call. */
import { join } from "node:path";
import { connectIpc } from "#ipc/client.ts";
import type { Change } from "#store/contract.ts";
import { IpcStore, storeErrors } from "#store/ipc.ts";
import { callErrors } from "../../src/roles/internalCalls.ts";
import { eventually, type Instance } from "../instance.ts";

/** What services write while nobody changes anything: observations, and work that goes on by itself. */
const observations = new Set([
  "gateway/denial",
  "iam/lastUsed",
  "iam/usage",
  "kms/usage",
  "ledger/requests",
  "cloudtrail/event",
  "cloudtrail/historyTail",
  "cloudtrail/historySegment",
  "cloudtrail/historyData",
  "cloudtrail/pending",
  "cloudtrail/batch",
  "cloudtrail/status",
  "cloudtrail/delivered",
  // A refused attempt may be a finding.
  "guardduty/finding",
  "guardduty/progress",
  // What the edge sees of its listeners and targets.
  "edge/status",
  "edge/target-health",
]);

/**
 * Notes where the change feed stands. The function that it gives names what has been written since then:
 * `service/type/account/region/id`.
 */
export async function writesFrom(instance: Instance): Promise<() => Promise<string[]>> {
  const start = await withStore(instance, (store) => store.lastChange());
  return async () => {
    const found = await withStore(instance, async (store) => {
      const changes: Change[] = [];
      for (let after = start; ;) {
        const next = await store.changes(after, 500);
        if (next.length === 0) return changes;
        changes.push(...next);
        after = next.at(-1)!.sequence;
      }
    });
    const names = found
      .filter(({ key }) => !observations.has(`${key.service}/${key.type}`))
      .map(({ key }) => [key.service, key.type, key.account, key.region, key.id].join("/"));
    return [...new Set(names)].toSorted();
  };
}

const quietMs = 1_000;

/** Work that setting up has set going is done: nothing is written for a while. */
export async function settled(instance: Instance): Promise<void> {
  await eventually(async () => {
    const writes = await writesFrom(instance);
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    return (await writes()).length === 0;
  });
}

async function withStore<T>(instance: Instance, work: (store: IpcStore) => Promise<T>): Promise<T> {
  const client = connectIpc(join(instance.dataDir, "run/internal.sock"), { errors: [...storeErrors, ...callErrors] });
  try {
    return await work(new IpcStore(client));
  } finally {
    await client.close();
  }
}
