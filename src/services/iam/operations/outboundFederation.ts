/**
 * Outbound identity federation: whether principals of the account may get tokens for the outside, and by whose name.
 * Source: IAM API Reference, EnableOutboundWebIdentityFederation and its relatives.
 */
import type { CallContext } from "#gateway/context.ts";
import { issuerUrl } from "#gateway/tokenIssuers.ts";
import { AwsError } from "#kernel/errors.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type IamState, type TokenIssuer } from "../state.ts";

const name = "tokenIssuer";
const addressOf = (ctx: CallContext, { id }: TokenIssuer) => issuerUrl(ctx.config.endpoint, id);

const disabled = () =>
  new AwsError(
    "FeatureDisabled",
    "The request failed because outbound identity federation is already disabled for your AWS account.",
    404,
  );

const put = (state: IamState, issuer: TokenIssuer) => state.put(name, name, issuer, { indexes: { issuer: issuer.id } });

export const outboundFederation = {
  async EnableOutboundWebIdentityFederation(_input, ctx) {
    const state = iamState(ctx);
    const known = await state.get(name, name);
    if (known?.enabled) {
      throw new AwsError(
        "FeatureEnabled",
        "The request failed because outbound identity federation is already enabled for your AWS account.",
        409,
      );
    }
    const issuer = { id: known?.id ?? ctx.random.uuid(), enabled: true };
    put(state, issuer);
    return { IssuerIdentifier: addressOf(ctx, issuer) };
  },

  async DisableOutboundWebIdentityFederation(_input, ctx) {
    const state = iamState(ctx);
    const issuer = await state.get(name, name);
    if (!issuer?.enabled) throw disabled();
    put(state, { ...issuer, enabled: false });
    return {};
  },

  async GetOutboundWebIdentityFederationInfo(_input, ctx) {
    const issuer = await iamState(ctx).get(name, name);
    if (!issuer?.enabled) throw disabled();
    return { IssuerIdentifier: addressOf(ctx, issuer), JwtVendingEnabled: true };
  },
} satisfies IamHandlers;
