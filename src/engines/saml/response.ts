/**
 * A SAML response, from its text to an assertion that its issuer has signed.
 * Sources: SAML 2.0 Core, sections 3.2.2 (status) and 3.3.3 (Response); SAML 2.0 Profiles, section 4.1.4.3.
 */
import type { KeyObject } from "node:crypto";
import { readAssertion, type Assertion } from "./assertion.ts";
import { decryptAssertion } from "./decryption.ts";
import { refuse } from "./refusal.ts";
import { checkIds, signatureOf, signedBy } from "./signature.ts";
import { attribute, childElements, everyElement, exactlyOne, isNamed, parseXml, textOf, type Element } from "./xml.ts";

/** The identity provider, as it is known before anything is read. */
export interface TrustedIssuer {
  entityId: string;
  /** Of its signing certificates. */
  signingKeys: readonly KeyObject[];
  /** Private keys it encrypts for. */
  decryptionKeys: readonly KeyObject[];
  /** An assertion that is not encrypted is refused. */
  encryptionRequired: boolean;
}

const success = "urn:oasis:names:tc:SAML:2.0:status:Success";

/**
 * The one assertion of a response, signed by itself or through the response.
 *
 * INVARIANT: there is one assertion in the whole document, a child of the response, and every signature in the document
 * is the response's own or the assertion's own, and right.
 * @throws Refusal
 */
export function readResponse(text: string, issuer: TrustedIssuer): Assertion {
  const response = parseXml(text);
  if (!isNamed(response, "protocol", "Response") || attribute(response, "Version") !== "2.0") {
    throw refuse("malformed", "it is no SAML 2.0 response");
  }
  checkIds(response);
  checkStatus(response);
  const held = heldAssertion(response);
  checkSignaturePlaces(response, held);

  const responseSignature = signatureOf(response);
  const signedResponse = responseSignature && signedBy(issuer.signingKeys, text, response, responseSignature);
  // From here on, what the response's signature covers, where it has one.
  const source = signedResponse ? heldAssertion(signedResponse) : held;
  const encrypted = isNamed(source, "assertion", "EncryptedAssertion");
  if (issuer.encryptionRequired && !encrypted) throw refuse("signature", "the assertion is not encrypted");
  const { assertion, document } = encrypted
    ? decryptAssertion(source, issuer.decryptionKeys)
    : { assertion: held, document: text };
  if (encrypted) {
    checkIds(assertion);
    checkSignaturePlaces(assertion, assertion);
  }
  const signature = signatureOf(assertion);
  if (!signature && !signedResponse) throw refuse("signature", "neither the response nor the assertion is signed");
  const unsigned = encrypted ? assertion : source;
  const signed = signature ? signedBy(issuer.signingKeys, document, assertion, signature) : unsigned;
  const read = readAssertion(signed);
  const speakers = [read.issuer, ...childIssuers(signedResponse ?? response)];
  if (speakers.some((speaker) => speaker !== issuer.entityId)) {
    throw refuse("issuer", "Issuer not present in specified provider");
  }
  return read;
}

/** A response that is not signed as a whole is believed when it says that something failed, never the reverse. */
function checkStatus(response: Element): void {
  const status = exactlyOne(response, "protocol", "Status");
  const code = attribute(exactlyOne(status, "protocol", "StatusCode"), "Value");
  if (code !== success) throw refuse("status", `the identity provider reports ${code ?? "no status"}`);
}

function heldAssertion(response: Element): Element {
  const everywhere = everyElement(response).filter(
    (each) => isNamed(each, "assertion", "Assertion") || isNamed(each, "assertion", "EncryptedAssertion"),
  );
  const [only] = everywhere;
  if (!only || everywhere.length > 1 || only.parentNode !== response) {
    throw refuse("malformed", "one assertion is expected, in the response itself");
  }
  return only;
}

function checkSignaturePlaces(root: Element, assertion: Element): void {
  for (const element of everyElement(root)) {
    if (!isNamed(element, "signature", "Signature")) continue;
    if (element.parentNode !== root && element.parentNode !== assertion) {
      throw refuse("signature", "a signature is where none belongs");
    }
  }
}

function childIssuers(element: Element): string[] {
  return childElements(element)
    .filter((child) => isNamed(child, "assertion", "Issuer"))
    .map(textOf);
}
