/** What an assertion says. Source: SAML 2.0 Core, section 2. */
import { refuse } from "./refusal.ts";
import { atMostOne, attribute, childrenNamed, exactlyOne, isNamed, textOf, type Element } from "./xml.ts";

export interface Assertion {
  id: string;
  issuer: string;
  /** Epoch milliseconds, as all times here. */
  issuedAt: number;
  /** Absent where the subject has no readable name. */
  subject?: { name: string; format?: string };
  confirmation: { method: string; recipient?: string; notBefore?: number; notOnOrAfter?: number };
  conditions: {
    notBefore?: number;
    notOnOrAfter?: number;
    /** Of each restriction, whom it names: one of every restriction has to be met. */
    audiences: string[][];
    oneTimeUse: boolean;
  };
  /** When the session at the identity provider ends: the earliest of its statements. */
  sessionNotOnOrAfter?: number;
  /** Values by name, in the order in which they are there. */
  attributes: ReadonlyMap<string, readonly string[]>;
}

/** @throws Refusal "malformed" */
export function readAssertion(element: Element): Assertion {
  if (!isNamed(element, "assertion", "Assertion") || attribute(element, "Version") !== "2.0") {
    throw refuse("malformed", "it is no SAML 2.0 assertion");
  }
  const subject = exactlyOne(element, "assertion", "Subject");
  const nameId = atMostOne(subject, "assertion", "NameID");
  const ends = childrenNamed(element, "assertion", "AuthnStatement").flatMap(
    (statement) => time(statement, "SessionNotOnOrAfter") ?? [],
  );
  return {
    id: attribute(element, "ID") ?? "",
    issuer: textOf(exactlyOne(element, "assertion", "Issuer")),
    issuedAt: time(element, "IssueInstant") ?? missing("IssueInstant"),
    ...(nameId ? { subject: nameOf(nameId) } : {}),
    confirmation: confirmationOf(subject),
    conditions: conditionsOf(atMostOne(element, "assertion", "Conditions")),
    ...(ends.length > 0 ? { sessionNotOnOrAfter: Math.min(...ends) } : {}),
    attributes: attributesOf(element),
  };
}

function nameOf(nameId: Element): NonNullable<Assertion["subject"]> {
  const format = attribute(nameId, "Format");
  return { name: textOf(nameId), ...(format === undefined ? {} : { format }) };
}

function confirmationOf(subject: Element): Assertion["confirmation"] {
  const confirmation = exactlyOne(subject, "assertion", "SubjectConfirmation");
  const data = exactlyOne(confirmation, "assertion", "SubjectConfirmationData");
  const recipient = attribute(data, "Recipient");
  return {
    method: attribute(confirmation, "Method") ?? "",
    ...(recipient === undefined ? {} : { recipient }),
    ...window(data),
  };
}

function conditionsOf(conditions: Element | undefined): Assertion["conditions"] {
  if (!conditions) return { audiences: [], oneTimeUse: false };
  const restrictions = childrenNamed(conditions, "assertion", "AudienceRestriction");
  return {
    ...window(conditions),
    audiences: restrictions.map((each) => childrenNamed(each, "assertion", "Audience").map(textOf)),
    oneTimeUse: childrenNamed(conditions, "assertion", "OneTimeUse").length > 0,
  };
}

function window(element: Element): { notBefore?: number; notOnOrAfter?: number } {
  const notBefore = time(element, "NotBefore");
  const notOnOrAfter = time(element, "NotOnOrAfter");
  return {
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notOnOrAfter === undefined ? {} : { notOnOrAfter }),
  };
}

function attributesOf(assertion: Element): Assertion["attributes"] {
  const attributes = new Map<string, string[]>();
  const statements = childrenNamed(assertion, "assertion", "AttributeStatement");
  for (const element of statements.flatMap((each) => childrenNamed(each, "assertion", "Attribute"))) {
    const name = attribute(element, "Name");
    if (name === undefined) throw refuse("malformed", "an attribute has no name");
    const values = childrenNamed(element, "assertion", "AttributeValue").map(textOf);
    attributes.set(name, [...(attributes.get(name) ?? []), ...values]);
  }
  return attributes;
}

const missing = (name: string): never => {
  throw refuse("malformed", `${name} is missing`);
};

/** In UTC. Source: SAML 2.0 Core, section 1.3.3. */
function time(element: Element, name: string): number | undefined {
  const text = attribute(element, name);
  if (text === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw refuse("malformed", `${name} is no time`);
  return at;
}
