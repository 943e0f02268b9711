/**
 * GetWebIdentityToken: a signed token that says to the outside who the caller is.
 * Sources: STS API Reference; IAM User Guide, "Outbound identity federation" ("Understanding token claims", "Controlling
 * access with IAM policies").
 */
import type { Clock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Principal } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { issuerUrl } from "#gateway/tokenIssuers.ts";
import { algorithms, tokenSigner, type Algorithm } from "../tokenKeys.ts";
import type { Input, Output } from "../sdk.ts";
import { sessionTags, tagContext } from "../sessionTags.ts";

type Sent = Input<"GetWebIdentityToken">;

const usualSeconds = 300;
/** Claims of AWS are under it. */
const namespace = "https://sts.amazonaws.com/";

const invalid = (message: string) => new AwsError("ValidationError", message, 400);

export function getWebIdentityTokenAccess(input: Sent): Access[] {
  const { tags, sent } = tagsOf(input);
  const question = (action: string): Access => ({
    action,
    resource: "*",
    context: {
      "sts:IdentityTokenAudience": input.Audience ?? [],
      "sts:DurationSeconds": String(input.DurationSeconds ?? usualSeconds),
      "sts:SigningAlgorithm": input.SigningAlgorithm ?? "",
      ...tagContext(tags, sent),
    },
  });
  return [question("sts:GetWebIdentityToken"), ...(sent.length > 0 ? [question("sts:TagGetWebIdentityToken")] : [])];
}

function tagsOf(input: Sent) {
  const sent = input.Tags ?? [];
  return { sent, tags: sessionTags(sent, undefined, undefined) };
}

/** `clock`: the one that verifiers share, not the installation's, which may have been moved. */
export const getWebIdentityToken =
  (clock: Clock) =>
  async (input: Sent, ctx: CallContext): Promise<Output<"GetWebIdentityToken">> => {
    const caller = callerOf(ctx.principal);
    const algorithm = algorithmOf(input);
    const issuerId = await ctx.identity.tokenIssuer(ctx.account);
    if (issuerId === undefined) {
      throw new AwsError(
        "OutboundWebIdentityFederationDisabledException",
        "The outbound web identity federation feature is not enabled for this account. To use this feature, you must first enable it through the AWS Management Console or API.",
        403,
      );
    }
    const seconds = input.DurationSeconds ?? usualSeconds;
    if (caller.session && ctx.now + 1000 * seconds > caller.session.expiresAt) {
      throw new AwsError(
        "SessionDurationEscalationException",
        "The requested token duration would extend the session beyond its original expiration time. You cannot use this operation to extend the lifetime of a session beyond what was granted when the session was originally created.",
        403,
      );
    }
    const issuedAt = Math.floor(clock.now() / 1000);
    const signer = await tokenSigner(ctx, algorithm, clock.now());
    const header = { alg: algorithm, kid: signer.keyId, typ: "JWT" };
    const claims = {
      iss: issuerUrl(ctx.config.endpoint, issuerId),
      aud: input.Audience!.length === 1 ? input.Audience![0] : input.Audience,
      sub: caller.kind === "role" ? caller.roleArn : caller.arn,
      iat: issuedAt,
      exp: issuedAt + seconds,
      jti: await ctx.once("jti", async () => ctx.random.uuid()),
      [namespace]: await ownClaims(input, ctx, caller),
    };
    const signed = `${part(header)}.${part(claims)}`;
    return {
      WebIdentityToken: `${signed}.${signer.sign(signed)}`,
      Expiration: new Date(1000 * (issuedAt + seconds)),
    };
  };

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Users and roles: "IAM principals". */
function callerOf(principal: Principal): Extract<Principal, { kind: "user" | "role" }> {
  if (principal.kind === "user" || principal.kind === "role") return principal;
  throw new AwsError("AccessDenied", "Only IAM users and roles can request identity tokens.", 403);
}

function algorithmOf({ SigningAlgorithm, SubjectMode, Scope }: Sent): Algorithm {
  // "If it doesn't [have a trusted identity propagation context], STS rejects the request with a validation error."
  if (SubjectMode !== undefined && SubjectMode !== "AWSIdentity") {
    throw invalid(
      "The calling session has no trusted identity propagation context with the key aws:OriginIdentity/Subject.",
    );
  }
  if (Scope !== undefined) throw invalid("You can specify Scope only when SubjectMode is OriginIdentity.");
  const known = algorithms.find((algorithm) => algorithm === SigningAlgorithm);
  if (!known) throw invalid(`SigningAlgorithm must be one of ${algorithms.join(", ")}.`);
  return known;
}

async function ownClaims(input: Sent, ctx: CallContext, caller: Extract<Principal, { kind: "user" | "role" }>) {
  const organization = await ctx.identity.organization(ctx.account);
  const principalTags = { ...caller.tags, ...caller.session?.tags };
  const { tags } = tagsOf(input).tags;
  return {
    aws_account: ctx.account,
    source_region: ctx.region,
    ...(organization ? { org_id: organization.id, ou_path: organization.path } : {}),
    ...(Object.keys(principalTags).length > 0 ? { principal_tags: principalTags } : {}),
    ...(Object.keys(tags).length > 0 ? { request_tags: tags } : {}),
  };
}
