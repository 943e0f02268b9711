/** Readers and writers of XML against the documents that AWS's references print. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { WireFailure } from "./failure.ts";
import { bytes } from "./requests.testing.ts";
import { parseXml } from "./xmlParse.ts";
import { XmlReaders } from "./xmlRead.ts";
import { escapeXml, XmlWriters } from "./xmlWrite.ts";

const s3 = loadModel("s3");
const payloadOf = (operation: string) => {
  const member = s3.operations.get(operation)!.input.members!.find((candidate) => candidate.location === "payload")!;
  const read = new XmlReaders().member(member);
  return (text: string): unknown => read(parseXml(bytes(text)));
};

test("PutBucketTagging: nested list with a named element", () => {
  const read = payloadOf("PutBucketTagging");
  assert.deepEqual(
    read("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>k2</Key><Value/></Tag></TagSet></Tagging>"),
    {
      TagSet: [
        { Key: "k", Value: "v" },
        { Key: "k2", Value: "" },
      ],
    },
  );
});

test("PutBucketAcl: the grantee's type is an attribute with a namespace", () => {
  const read = payloadOf("PutBucketAcl");
  const text = `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>abc</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`;
  const value = { Grants: [{ Grantee: { Type: "CanonicalUser", ID: "abc" }, Permission: "FULL_CONTROL" }] };
  assert.deepEqual(read(text), value);
  const shape = s3.operations.get("GetBucketAcl")!.output;
  const written = new XmlWriters().children(shape)(value);
  assert.match(
    written,
    /<Grantee xmlns:xsi="http:\/\/www.w3.org\/2001\/XMLSchema-instance" xsi:type="CanonicalUser"><ID>abc<\/ID>/,
  );
});

test("DeleteObjects: flattened list, boolean, unexpected element", () => {
  const read = payloadOf("DeleteObjects");
  assert.deepEqual(
    read("<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>"),
    {
      Objects: [{ Key: "a" }, { Key: "b" }],
      Quiet: true,
    },
  );
  assert.throws(() => read("<Delete><Thing/></Delete>"), WireFailure);
  assert.throws(() => read("<Delete><Quiet>true</Quiet><Quiet>false</Quiet></Delete>"), WireFailure);
  assert.throws(() => read("<Delete><Quiet>perhaps</Quiet></Delete>"), WireFailure);
  assert.throws(() => read("<Delete><Quiet><B/></Quiet></Delete>"), WireFailure);
});

test("numbers and dates are strict", () => {
  const read = payloadOf("PutBucketLifecycleConfiguration");
  const rule = (days: string): string =>
    `<LifecycleConfiguration><Rule><Expiration>${days}</Expiration><Status>Enabled</Status></Rule></LifecycleConfiguration>`;
  assert.deepEqual(read(rule("<Days> 30 </Days>")), { Rules: [{ Expiration: { Days: 30 }, Status: "Enabled" }] });
  assert.deepEqual(read(rule("<Date>2026-01-01T00:00:00.000Z</Date>")), {
    Rules: [{ Expiration: { Date: new Date(Date.UTC(2026, 0, 1)) }, Status: "Enabled" }],
  });
  for (const bad of [
    "<Days>1.5</Days>",
    "<Days>ten</Days>",
    "<Days></Days>",
    "<Days>99999999999</Days>",
    "<Date>soon</Date>",
  ]) {
    assert.throws(() => read(rule(bad)), WireFailure, bad);
  }
});

test("text is escaped, and characters XML lacks become references", () => {
  assert.equal(escapeXml(`a<b>&"c"\r\u0001\ufffe`), "a&lt;b&gt;&amp;&quot;c&quot;&#xD;&#x1;&#xFFFE;");
});
