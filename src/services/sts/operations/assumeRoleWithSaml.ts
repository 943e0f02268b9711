/**
 * AssumeRoleWithSAML: a response of a SAML identity provider that the role's account trusts, for credentials.
 * Sources: STS API Reference; IAM User Guide, "SAML 2.0 federation"; CloudTrail record: IAM User Guide, "Example SAML AWS
 * STS API event in CloudTrail log file".
 *
 * A response may be shown again within its five minutes, as on AWS (clients open several roles with one), unless the
 * identity provider says that it is for one use.
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { parseArn } from "#kernel/arn.ts";
import type { Clock } from "#kernel/clock.ts";
import type { Assertion } from "#engines/saml/assertion.ts";
import { Refusal } from "#engines/saml/refusal.ts";
import type { CallContext } from "#gateway/context.ts";
import type { SamlProviderFacts } from "#gateway/identity.ts";
import type { SessionContext } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { readIdentity, type SamlIdentity } from "../saml/identity.ts";
import type { Input, Output } from "../sdk.ts";
import { federatedAccess, notAuthorized } from "../federatedRole.ts";
import { passedPolicies } from "../sessionPolicies.ts";
import { sessionTags } from "../sessionTags.ts";
import { sessionScope } from "../state.ts";
import { invalidToken, rejectedClaim } from "../webIdentity/errors.ts";
import { duration, issueRoleSession } from "./assumeRole.ts";

const operation = "AssumeRoleWithSAML";
type Sent = Input<typeof operation>;

/** By provider and assertion id: an assertion that was for one use. */
const usedType = "usedAssertion";

/** Checked once per call, however often its handler runs. `clock`: the one that identity providers share. */
function identify(input: Sent, ctx: CallContext, clock: Clock): Promise<SamlIdentity> {
  return ctx.once("saml identity", async () => {
    const provider = await ctx.identity.samlProvider(input.PrincipalArn!);
    if (!provider) throw invalidToken("Specified provider doesn't exist");
    const now = clock.now();
    if (now >= provider.validUntil) throw invalidToken("The metadata of the specified provider has expired");
    const { account } = parseArn(provider.arn)!;
    const assertion = await verified(input.SAMLAssertion!, provider);
    const identity = readIdentity(assertion, provider, account, now, () => notAuthorized(operation));
    const isOurs = (pair: readonly string[]) =>
      pair.length === 2 && pair.includes(input.RoleArn!) && pair.includes(provider.arn);
    if (!identity.roles.some(isOurs)) throw notAuthorized(operation);
    return identity;
  });
}

/** The XML libraries are loaded when they are first asked for: they are 9 MB that most installations never use. */
const engine = () => import("#engines/saml/response.ts");

async function verified(encoded: string, provider: SamlProviderFacts): Promise<Assertion> {
  const text = decoded(encoded);
  const pems = await provider.decryptionKeys();
  const { readResponse } = await engine();
  try {
    return readResponse(text, {
      entityId: provider.entityId,
      // "IAM doesn't evaluate or take action on the expiration of these X.509 certificates": the metadata's end counts.
      signingKeys: provider.signingCertificates.map((der) => new X509Certificate(Buffer.from(der, "base64")).publicKey),
      decryptionKeys: pems.map((pem) => createPrivateKey(pem)),
      encryptionRequired: provider.encryptionRequired,
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.kind === "signature") throw invalidToken("Response signature invalid");
    if (error.kind === "status") throw rejectedClaim(`The identity provider refused: ${error.message}`);
    throw invalidToken(error.kind === "issuer" ? error.message : `The SAML response is invalid: ${error.message}`);
  }
}

function decoded(encoded: string): string {
  const base64 = encoded.replaceAll(/\s/g, "");
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));
    } catch {
      // Bytes that are no text are no response either.
    }
  }
  throw invalidToken("Invalid base64 SAMLResponse");
}

/** Source: CloudTrail User Guide, "Values for AWS STS APIs with SAML and web identity federation". */
function samlUser({ nameQualifier, subject }: SamlIdentity): Record<string, unknown> {
  return {
    type: "SAMLUser",
    principalId: `${nameQualifier}:${subject}`,
    userName: subject,
    identityProvider: nameQualifier,
  };
}

function auditedParameters(input: Sent, identity: SamlIdentity): Record<string, unknown> {
  const { tags, transitiveTagKeys, sourceIdentity } = identity;
  return {
    sAMLAssertionID: identity.assertionId,
    roleSessionName: identity.sessionName,
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
    ...(tags.length > 0 ? { principalTags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) } : {}),
    ...(transitiveTagKeys.length > 0 ? { transitiveTagKeys } : {}),
    ...(input.DurationSeconds === undefined ? {} : { durationSeconds: input.DurationSeconds }),
    roleArn: input.RoleArn,
    principalArn: input.PrincipalArn,
  };
}

export const assumeRoleWithSamlAccess =
  (clock: Clock) =>
  async (input: Sent, ctx: CallContext): Promise<Access[]> => {
    const identity = await identify(input, ctx, clock);
    ctx.audit({ userIdentity: samlUser(identity), requestParameters: auditedParameters(input, identity) });
    return await federatedAccess(operation, input.RoleArn!, { ...identity, provider: identity.provider.arn }, ctx);
  };

export const assumeRoleWithSaml =
  (clock: Clock) =>
  async (input: Sent, ctx: CallContext): Promise<Output<typeof operation>> => {
    const identity = await identify(input, ctx, clock);
    const role = await ctx.identity.role(input.RoleArn!);
    if (!role) throw notAuthorized(operation);
    await useUp(ctx, identity);
    const { tags, transitive } = sessionTags(identity.tags, identity.transitiveTagKeys, undefined);
    const { policies, packedPolicySize } = await passedPolicies(
      ctx,
      role.account,
      input.Policy,
      input.PolicyArns,
      tags,
    );
    const { sourceIdentity, context } = identity;
    const session: SessionContext = {
      createdAt: ctx.now,
      expiresAt: ctx.now + lifetimeMs(identity, duration(ctx, role, input.DurationSeconds), clock.now()),
      mfaAuthenticated: false,
      federatedProvider: identity.provider.arn,
      // "These keys are available only in IAM trust policies", except those that name the user.
      federatedContext: {
        "saml:namequalifier": context["saml:namequalifier"]!,
        "saml:sub": context["saml:sub"]!,
        "saml:sub_type": context["saml:sub_type"]!,
      },
      ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
      ...(Object.keys(tags).length > 0 ? { tags } : {}),
      ...(transitive.length > 0 ? { transitiveTagKeys: transitive } : {}),
    };
    const assumed = await issueRoleSession(ctx, role, identity.sessionName, session, policies);
    ctx.audit({
      resources: [
        { ARN: role.arn, accountId: role.account, type: "AWS::IAM::Role" },
        {
          ARN: identity.provider.arn,
          accountId: parseArn(identity.provider.arn)!.account,
          type: "AWS::IAM::SAMLProvider",
        },
      ],
    });
    return {
      ...assumed,
      Subject: identity.subject,
      SubjectType: identity.subjectType,
      Issuer: identity.issuer,
      Audience: identity.audience,
      NameQualifier: identity.nameQualifier,
      ...(packedPolicySize === undefined ? {} : { PackedPolicySize: packedPolicySize }),
      ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
    };
  };

/**
 * "Your role session lasts for the duration that you specify, or until the time specified in the SAML authentication
 * response's SessionNotOnOrAfter value, whichever is shorter"; SessionDuration "can be used to shorten" it.
 */
function lifetimeMs({ sessionEnd, longestSession }: SamlIdentity, seconds: number, now: number): number {
  const bounds = [1000 * seconds, 1000 * (longestSession ?? Infinity), (sessionEnd ?? Infinity) - now];
  return Math.floor(Math.min(...bounds));
}

/** OneTimeUse. Source: SAML 2.0 Core, section 2.5.1.5. */
async function useUp(ctx: CallContext, { provider, assertionId, usedUntil }: SamlIdentity): Promise<void> {
  if (usedUntil === undefined) return;
  const id = createHash("sha256").update(`${provider.arn}\n${assertionId}`).digest("hex");
  if (await ctx.state.get(usedType, id, sessionScope)) {
    throw invalidToken("The SAML response was for one use and has been used");
  }
  // Longer than it could be shown again: the installation's clock may run ahead of the one it is judged by.
  const day = 24 * 3600 * 1000;
  ctx.state.put(
    usedType,
    id,
    { usedUntil },
    { at: sessionScope, version: 0, expiresAt: Math.max(usedUntil, ctx.now) + day },
  );
}
