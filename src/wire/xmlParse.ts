/**
 * XML text to nodes. No document type, no entities beyond the five predefined ones and numeric references: nothing expands,
 * nothing is fetched. Source: XML 1.0 (fifth edition), reduced to what AWS clients send.
 */
import { isUtf8 } from "node:buffer";
import { WireFailure } from "./failure.ts";
import { maxDepth } from "./jsonText.ts";

export interface XmlNode {
  /** Local name, without the prefix. */
  name: string;
  /** Qualified attribute names, e.g. "xsi:type". */
  attributes: ReadonlyMap<string, string> | undefined;
  children: XmlNode[];
  /** The character data directly inside, joined. */
  text: string;
}

function malformed(reason: string): WireFailure {
  return new WireFailure(`The XML you provided was not well-formed: ${reason}`, "MalformedXML");
}

const predefined: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescape(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&<]{0,12};?)/g, (_, body: string) => {
    const name = body.endsWith(";") ? body.slice(0, -1) : undefined;
    if (name === undefined) throw malformed("a reference is not closed");
    if (Object.hasOwn(predefined, name)) return predefined[name]!;
    const digits = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code = digits ? Number.parseInt(digits[1] ?? digits[2]!, digits[1] ? 16 : 10) : -1;
    if (code <= 0 || code > 0x10_ff_ff || (code >= 0xd8_00 && code <= 0xdf_ff)) throw malformed("unknown reference");
    return String.fromCodePoint(code);
  });
}

const nameForm = /[^\s/>=<"'&]+/y;
const spaceForm = /\s*/y;

class XmlReader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  document(): XmlNode {
    this.#misc();
    if (this.#text[this.#at] !== "<") throw malformed("an element is expected");
    const root = this.#element();
    this.#misc();
    if (this.#at !== this.#text.length) throw malformed("content after the root element");
    return root;
  }

  #until(end: string): string {
    const found = this.#text.indexOf(end, this.#at);
    if (found === -1) throw malformed(`"${end}" is missing`);
    const part = this.#text.slice(this.#at, found);
    this.#at = found + end.length;
    return part;
  }

  #space(): void {
    spaceForm.lastIndex = this.#at;
    spaceForm.exec(this.#text);
    this.#at = spaceForm.lastIndex;
  }

  #skip(start: string, end: string): boolean {
    if (!this.#text.startsWith(start, this.#at)) return false;
    this.#at += start.length;
    this.#until(end);
    return true;
  }

  /** Declaration, comments and processing instructions around the root. */
  #misc(): void {
    if (this.#text.charCodeAt(this.#at) === 0xfe_ff) this.#at++;
    do this.#space();
    while (this.#skip("<?", "?>") || this.#skip("<!--", "-->"));
    // INVARIANT: a document type is never read, so no entity can be declared.
    if (this.#text.startsWith("<!", this.#at)) throw malformed("a document type is not allowed");
  }

  #name(): string {
    nameForm.lastIndex = this.#at;
    const found = nameForm.exec(this.#text);
    if (found === null) throw malformed("a name is expected");
    this.#at = nameForm.lastIndex;
    return found[0];
  }

  #attributes(): ReadonlyMap<string, string> | undefined {
    let attributes: Map<string, string> | undefined;
    for (;;) {
      this.#space();
      const next = this.#text[this.#at];
      if (next === ">" || next === "/") return attributes;
      const name = this.#name();
      this.#space();
      if (this.#text[this.#at++] !== "=") throw malformed("an attribute has no value");
      this.#space();
      const quote = this.#text[this.#at++];
      if (quote !== '"' && quote !== "'") throw malformed("an attribute value is not quoted");
      const value = this.#until(quote);
      if (value.includes("<")) throw malformed("< in an attribute value");
      attributes ??= new Map();
      if (attributes.has(name)) throw malformed("an attribute is given twice");
      attributes.set(name, unescape(value));
    }
  }

  /** Reads the start tag at the cursor. Iterative, so that depth is bounded by `maxDepth` and not by the stack. */
  #element(): XmlNode {
    const open: { node: XmlNode; qualified: string }[] = [];
    for (;;) {
      if (this.#text.startsWith("</", this.#at)) {
        this.#at += 2;
        const closing = open.pop();
        if (closing === undefined) throw malformed("an end tag where an element is expected");
        const { node, qualified } = closing;
        if (this.#name() !== qualified) throw malformed("an end tag does not match its start tag");
        this.#space();
        if (this.#text[this.#at++] !== ">") throw malformed("an end tag is not closed");
        if (open.length === 0) return node;
      } else {
        const closed = this.#startTag(open);
        if (closed !== undefined && open.length === 0) return closed;
      }
      this.#content(open.at(-1)!.node);
    }
  }

  /** Returns the node when the tag is self-closing; otherwise pushes it. */
  #startTag(open: { node: XmlNode; qualified: string }[]): XmlNode | undefined {
    this.#at++;
    const qualified = this.#name();
    const attributes = this.#attributes();
    const node: XmlNode = { name: qualified.slice(qualified.indexOf(":") + 1), attributes, children: [], text: "" };
    open.at(-1)?.node.children.push(node);
    const selfClosing = this.#text[this.#at] === "/";
    if (selfClosing) this.#at++;
    if (this.#text[this.#at++] !== ">") throw malformed("a tag is not closed");
    if (selfClosing) return node;
    open.push({ node, qualified });
    if (open.length > maxDepth) throw malformed("nested too deeply");
    return undefined;
  }

  /** Character data up to the next tag. */
  #content(node: XmlNode): void {
    for (;;) {
      const next = this.#text.indexOf("<", this.#at);
      if (next === -1) throw malformed("an element is not closed");
      if (next > this.#at) {
        node.text += unescape(this.#text.slice(this.#at, next)).replace(/\r\n?/g, "\n");
        this.#at = next;
      }
      if (this.#skip("<!--", "-->") || this.#skip("<?", "?>")) continue;
      if (this.#text.startsWith("<![CDATA[", this.#at)) {
        this.#at += 9;
        node.text += this.#until("]]>");
        continue;
      }
      if (this.#text.startsWith("<!", this.#at)) throw malformed("a declaration is not allowed here");
      return;
    }
  }
}

/** Throws `WireFailure` "MalformedXML"; only UTF-8 is read. */
export function parseXml(bytes: Uint8Array): XmlNode {
  if (!isUtf8(bytes)) throw malformed("it is not UTF-8");
  return new XmlReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")).document();
}
