/** Block Public Access of an account; S3 holds every bucket of the account to it. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { In, Out } from "./sdk.ts";
import { ofAccount, publicAccessBlock, requireAccount, type PublicAccessBlock } from "./state.ts";

const type = "accountPublicAccessBlock";
const id = "configuration";

export async function putPublicAccessBlock(
  input: In<"PutPublicAccessBlock">,
  ctx: CallContext,
): Promise<Out<"PutPublicAccessBlock">> {
  const account = requireAccount(ctx, input.AccountId);
  const block = publicAccessBlock(input.PublicAccessBlockConfiguration ?? {});
  ctx.state.put(type, id, block, { at: ofAccount(account) });
  return {};
}

export async function getPublicAccessBlock(
  input: In<"GetPublicAccessBlock">,
  ctx: CallContext,
): Promise<Out<"GetPublicAccessBlock">> {
  const account = requireAccount(ctx, input.AccountId);
  const found = await ctx.state.get<PublicAccessBlock>(type, id, ofAccount(account));
  if (found) return { PublicAccessBlockConfiguration: found.value };
  throw new AwsError(
    "NoSuchPublicAccessBlockConfiguration",
    "The public access block configuration was not found",
    404,
    { fields: { AccountId: account } },
  );
}

export async function deletePublicAccessBlock(
  input: In<"DeletePublicAccessBlock">,
  ctx: CallContext,
): Promise<Out<"DeletePublicAccessBlock">> {
  ctx.state.delete(type, id, { version: "any", at: ofAccount(requireAccount(ctx, input.AccountId)) });
  return {};
}
