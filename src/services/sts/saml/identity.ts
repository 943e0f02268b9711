/**
 * What a verified assertion says to AWS: who, for which role, until when, and with which session tags.
 * Sources: IAM User Guide, "Configure SAML assertions for the authentication response", "Troubleshoot SAML federation
 * with IAM" (texts), "Available keys for SAML-based federation"; STS API Reference, AssumeRoleWithSAML. Texts that only
 * clients show: "Response has expired" (saml2aws issue 759), "Token must be redeemed within 5 minutes of issuance"
 * (gimme-aws-creds issue 251).
 */
import { createHash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { Assertion } from "#engines/saml/assertion.ts";
import type { SamlProviderFacts } from "#gateway/identity.ts";
import { rejectedClaim, invalidToken } from "../webIdentity/errors.ts";
import { attributeKeys } from "./contextKeys.ts";

export interface SamlIdentity {
  provider: SamlProviderFacts;
  assertionId: string;
  issuer: string;
  subject: string;
  subjectType: string;
  /** The recipient that the assertion names. */
  audience: string;
  nameQualifier: string;
  sessionName: string;
  /** Pairs of role and provider, in no order. */
  roles: readonly (readonly string[])[];
  /** `saml:…` of the trust decision. */
  context: Record<string, string | string[]>;
  tags: { Key: string; Value: string }[];
  transitiveTagKeys: string[];
  sourceIdentity?: string;
  /** Epoch milliseconds: the session ends then at the latest. */
  sessionEnd?: number;
  /** Seconds, as the assertion bounds them. */
  longestSession?: number;
  /** Until when the assertion might be shown again; set where it may be used only once. */
  usedUntil?: number;
}

const attributePrefix = "https://aws.amazon.com/SAML/Attributes/";
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const formatPrefix = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
const unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const namePattern = /^[\w+=,.@-]{2,64}$/;
/** "Token must be redeemed within 5 minutes of issuance". */
const redeemMs = 5 * 60 * 1000;
/** How far an identity provider's clock may be ahead of ours. */
const skewMs = 5 * 60 * 1000;

const expired = (message: string) => new AwsError("ExpiredTokenException", message, 400);

/** `now`: by the clock that identity providers share. @throws InvalidIdentityToken, ExpiredTokenException, AccessDenied */
export function readIdentity(
  assertion: Assertion,
  provider: SamlProviderFacts,
  account: string,
  now: number,
  notAuthorized: () => AwsError,
): SamlIdentity {
  const audience = checkTimesAndPlaces(assertion, provider, now);
  const { subject, attributes } = assertion;
  // "This error can also occur if the SAML response does not include a Subject containing a NameID."
  if (!subject || subject.name === "") throw notAuthorized();
  const subjectType = (subject.format ?? unspecified).replace(formatPrefix, "");
  const own = (name: string) => attributes.get(attributePrefix + name) ?? [];
  const document = `${account}/${provider.name}`;
  const nameQualifier = createHash("sha1").update(`${assertion.issuer}${document}`).digest("base64");
  const sourceIdentity = sourceIdentityOf(own("SourceIdentity"));
  const longestSession = durationOf(own("SessionDuration"));
  return {
    provider,
    assertionId: assertion.id,
    issuer: assertion.issuer,
    subject: subject.name,
    subjectType,
    audience,
    nameQualifier,
    sessionName: sessionNameOf(own("RoleSessionName")),
    roles: own("Role").map((pair) => pair.split(",").map((arn) => arn.trim())),
    context: {
      ...attributeKeys(assertion),
      "saml:aud": audience,
      "saml:iss": assertion.issuer,
      "saml:sub": subject.name,
      "saml:sub_type": subjectType,
      "saml:doc": document,
      "saml:namequalifier": nameQualifier,
    },
    tags: tagsOf(attributes),
    transitiveTagKeys: [...own("TransitiveTagKeys")],
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
    ...(assertion.sessionNotOnOrAfter === undefined ? {} : { sessionEnd: assertion.sessionNotOnOrAfter }),
    ...(longestSession === undefined ? {} : { longestSession }),
    ...(assertion.conditions.oneTimeUse ? { usedUntil: assertion.issuedAt + redeemMs } : {}),
  };
}

/** The recipient. */
function checkTimesAndPlaces(assertion: Assertion, provider: SamlProviderFacts, now: number): string {
  const { confirmation, conditions, issuedAt } = assertion;
  const isOurs = (url: string) => endpoint(provider, url);
  if (confirmation.method !== bearer || confirmation.notOnOrAfter === undefined) {
    throw invalidToken("Response must contain exactly one bearer SubjectConfirmation with NotOnOrAfter and Recipient.");
  }
  if (confirmation.recipient === undefined || !isOurs(confirmation.recipient)) {
    throw invalidToken("Response does not contain the required recipient.");
  }
  // Every restriction has to be met by one of its audiences. Source: SAML 2.0 Core, section 2.5.1.4.
  const wanted = (audience: string) => audience === "urn:amazon:webservices" || isOurs(audience);
  if (conditions.audiences.length === 0 || !conditions.audiences.every((each) => each.some(wanted))) {
    throw invalidToken("Response does not contain the required audience.");
  }
  const ends = [
    confirmation.notOnOrAfter,
    conditions.notOnOrAfter ?? Infinity,
    assertion.sessionNotOnOrAfter ?? Infinity,
  ];
  if (now >= Math.min(...ends)) throw expired("Response has expired");
  if (now - issuedAt > redeemMs) throw expired("Token must be redeemed within 5 minutes of issuance");
  const starts = [issuedAt, conditions.notBefore ?? 0, confirmation.notBefore ?? 0];
  if (Math.max(...starts) > now + skewMs) throw invalidToken("Response is not yet valid");
  return confirmation.recipient;
}

/**
 * The sign-in endpoints: the global one and those of Regions; for encrypted assertions with the provider's identifier.
 * Source: IAM User Guide, "Configure SAML assertions …", "Subject and NameID".
 */
function endpoint({ uuid, encryptionRequired }: SamlProviderFacts, url: string): boolean {
  const found = /^https:\/\/(?:[a-z]{2}(?:-[a-z]+)+-\d\.)?signin\.aws\.amazon\.com\/saml(?:\/acs\/([\w-]+))?$/.exec(
    url,
  );
  if (!found) return false;
  const [, identifier] = found;
  return identifier === undefined ? !encryptionRequired : identifier === uuid;
}

function sessionNameOf(values: readonly string[]): string {
  const [name, ...more] = values;
  if (name === undefined || name === "" || more.length > 0) {
    throw invalidToken("RoleSessionName is required in AuthnResponse");
  }
  if (!namePattern.test(name)) {
    throw invalidToken("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}");
  }
  return name;
}

function sourceIdentityOf(values: readonly string[]): string | undefined {
  const [name, ...more] = values;
  if (name === undefined) return undefined;
  if (more.length > 0 || !namePattern.test(name) || /^aws:/i.test(name)) {
    throw invalidToken('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"');
  }
  return name;
}

/** "The value can range from 900 seconds to 43200 seconds". */
function durationOf(values: readonly string[]): number | undefined {
  const [text, ...more] = values;
  if (text === undefined) return undefined;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (more.length > 0 || seconds < 900 || seconds > 43_200) {
    throw rejectedClaim("SessionDuration in AuthnResponse must be a number of seconds from 900 to 43200");
  }
  return seconds;
}

/** `PrincipalTag:{TagKey}`, with one value each. */
function tagsOf(attributes: Assertion["attributes"]): SamlIdentity["tags"] {
  const prefix = `${attributePrefix}PrincipalTag:`;
  return [...attributes].flatMap(([name, values]) => {
    if (!name.startsWith(prefix)) return [];
    const Key = name.slice(prefix.length);
    if (values.length !== 1) throw rejectedClaim(`The session tag ${Key} must have one value.`);
    return [{ Key, Value: values[0]! }];
  });
}
