/**
 * What a verified token says: who, for whom, from when until when, and with which session tags.
 * Sources: OpenID Connect Core 1.0, section 2; IAM User Guide, "Available keys for AWS web identity federation",
 * "Passing session tags using AssumeRoleWithWebIdentity", "Source identity in web identity federation".
 */
import { AwsError } from "#kernel/errors.ts";
import type { OidcProviderFacts } from "#gateway/identity.ts";
import { invalidToken, rejectedClaim } from "./errors.ts";

export interface WebIdentity {
  provider: OidcProviderFacts;
  subject: string;
  audience: string;
  /** `<issuer>:aud`, `:sub`, `:amr`, `:oaud`. */
  context: Record<string, string | string[]>;
  tags: { Key: string; Value: string }[];
  transitiveTagKeys: string[];
  sourceIdentity?: string;
}

const tagsClaim = "https://aws.amazon.com/tags";
const sourceIdentityClaim = "https://aws.amazon.com/source_identity";
/** How far an issuer's clock may be ahead of ours. Seconds. */
const skew = 300;

/** @throws InvalidIdentityToken, ExpiredTokenException, IDPRejectedClaim */
export function readClaims(provider: OidcProviderFacts, claims: Record<string, unknown>, nowMs: number): WebIdentity {
  const now = Math.floor(nowMs / 1000);
  const subject = text(claims, "sub");
  const audiences = [claims["aud"]].flat();
  if (audiences.length === 0 || !audiences.every((each) => typeof each === "string")) throw missing("aud");
  const expires = number(claims, "exp");
  const issued = number(claims, "iat");
  if (now >= expires) {
    throw new AwsError(
      "ExpiredTokenException",
      `Token expired: current date/time ${now} must be before the expiration date/time ${expires}`,
      400,
    );
  }
  const notBefore = claims["nbf"] === undefined ? issued : Math.max(issued, number(claims, "nbf"));
  if (notBefore > now + skew) throw rejectedClaim("The ID Token provided was issued in the future.");

  // "When azp is set, it is the value of the aud key", and the token's own audience is `oaud`.
  const authorizedParty = claims["azp"] === undefined ? undefined : text(claims, "azp");
  const candidates = authorizedParty === undefined ? audiences : [authorizedParty];
  const audience = candidates.find((each) => provider.clientIds.includes(each));
  if (audience === undefined) throw invalidToken("Incorrect token audience");

  const { tags, transitiveTagKeys } = sessionTagsOf(claims);
  const sourceIdentity = claims[sourceIdentityClaim];
  return {
    provider,
    subject,
    audience,
    context: {
      [`${provider.url}:aud`]: audience,
      [`${provider.url}:sub`]: subject,
      ...(authorizedParty === undefined ? {} : { [`${provider.url}:oaud`]: audiences }),
      ...(isTexts(claims["amr"]) ? { [`${provider.url}:amr`]: claims["amr"] } : {}),
    },
    tags,
    transitiveTagKeys,
    ...(typeof sourceIdentity === "string" ? { sourceIdentity } : {}),
  };
}

const missing = (name: string) => invalidToken(`Missing a required claim: ${name}`);

function text(claims: Record<string, unknown>, name: string): string {
  const value = claims[name];
  if (typeof value !== "string" || value === "") throw missing(name);
  return value;
}

function number(claims: Record<string, unknown>, name: string): number {
  const value = claims[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw missing(name);
  return value;
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");

/** `{"principal_tags": {"Team": ["blue"]}, "transitive_tag_keys": ["Team"]}`; one value for each key. */
function sessionTagsOf(claims: Record<string, unknown>): Pick<WebIdentity, "tags" | "transitiveTagKeys"> {
  const claim = claims[tagsClaim] as { principal_tags?: unknown; transitive_tag_keys?: unknown } | undefined;
  if (claim === undefined) return { tags: [], transitiveTagKeys: [] };
  const { principal_tags: principal, transitive_tag_keys: transitive = [] } = claim ?? {};
  if (typeof principal !== "object" || principal === null || !isTexts(transitive)) {
    throw rejectedClaim(`The claim ${tagsClaim} cannot be read.`);
  }
  const tags = Object.entries(principal).map(([Key, value]) => {
    const values: unknown[] = [value].flat();
    if (values.length !== 1 || typeof values[0] !== "string") {
      throw rejectedClaim(`The session tag ${Key} must have one value.`);
    }
    return { Key, Value: values[0] };
  });
  return { tags, transitiveTagKeys: transitive };
}
