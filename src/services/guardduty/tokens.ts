/** "The idempotency token for the create request": a request that is sent again gets the first answer. */
import type { CallContext } from "#gateway/context.ts";
import { types } from "./state.ts";

const keptMs = 24 * 3_600_000;

interface Used {
  result: string;
}

/** @param create stages what is created and gives its id */
export async function idempotent(
  ctx: CallContext,
  token: string | undefined,
  create: () => Promise<string>,
): Promise<string> {
  if (token === undefined || token === "") return await create();
  const id = `${ctx.operation}/${token}`;
  const used = await ctx.state.get<Used>(types.token, id);
  if (used) return used.value.result;
  const result = await create();
  ctx.state.put<Used>(types.token, id, { result }, { expiresAt: ctx.now + keptMs });
  return result;
}
