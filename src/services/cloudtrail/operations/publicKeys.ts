/** ListPublicKeys. Source: CloudTrail API Reference: keys whose validity overlaps the time range, the present when none is given. */
import type { CallContext } from "#gateway/context.ts";
import { invalidTimeRange, reservedToken } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { signingScope, type SigningKey } from "../state.ts";

export async function listPublicKeys(
  input: Input<"ListPublicKeys">,
  ctx: CallContext,
): Promise<Output<"ListPublicKeys">> {
  if (input.NextToken !== undefined) throw reservedToken();
  const until = input.EndTime?.getTime() ?? ctx.now;
  const from = input.StartTime?.getTime() ?? until;
  if (from > until) throw invalidTimeRange("The start time is after the end time.");
  const { items } = await ctx.state.list<SigningKey>("signingKey", { limit: 1000 }, signingScope(ctx.region));
  const listed = items.map(({ value }) => value).filter((key) => key.from <= until && from < key.until);
  return {
    PublicKeyList: listed.map((key) => ({
      Value: Buffer.from(key.publicKey, "base64"),
      ValidityStartTime: new Date(key.from),
      ValidityEndTime: new Date(key.until),
      Fingerprint: key.fingerprint,
    })),
  };
}
