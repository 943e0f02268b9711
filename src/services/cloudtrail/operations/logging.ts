/** StartLogging and StopLogging. Source: CloudTrail API Reference. */
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";
import { putTrail, requireTrail, trailScope, type TrailStatus } from "../state.ts";

export async function startLogging(input: Input<"StartLogging">, ctx: CallContext): Promise<Output<"StartLogging">> {
  await setLogging(ctx, input.Name!, true);
  return {};
}

export async function stopLogging(input: Input<"StopLogging">, ctx: CallContext): Promise<Output<"StopLogging">> {
  await setLogging(ctx, input.Name!, false);
  return {};
}

async function setLogging(ctx: CallContext, name: string, logging: boolean): Promise<void> {
  const trail = await requireTrail(ctx, name);
  if (trail.logging === logging) return;
  const at = trailScope(trail);
  const status = (await ctx.state.get<TrailStatus>("status", trail.name, at))?.value ?? {};
  putTrail(ctx, { ...trail, logging });
  const changed: TrailStatus = logging ? { ...status, startedAt: ctx.now } : { ...status, stoppedAt: ctx.now };
  ctx.state.put("status", trail.name, changed, { at });
}
