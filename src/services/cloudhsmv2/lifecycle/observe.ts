/** How the HSMs of a cluster are, as its document tells it, and what the time of day asks for. */
import type { ClusterStatus } from "../../../hsm/contract.ts";
import type { ClusterDocument, HsmDocument } from "../state.ts";
import { backUp, backupEveryMs } from "./backup.ts";
import { type Parts, settled, update } from "./parts.ts";
import { statusOrSilence } from "../silence.ts";
import { activate } from "./steps.ts";

const serving: ReadonlySet<string> = new Set(["ACTIVE", "DEGRADED"]);

/** Looks once. What is seen has to be seen twice in a row before it is told: a process that is started again is no fault. */
export class Observer {
  /** HSMs that did not answer at the last look. */
  readonly #suspected = new Set<string>();

  async look(parts: Parts, cluster: ClusterDocument): Promise<void> {
    if (cluster.hsms.length === 0) return this.#tell(parts, cluster, undefined);
    const status = await statusOrSilence(parts.plane, cluster.id);
    if (cluster.state === "INITIALIZED" && status?.state === "active") return activate(parts, cluster);
    await this.#tell(parts, cluster, status);
    const last = cluster.lastBackupAt ?? cluster.createdAt;
    const alive = status?.hsms.some((hsm) => hsm.alive && hsm.inStep) ?? false;
    if (serving.has(cluster.state) && alive && parts.ctx.clock.now() - last >= backupEveryMs) {
      await backUp(parts, cluster);
    }
  }

  async #tell(parts: Parts, cluster: ClusterDocument, status: ClusterStatus | undefined): Promise<void> {
    const seen = new Map(cluster.hsms.map((hsm) => [hsm.id, this.#seen(hsm, status)]));
    const now = parts.ctx.clock.now();
    const next = (fresh: ClusterDocument): ClusterDocument => expired(judged(fresh, seen, now), now);
    if (JSON.stringify(next(cluster)) === JSON.stringify(cluster)) return;
    await update(parts, cluster, (fresh) => {
      const told = next(fresh);
      return JSON.stringify(told) === JSON.stringify(fresh) ? undefined : told;
    });
  }

  /** Why it does not serve; `undefined` when it does, or has failed once only. */
  #seen(hsm: HsmDocument, status: ClusterStatus | undefined): string | undefined {
    const found = status?.hsms.find(({ hsmId }) => hsmId === hsm.id);
    const trouble = !found
      ? "The HSM does not answer."
      : !found.alive
        ? "The HSM's process does not run; it is being started again."
        : found.inStep
          ? undefined
          : "The HSM is catching up with its cluster.";
    if (trouble === undefined) {
      this.#suspected.delete(hsm.id);
      return undefined;
    }
    if (hsm.state === "DEGRADED" || this.#suspected.has(hsm.id)) return trouble;
    this.#suspected.add(hsm.id);
    return undefined;
  }
}

/** A cluster serves as long as one of its HSMs does. */
function judged(cluster: ClusterDocument, seen: ReadonlyMap<string, string | undefined>, now: number): ClusterDocument {
  const hsms = cluster.hsms.map((hsm): HsmDocument => {
    if (!serving.has(hsm.state)) return hsm;
    const trouble = seen.get(hsm.id);
    if (trouble !== undefined)
      return { ...hsm, state: "DEGRADED", since: hsm.state === "DEGRADED" ? hsm.since : now, message: trouble };
    return hsm.state === "ACTIVE" ? hsm : { ...settled(hsm), state: "ACTIVE", since: now };
  });
  if (!serving.has(cluster.state)) return { ...cluster, hsms };
  const down = hsms.length > 0 && !hsms.some(({ state }) => state === "ACTIVE" || state === "CREATE_IN_PROGRESS");
  if (down) return { ...cluster, hsms, state: "DEGRADED", message: "No HSM of the cluster serves." };
  return cluster.state === "DEGRADED"
    ? settled<ClusterDocument>({ ...cluster, hsms, state: "ACTIVE" })
    : { ...cluster, hsms };
}

/** After a day there is nothing to go back to. */
function expired(cluster: ClusterDocument, now: number): ClusterDocument {
  if (!cluster.rollback || cluster.rollback.until > now) return cluster;
  const { rollback: _over, ...rest } = cluster;
  return rest;
}
