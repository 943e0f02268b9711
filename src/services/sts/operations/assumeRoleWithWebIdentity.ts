/**
 * AssumeRoleWithWebIdentity: a token of an OpenID Connect issuer that the role's account trusts, for credentials.
 * Source: STS API Reference; IAM User Guide, "OIDC federation".
 */
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { SessionContext } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { passedPolicies } from "../sessionPolicies.ts";
import { sessionTags, tagContext } from "../sessionTags.ts";
import type { Input, Output } from "../sdk.ts";
import { readClaims, type WebIdentity } from "../webIdentity/claims.ts";
import { invalidToken } from "../webIdentity/errors.ts";
import type { IssuerKeys } from "../webIdentity/issuerKeys.ts";
import { readJwt, verifyJwt } from "../webIdentity/jwt.ts";
import { duration, issueRoleSession, resourceTags } from "./assumeRole.ts";

const operation = "AssumeRoleWithWebIdentity";
type Sent = Input<typeof operation>;

const notAuthorized = () => new AwsError("AccessDenied", `Not authorized to perform sts:${operation}`, 403);

/** Checked once per call, however often its handler runs. */
function identify(input: Sent, ctx: CallContext, issuers: IssuerKeys): Promise<WebIdentity> {
  return ctx.once("web identity", async () => {
    const account = parseArn(input.RoleArn!)?.account;
    if (!account) throw new AwsError("ValidationError", `${input.RoleArn} is invalid`, 400);
    if (input.ProviderId !== undefined) {
      // "Specify this value only for OAuth 2.0 access tokens" of two named providers, which cannot be asked from here.
      throw invalidToken(`The identity provider ${input.ProviderId} is not supported.`);
    }
    const token = readJwt(input.WebIdentityToken!);
    const { iss } = token.claims;
    if (typeof iss !== "string" || !iss.startsWith("https://")) {
      throw invalidToken("Missing a required claim: iss");
    }
    const provider = await ctx.identity.oidcProvider(account, iss.slice("https://".length));
    if (!provider) throw invalidToken(`No OpenIDConnect provider found in your account for ${iss}`);
    const key = await issuers.keyFor(provider, token);
    if (!verifyJwt(token, key)) throw invalidToken("The signature of the ID Token provided is invalid.");
    return readClaims(provider, token.claims, issuers.clock.now());
  });
}

/** Source: CloudTrail User Guide, "userIdentity element", "WebIdentityUser". */
function webIdentityUser({ provider, audience, subject }: WebIdentity): Record<string, unknown> {
  return {
    type: "WebIdentityUser",
    principalId: `${provider.arn}:${audience}:${subject}`,
    userName: subject,
    identityProvider: provider.arn,
  };
}

export const assumeRoleWithWebIdentityAccess =
  (issuers: IssuerKeys) =>
  async (input: Sent, ctx: CallContext): Promise<Access[]> => {
    const identity = await identify(input, ctx, issuers);
    ctx.audit({ userIdentity: webIdentityUser(identity) });
    const role = await ctx.identity.role(input.RoleArn!);
    const tags = sessionTags(identity.tags, identity.transitiveTagKeys, undefined);
    const { sourceIdentity } = identity;
    const question = (action: string): Access => ({
      action,
      resource: input.RoleArn!,
      resourceAccount: parseArn(input.RoleArn!)!.account,
      // A role that does not exist trusts nobody: the caller cannot tell the two apart.
      resourcePolicies: role ? [role.trustPolicy] : [],
      trust: "delegated",
      policyKind: "trust",
      federatedProvider: identity.provider.arn,
      context: {
        ...identity.context,
        "sts:RoleSessionName": input.RoleSessionName!,
        ...(sourceIdentity === undefined ? {} : { "sts:SourceIdentity": sourceIdentity }),
        ...resourceTags(role),
        ...tagContext(tags, identity.tags),
      },
      onDenied: notAuthorized,
    });
    return [
      question(`sts:${operation}`),
      ...(identity.tags.length > 0 ? [question("sts:TagSession")] : []),
      ...(sourceIdentity === undefined ? [] : [question("sts:SetSourceIdentity")]),
    ];
  };

export const assumeRoleWithWebIdentity =
  (issuers: IssuerKeys) =>
  async (input: Sent, ctx: CallContext): Promise<Output<typeof operation>> => {
    const identity = await identify(input, ctx, issuers);
    const role = await ctx.identity.role(input.RoleArn!);
    if (!role) throw notAuthorized();
    const { tags, transitive } = sessionTags(identity.tags, identity.transitiveTagKeys, undefined);
    const { policies, packedPolicySize } = await passedPolicies(
      ctx,
      role.account,
      input.Policy,
      input.PolicyArns,
      tags,
    );
    const { sourceIdentity } = identity;
    const session: SessionContext = {
      createdAt: ctx.now,
      expiresAt: ctx.now + 1000 * duration(ctx, role, input.DurationSeconds),
      mfaAuthenticated: false,
      federatedProvider: identity.provider.arn,
      federatedContext: identity.context,
      ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
      ...(Object.keys(tags).length > 0 ? { tags } : {}),
      ...(transitive.length > 0 ? { transitiveTagKeys: transitive } : {}),
    };
    const assumed = await issueRoleSession(ctx, role, input.RoleSessionName!, session, policies);
    ctx.audit({ resources: [{ ARN: role.arn, accountId: role.account, type: "AWS::IAM::Role" }] });
    return {
      ...assumed,
      SubjectFromWebIdentityToken: identity.subject,
      Audience: identity.audience,
      Provider: identity.provider.arn,
      ...(packedPolicySize === undefined ? {} : { PackedPolicySize: packedPolicySize }),
      ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
    };
  };
