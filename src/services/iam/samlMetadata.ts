/**
 * What IAM needs of an identity provider's SAML metadata: who it is and with what keys it signs.
 * Source: "Metadata for the OASIS SAML V2.0", sections 2.3.2 (EntityDescriptor), 2.4.1.1 (KeyDescriptor).
 *
 * INVARIANT: a document type declaration is refused, so no entity is ever expanded.
 */
import { X509Certificate } from "node:crypto";
import { invalidInput } from "./errors.ts";

export interface SamlMetadata {
  entityId: string;
  /** Base64 DER of the certificates that verify the provider's signatures. */
  signingCertificates: string[];
  /** Epoch milliseconds; absent when the metadata states none. */
  validUntil?: number;
  singleSignOnUrls: string[];
}

interface Element {
  /** Without namespace prefix. */
  name: string;
  attributes: Record<string, string>;
  text: string;
  children: Element[];
}

const refuse = () => invalidInput("Could not parse metadata");
const maxDepth = 64;
const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, name: string) => {
    if (name.startsWith("#x")) return character(Number.parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return character(Number(name.slice(1)));
    return Object.hasOwn(entities, name) ? entities[name]! : whole;
  });
}

function character(code: number): string {
  if (code > 0x10_ff_ff || (code >= 0xd8_00 && code <= 0xdf_ff) || code === 0) throw refuse();
  return String.fromCodePoint(code);
}

const localName = (name: string) => name.slice(name.indexOf(":") + 1);

/** Elements, attributes and text; comments and processing instructions are skipped. @throws InvalidInput */
function parseXml(xml: string): Element {
  if (/<!DOCTYPE|<!ENTITY/i.test(xml)) throw refuse();
  const document: Element = { name: "", attributes: {}, text: "", children: [] };
  const open: Element[] = [document];
  const token =
    /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w.:-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;
  let at = 0;
  for (let match = token.exec(xml); match; match = token.exec(xml)) {
    at = token.lastIndex;
    const [, cdata, closing, name, attributes, empty, text] = match;
    const parent = open.at(-1)!;
    if (cdata !== undefined) parent.text += cdata;
    else if (text !== undefined) parent.text += unescape(text);
    else if (name === undefined) continue;
    else if (closing === "/") {
      if (open.length < 2 || localName(name) !== parent.name) throw refuse();
      open.pop();
    } else {
      const element: Element = { name: localName(name), attributes: {}, text: "", children: [] };
      for (const attribute of (attributes ?? "").matchAll(/([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
        element.attributes[attribute[1]!] = unescape(attribute[2] ?? attribute[3] ?? "");
      }
      parent.children.push(element);
      if (empty !== "/") open.push(element);
      if (open.length > maxDepth) throw refuse();
    }
  }
  if (at !== xml.length || open.length !== 1 || document.children.length !== 1) throw refuse();
  return document.children[0]!;
}

function* descendants(element: Element): Generator<Element> {
  for (const child of element.children) {
    yield child;
    yield* descendants(child);
  }
}

function isCertificate(base64: string): boolean {
  try {
    return new X509Certificate(Buffer.from(base64, "base64")).publicKey.type === "public";
  } catch {
    return false;
  }
}

/** @throws InvalidInput "Could not parse metadata" */
export function readSamlMetadata(xml: string): SamlMetadata {
  const root = parseXml(xml.replace(/^\ufeff/, "").trim());
  const entityId = root.attributes["entityID"];
  const provider = root.children.find((child) => child.name === "IDPSSODescriptor");
  if (root.name !== "EntityDescriptor" || !entityId || !provider) throw refuse();
  const signing = provider.children.filter(
    (child) => child.name === "KeyDescriptor" && (child.attributes["use"] ?? "signing") === "signing",
  );
  const signingCertificates = signing
    .flatMap((key) => [...descendants(key)])
    .filter((element) => element.name === "X509Certificate")
    .map((element) => element.text.replace(/\s/g, ""));
  if (signingCertificates.length === 0 || !signingCertificates.every(isCertificate)) throw refuse();
  const validUntil = Date.parse(root.attributes["validUntil"] ?? "");
  return {
    entityId,
    signingCertificates,
    ...(Number.isNaN(validUntil) ? {} : { validUntil }),
    singleSignOnUrls: provider.children
      .filter((child) => child.name === "SingleSignOnService")
      .flatMap((child) => child.attributes["Location"] ?? []),
  };
}
