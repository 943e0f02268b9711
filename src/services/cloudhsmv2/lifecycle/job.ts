/**
 * Looks after every cluster of every account: takes what is under way a step on, and sees how the HSMs are.
 *
 * INVARIANT: an HSM that keeps a step waiting holds up its own cluster alone; a cluster is looked at by one call at a time.
 */
import { pause } from "#kernel/pause.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import type { Document } from "#store/contract.ts";
import { HsmError, type HsmPlane } from "../../../hsm/contract.ts";
import { arnOf } from "../ids.ts";
import { type ClusterDocument, serviceId, types, workIndex } from "../state.ts";
import { Observer } from "./observe.ts";
import { type Parts, update } from "./parts.ts";
import { step } from "./steps.ts";

const everyMs = 1_000;

/** Milliseconds. */
export interface Pace {
  /** How often a cluster is looked at with which nothing is under way; one that waits for its activation at each turn. */
  observeEveryMs: number;
  /** After a failure, doubled with each further one. */
  pauseMs: number;
  /** How long one turn of the job waits for the clusters that it has begun with. */
  patienceMs: number;
}

export const usualPace: Pace = { observeEveryMs: 3_000, pauseMs: 1_000, patienceMs: 2_000 };
const longestPauseMs = 30_000;

interface Turn {
  /** By the monotonic clock of this process: the installation's can be moved. */
  nextAt: number;
  failures: number;
  observer: Observer;
  /** A look that has not come to its end. */
  looking?: Promise<void>;
}

export function lifecycleJob(plane: HsmPlane, pace: Pace): Job {
  const turns = new Map<string, Turn>();
  return {
    name: "lifecycle",
    everyMs,
    async run(ctx) {
      const clusters = await clustersAtWork(ctx);
      const known = new Set(clusters.map(({ value }) => arnOf(value, value.id)));
      for (const arn of turns.keys()) if (!known.has(arn)) turns.delete(arn);
      const looks = clusters.map(({ value }) => begun({ ctx, plane }, value, pace, turns));
      await atMost(pace.patienceMs, Promise.all(looks), ctx.signal);
    },
  };
}

/** The look that is under way, or a new one. */
function begun(parts: Parts, cluster: ClusterDocument, pace: Pace, turns: Map<string, Turn>): Promise<void> {
  const arn = arnOf(cluster, cluster.id);
  const turn: Turn = turns.get(arn) ?? { nextAt: 0, failures: 0, observer: new Observer() };
  turns.set(arn, turn);
  turn.looking ??= look(parts, cluster, pace, turn).finally(() => delete turn.looking);
  return turn.looking;
}

async function atMost(milliseconds: number, work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const waiting = pause(milliseconds, AbortSignal.any([signal, over.signal]));
  await Promise.race([work.finally(() => over.abort()), waiting]);
}

async function clustersAtWork({ store }: JobContext): Promise<Document<ClusterDocument>[]> {
  const clusters: Document<ClusterDocument>[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.find<ClusterDocument>({
      service: serviceId,
      type: types.cluster,
      index: workIndex,
      value: "1",
      limit: 1_000,
      ...(after === undefined ? {} : { after }),
    });
    clusters.push(...page.items);
    if (page.next === undefined) return clusters;
    after = page.next;
  }
}

/** Never rejects. */
async function look(parts: Parts, cluster: ClusterDocument, pace: Pace, turn: Turn): Promise<void> {
  const now = performance.now();
  try {
    const busy = cluster.hsms.some(({ state }) => state.endsWith("_IN_PROGRESS")) || isUnderWay(cluster);
    if (turn.nextAt > now && (turn.failures > 0 || !busy)) return;
    if (!(await step(parts, cluster))) {
      await turn.observer.look(parts, cluster);
      turn.nextAt = now + (cluster.state === "INITIALIZED" ? 0 : pace.observeEveryMs);
    }
    turn.failures = 0;
  } catch (error) {
    turn.failures++;
    turn.nextAt = performance.now() + Math.min(pace.pauseMs * 2 ** (turn.failures - 1), longestPauseMs);
    await tellFailure(parts, cluster, error);
  }
}

const isUnderWay = ({ state }: ClusterDocument): boolean => state.endsWith("_IN_PROGRESS");

/** Whoever waits for the end of a step sees why it does not come. */
async function tellFailure(parts: Parts, cluster: ClusterDocument, error: unknown): Promise<void> {
  if (parts.ctx.signal.aborted) return;
  parts.ctx.log.warn({ err: error, cluster: cluster.id }, "a step of a cluster failed; it is tried again");
  const message = error instanceof HsmError ? error.message.slice(0, 300) : "Internal failure; it is tried again.";
  await update(parts, cluster, (now) => {
    const hsms = now.hsms.map((hsm) => (hsm.state.endsWith("_IN_PROGRESS") ? { ...hsm, message } : hsm));
    const told = { ...now, hsms, ...(isUnderWay(now) ? { message } : {}) };
    return JSON.stringify(told) === JSON.stringify(now) ? undefined : told;
  }).catch((failure: unknown) => parts.ctx.log.warn({ err: failure, cluster: cluster.id }, "cannot tell of it"));
}
