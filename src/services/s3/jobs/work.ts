/** A unit of work of a job: the same state as a call's, committed by the job itself. */
import type { JobContext } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { Conflict } from "#store/contract.ts";
import type { Bucket, Work } from "../state.ts";
import { within } from "../state.ts";

/** Runs `decide` on fresh state and commits what it staged; again when somebody else was faster. */
export async function inBatch(ctx: JobContext, bucket: Bucket, decide: (work: Work) => Promise<void>): Promise<void> {
  const scope = { account: bucket.owner, region: bucket.region, ...within(bucket), service: "s3" };
  for (let attempt = 1; ; attempt++) {
    const state = new UnitOfWork(ctx.store, scope, () => ctx.random.uuid());
    await decide({ state, now: ctx.clock.now(), random: ctx.random });
    if (state.operations.length === 0) return;
    try {
      await ctx.store.commit(state.operations);
      return;
    } catch (error) {
      if (!(error instanceof Conflict) || attempt === 10) throw error;
    }
  }
}
