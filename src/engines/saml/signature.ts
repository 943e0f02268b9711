/**
 * The signature of an element over itself, and what exactly it covers.
 * Source: SAML 2.0 Core, section 5.4 (profile of XML Signature: one reference, to the element's own ID, enveloped).
 *
 * INVARIANT: what is given back is parsed from the very bytes that were digested. Nothing is read from the document
 * around them, so that moving, copying or commenting signed elements (signature wrapping) gains nothing.
 */
import type { KeyObject } from "node:crypto";
import { SignedXml } from "xml-crypto";
import { restrict, transforms } from "./algorithms.ts";
import { refuse } from "./refusal.ts";
import {
  atMostOne,
  attribute,
  childElements,
  childrenNamed,
  everyElement,
  isNamed,
  parseXml,
  type Element,
} from "./xml.ts";

const parts = ["SignedInfo", "SignatureValue", "KeyInfo"];
const signedInfoParts = ["CanonicalizationMethod", "SignatureMethod", "Reference"];

/** No two elements have the same ID, under whatever spelling a verifier might look for. @throws Refusal "malformed" */
export function checkIds(root: Element): void {
  const seen = new Set<string>();
  for (const element of everyElement(root)) {
    for (let i = 0; i < element.attributes.length; i++) {
      const { localName, name, value } = element.attributes.item(i)!;
      if ((localName ?? name).toLowerCase() !== "id") continue;
      if (seen.has(value)) throw refuse("malformed", "an ID is there twice");
      seen.add(value);
    }
  }
}

/** The signature that is an element's own child. @throws Refusal "signature" where there are several. */
export function signatureOf(element: Element): Element | undefined {
  const found = childrenNamed(element, "signature", "Signature");
  if (found.length > 1) throw refuse("signature", "an element has several signatures");
  return found[0];
}

/**
 * The element as it was signed by one of the keys. `document` is the text in which it is.
 * @throws Refusal "signature"
 */
export function signedBy(keys: readonly KeyObject[], document: string, element: Element, signature: Element): Element {
  checkShape(element, signature);
  for (const key of keys) {
    const text = verified(key, document, signature);
    if (text === undefined) continue;
    const root = parseXml(text);
    if (root.namespaceURI !== element.namespaceURI || root.localName !== element.localName) break;
    return root;
  }
  throw refuse("signature", "no key of the identity provider has made the signature");
}

function checkShape(element: Element, signature: Element): void {
  const names = childElements(signature).map((child) => child.localName ?? "");
  const [signedInfo] = childElements(signature);
  const wellFormed =
    parts.slice(0, names.length).every((part, i) => part === names[i]) && names.length >= 2 && names.length <= 3;
  if (!wellFormed || !signedInfo || !isNamed(signedInfo, "signature", "SignedInfo")) {
    throw refuse("signature", "the signature has not the shape of SAML's");
  }
  const inside = childElements(signedInfo);
  const [, , reference] = inside;
  const id = attribute(element, "ID");
  if (
    inside.length !== signedInfoParts.length ||
    !inside.every((child, i) => isNamed(child, "signature", signedInfoParts[i]!)) ||
    id === undefined ||
    !/^[A-Za-z_][\w.-]*$/.test(id) ||
    attribute(reference!, "URI") !== `#${id}` ||
    !sameItems(transformsOf(reference!), transforms)
  ) {
    throw refuse("signature", "the signature is not about the element it is in");
  }
}

function transformsOf(reference: Element): string[] {
  const list = atMostOne(reference, "signature", "Transforms");
  return list ? childElements(list).map((each) => attribute(each, "Algorithm") ?? "") : [];
}

const sameItems = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item, i) => item === other[i]);

/** The canonical text under the signature; `undefined` where the key has not made it. */
function verified(key: KeyObject, document: string, signature: Element): string | undefined {
  try {
    // Certificates in the signature itself are whoever's who wrote it: the key is given, KeyInfo is not looked at.
    const signed = new SignedXml({ publicCert: key, getCertFromKeyInfo: () => null });
    restrict(signed);
    signed.loadSignature(signature);
    if (!signed.checkSignature(document)) return undefined;
    const references = signed.getSignedReferences();
    return references.length === 1 ? references[0] : undefined;
  } catch {
    return undefined;
  }
}
