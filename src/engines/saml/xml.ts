/**
 * XML as SAML uses it, strictly: well-formed, without document types, bounded in depth.
 *
 * INVARIANT: a document type declaration is refused before anything is parsed, so no entity is declared or expanded, and
 * nothing outside the text is ever read.
 */
import { DOMParser } from "@xmldom/xmldom";
import { refuse } from "./refusal.ts";

/** What is used of the document object model; the library's types are a browser's. */
export interface Node {
  readonly nodeType: number;
  readonly parentNode: Node | null;
  readonly firstChild: Node | null;
  readonly lastChild: Node | null;
  readonly nextSibling: Node | null;
  readonly previousSibling: Node | null;
  readonly textContent: string | null;
}

export interface Element extends Node {
  readonly namespaceURI: string | null;
  readonly localName: string;
  readonly attributes: { length: number; item(index: number): { name: string; localName: string; value: string } };
  hasAttribute(name: string): boolean;
  getAttribute(name: string): string | null;
}

const namespaces = {
  protocol: "urn:oasis:names:tc:SAML:2.0:protocol",
  assertion: "urn:oasis:names:tc:SAML:2.0:assertion",
  signature: "http://www.w3.org/2000/09/xmldsig#",
  encryption: "http://www.w3.org/2001/04/xmlenc#",
  encryption11: "http://www.w3.org/2009/xmlenc11#",
} as const;

type Namespace = keyof typeof namespaces;

/** Deeper than any assertion, and far from the end of the stack. */
const deepest = 64;
const elementNode = 1;
const processingInstructionNode = 7;

const fail = (message: string): never => {
  throw new SyntaxError(message);
};

/** The root element. @throws Refusal "malformed" */
export function parseXml(text: string): Element {
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw refuse("malformed", "a document type is not allowed");
  const parser = new DOMParser({ errorHandler: { warning: fail, error: fail, fatalError: fail } });
  let root: Element | null | undefined;
  try {
    root = parser.parseFromString(text, "text/xml")?.documentElement;
  } catch {
    throw refuse("malformed", "it is not well-formed");
  }
  if (!root) throw refuse("malformed", "it has no element");
  for (const [node, depth] of everyNode(root)) {
    if (depth > deepest) throw refuse("malformed", "it is too deep");
    if (node.nodeType === processingInstructionNode) throw refuse("malformed", "it has a processing instruction");
  }
  return root;
}

/** In the order of the document, without recursion. */
function* everyNode(root: Element): Generator<[node: Node, depth: number]> {
  const open: [Node, number][] = [[root, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    yield next;
    const [node, depth] = next;
    for (let child = node.lastChild; child; child = child.previousSibling) open.push([child, depth + 1]);
  }
}

const isElement = (node: Node): node is Element => node.nodeType === elementNode;

/** The element itself and all below it. */
export function everyElement(root: Element): Element[] {
  return [...everyNode(root)].map(([node]) => node).filter(isElement);
}

export function isNamed(element: Element, namespace: Namespace, name: string): boolean {
  return element.namespaceURI === namespaces[namespace] && element.localName === name;
}

export function childElements(parent: Element): Element[] {
  const children: Element[] = [];
  for (let child = parent.firstChild; child; child = child.nextSibling) if (isElement(child)) children.push(child);
  return children;
}

export function childrenNamed(parent: Element, namespace: Namespace, name: string): Element[] {
  return childElements(parent).filter((child) => isNamed(child, namespace, name));
}

/** @throws Refusal "malformed" where there are several. */
export function atMostOne(parent: Element, namespace: Namespace, name: string): Element | undefined {
  const found = childrenNamed(parent, namespace, name);
  if (found.length > 1) throw refuse("malformed", `${name} is there more than once`);
  return found[0];
}

/** @throws Refusal "malformed" */
export function exactlyOne(parent: Element, namespace: Namespace, name: string): Element {
  const found = atMostOne(parent, namespace, name);
  if (!found) throw refuse("malformed", `${name} is missing`);
  return found;
}

/** The whole text of an element, whatever lies between its parts, without surrounding space. */
export function textOf(element: Element): string {
  return (element.textContent ?? "").trim();
}

/** `undefined` where it is not there; an attribute that is there and empty is "". */
export function attribute(element: Element, name: string): string | undefined {
  return element.hasAttribute(name) ? (element.getAttribute(name) ?? "") : undefined;
}
