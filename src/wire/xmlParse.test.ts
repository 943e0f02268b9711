import assert from "node:assert/strict";
import { test } from "node:test";
import { WireFailure } from "./failure.ts";
import { bytes } from "./requests.testing.ts";
import { parseXml, type XmlNode } from "./xmlParse.ts";

const parse = (text: string): XmlNode => parseXml(bytes(text));

test("elements, attributes, text, CDATA, comments and references", () => {
  const root = parse(
    `<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><s:A xmlns:s='u' x="1 &lt; 2"><B/>a &amp; <![CDATA[<b>]]><!-- d -->&#xD55C;&#65;<C >t</C ></s:A>\n`,
  );
  assert.equal(root.name, "A");
  assert.equal(root.attributes?.get("x"), "1 < 2");
  assert.equal(root.text, "a & <b>한A");
  assert.deepEqual(
    root.children.map((child) => [child.name, child.text]),
    [
      ["B", ""],
      ["C", "t"],
    ],
  );
});

test("line ends are one line feed", () => assert.equal(parse("<A>a\r\nb\rc</A>").text, "a\nb\nc"));

const hostile: [why: string, text: string][] = [
  ["a document type", "<!DOCTYPE A><A/>"],
  [
    "a billion laughs",
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><lolz>&lol2;</lolz>',
  ],
  ["an external entity", '<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/passwd">]><A>&x;</A>'],
  ["an entity nobody declared", "<A>&nbsp;</A>"],
  ["an entity named like a method", "<A>&constructor;</A>"],
  ["a declaration inside", "<A><!ELEMENT B></A>"],
  ["an open reference", "<A>&amp</A>"],
  ["the character zero", "<A>&#0;</A>"],
  ["half a surrogate pair", "<A>&#xD800;</A>"],
  ["a character beyond Unicode", "<A>&#x110000;</A>"],
  ["nothing", ""],
  ["text only", "abc"],
  ["an open element", "<A><B></B>"],
  ["crossed elements", "<A><B></A></B>"],
  ["an end tag first", "</A>"],
  ["an end tag without a name first", "<//>"],
  ["two roots", "<A/><B/>"],
  ["an attribute twice", '<A x="1" x="2"/>'],
  ["an attribute without quotes", "<A x=1/>"],
  ["an attribute without a value", "<A x/>"],
  ["< in an attribute", '<A x="<"/>'],
  ["an open tag", "<A"],
  ["an open comment", "<A><!-- </A>"],
  ["an open CDATA", "<A><![CDATA[ </A>"],
  ["depth", "<A>".repeat(100_000)],
];
for (const [why, text] of hostile) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => parse(text),
      (error) => error instanceof WireFailure && error.code === "MalformedXML",
    );
  });
}

test("refuses what is not UTF-8", () => {
  assert.throws(() => parseXml(new Uint8Array([0x3c, 0x41, 0x3e, 0xff, 0x3c, 0x2f, 0x41, 0x3e])), WireFailure);
  assert.throws(
    () => parseXml(new Uint8Array(Buffer.from('\ufeff<?xml version="1.0" encoding="UTF-16"?><A/>', "utf16le"))),
    WireFailure,
  );
});

test("time is linear in the size", () => {
  const many = `<A>${"<B x='y'>t</B>".repeat(100_000)}</A>`;
  assert.equal(parse(many).children.length, 100_000);
  assert.throws(() => parse(`<A ${"x".repeat(500_000)}`), WireFailure);
  assert.throws(() => parse(`<A>${"&".repeat(500_000)}</A>`), WireFailure);
});
