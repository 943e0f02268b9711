/**
 * GetSessionToken and GetFederationToken: temporary credentials for users, by their own long-term keys.
 * Source: STS API Reference; IAM User Guide, "Compare AWS STS credentials".
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { SessionContext } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { passedPolicies } from "../sessionPolicies.ts";
import { sessionTags, tagContext } from "../sessionTags.ts";
import type { Input, Output } from "../sdk.ts";
import { issueSession } from "../state.ts";
import { proveMfa } from "./assumeRole.ts";

const defaultDuration = 43_200;
const longestForRoot = 3600;

export async function getSessionToken(
  input: Input<"GetSessionToken">,
  ctx: CallContext,
): Promise<Output<"GetSessionToken">> {
  const principal = longTerm(ctx, "GetSessionToken");
  const mfaProved = await proveMfa(ctx, input.SerialNumber, input.TokenCode);
  const session: SessionContext = {
    createdAt: ctx.now,
    expiresAt: ctx.now + 1000 * seconds(principal.kind, input.DurationSeconds),
    mfaAuthenticated: mfaProved,
    ...(mfaProved ? { mfaAt: ctx.now } : {}),
  };
  return { Credentials: await issueSession(ctx, principal, session, undefined) };
}

export function getFederationTokenAccess(input: Input<"GetFederationToken">, ctx: CallContext): Access[] {
  const resource = `arn:${ctx.partition}:sts::${ctx.account}:federated-user/${input.Name}`;
  const context = tagContext(sessionTags(input.Tags, undefined, undefined), input.Tags);
  return [
    { action: "sts:GetFederationToken", resource, context },
    ...(input.Tags && input.Tags.length > 0 ? [{ action: "sts:TagSession", resource, context }] : []),
  ];
}

export async function getFederationToken(
  input: Input<"GetFederationToken">,
  ctx: CallContext,
): Promise<Output<"GetFederationToken">> {
  const principal = longTerm(ctx, "GetFederationToken");
  const { tags } = sessionTags(input.Tags, undefined, undefined);
  const { policies, packedPolicySize } = await passedPolicies(ctx, ctx.account, input.Policy, input.PolicyArns, tags);
  const session: SessionContext = {
    createdAt: ctx.now,
    expiresAt: ctx.now + 1000 * seconds(principal.kind, input.DurationSeconds),
    mfaAuthenticated: false,
    ...(Object.keys(tags).length > 0 ? { tags } : {}),
  };
  const arn = `arn:${ctx.partition}:sts::${ctx.account}:federated-user/${input.Name}`;
  const id = `${ctx.account}:${input.Name}`;
  const credentials = await issueSession(
    ctx,
    { kind: "federated", account: ctx.account, arn, id, userName: input.Name!, issuerArn: principal.arn, session },
    session,
    policies,
  );
  return {
    Credentials: credentials,
    FederatedUser: { FederatedUserId: id, Arn: arn },
    ...(packedPolicySize === undefined ? {} : { PackedPolicySize: packedPolicySize }),
  };
}

function longTerm(ctx: CallContext, operation: string) {
  const { principal } = ctx;
  if ((principal.kind !== "user" && principal.kind !== "root") || principal.session) {
    throw new AwsError("AccessDenied", `Cannot call ${operation} with session credentials`, 403);
  }
  return principal;
}

/** Root sessions last an hour at most: a longer wish is shortened, as AWS documents it. */
function seconds(kind: "user" | "root", wanted: number | undefined): number {
  const chosen = wanted ?? (kind === "root" ? longestForRoot : defaultDuration);
  return kind === "root" ? Math.min(chosen, longestForRoot) : chosen;
}
