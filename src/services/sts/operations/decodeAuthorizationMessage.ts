/** DecodeAuthorizationMessage. Source: STS API Reference; only messages of the caller's own account can be read. */
import { decodeDenial } from "#gateway/encodedDenial.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";

export async function decodeAuthorizationMessage(
  input: Input<"DecodeAuthorizationMessage">,
  ctx: CallContext,
): Promise<Output<"DecodeAuthorizationMessage">> {
  return { DecodedMessage: await decodeDenial(ctx.keys, ctx.account, input.EncodedMessage!) };
}
