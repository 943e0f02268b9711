/** Responses signed and encrypted by xmlsec1: which are believed, and what is read from them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { SamlIdp, type Said, type Signing } from "../../../test/samlIdp.ts";
import { Refusal, type RefusalKind } from "./refusal.ts";
import { readResponse, type TrustedIssuer } from "./response.ts";

const more = "http://www.w3.org/2001/04/xmldsig-more#";
const skip = spawnSync("xmlsec1", ["--version"]).error ? "xmlsec1 is not installed" : false;

describe("SAML responses", { skip }, () => {
  let idp: SamlIdp;
  let stranger: SamlIdp;
  let ours: SamlIdp;
  let trusted: TrustedIssuer;

  const keyOf = async (each: SamlIdp) => new X509Certificate(Buffer.from(await each.certificate(), "base64")).publicKey;

  before(async () => {
    [idp, stranger, ours] = await Promise.all([SamlIdp.start(), SamlIdp.start(), SamlIdp.start()]);
    trusted = {
      entityId: idp.entityId,
      signingKeys: [await keyOf(idp)],
      decryptionKeys: [createPrivateKey(await ours.privateKey())],
      encryptionRequired: false,
    };
  });
  after(() => Promise.all([idp, stranger, ours].map((each) => each?.close())));

  const read = async (said: Said = {}, how: Signing = {}, more: Partial<TrustedIssuer> = {}) =>
    readResponse(await idp.xml(said, how), { ...trusted, ...more });
  const refused = (kind: RefusalKind, message?: RegExp) => (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.kind, kind, error.message);
    if (message) assert.match(error.message, message);
    return true;
  };

  for (const sign of ["assertion", "response", "both"] as const) {
    test(`signed: ${sign}`, async () => {
      const said = { attributes: { Role: ["a,b", "c,d"] }, subject: "A & <B>", sessionNotOnOrAfter: 3_600_000 };
      const found = await read(said, { sign });
      assert.deepEqual(found.subject, {
        name: "A & <B>",
        format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
      });
      assert.equal(found.issuer, idp.entityId);
      assert.deepEqual(found.conditions.audiences, [["https://signin.aws.amazon.com/saml"]]);
      assert.deepEqual([...found.attributes], [["https://aws.amazon.com/SAML/Attributes/Role", ["a,b", "c,d"]]]);
      assert.ok(found.sessionNotOnOrAfter! > Date.now());
    });
  }

  for (const signatureMethod of [`${more}rsa-sha384`, `${more}rsa-sha512`]) {
    test(`by ${signatureMethod}`, async () => {
      await read({}, { signatureMethod, digestMethod: "http://www.w3.org/2001/04/xmlenc#sha512" });
      await read({}, { signatureMethod, digestMethod: `${more}sha384` });
    });
  }

  test("by an elliptic curve", async () => {
    const curve = await SamlIdp.start(idp.entityId, ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    const xml = await curve.xml({}, { signatureMethod: `${more}ecdsa-sha256` });
    readResponse(xml, { ...trusted, signingKeys: [...trusted.signingKeys, await keyOf(curve)] });
    assert.throws(() => readResponse(xml, trusted), refused("signature"));
    await curve.close();
  });

  test("SHA-1, HMAC and inclusive canonicalization are not believed", async () => {
    const old = "http://www.w3.org/2000/09/xmldsig#";
    for (const how of [
      { signatureMethod: `${old}rsa-sha1` },
      { digestMethod: `${old}sha1` },
      { canonicalization: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" },
      { canonicalization: "http://www.w3.org/2001/10/xml-exc-c14n#WithComments" },
    ]) {
      await assert.rejects(read({}, how), refused("signature"), JSON.stringify(how));
    }
    const xml = (await idp.xml()).replace(`${more}rsa-sha256`, `${old}hmac-sha1`);
    assert.throws(() => readResponse(xml, trusted), refused("signature"));
  });

  test("nobody else's signature, none, and none that was changed", async () => {
    assert.throws(() => readResponse("", trusted), refused("malformed"));
    await assert.rejects(read({}, { sign: "none" }), refused("signature", /neither/));
    const foreign = await stranger.xml({ issuer: idp.entityId });
    assert.throws(() => readResponse(foreign, trusted), refused("signature"));
    const changed = (await idp.xml()).replace("alice@example.com", "admin@example.com");
    assert.throws(() => readResponse(changed, trusted), refused("signature"));
    // A right signature of the response does not make up for a wrong one of the assertion.
    const both = await idp.xml({}, { sign: "both" });
    const value = /<ds:SignatureValue>([^]*?)<\/ds:SignatureValue>/g;
    const [, second] = [...both.matchAll(value)];
    assert.throws(() => readResponse(both.replace(second![1]!, "AAAA"), trusted), refused("signature"));
  });

  test("another issuer, a failure, and another kind of document", async () => {
    await assert.rejects(read({ issuer: "https://other.example.com" }), refused("issuer"));
    await assert.rejects(read({ status: "Responder" }), refused("status", /Responder/));
    const edits: [string, (xml: string) => string][] = [
      ["a document type", (xml) => `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>${xml}`],
      ["a processing instruction", (xml) => xml.replace("<samlp:Status>", "<?php x?><samlp:Status>")],
      ["version 1", (xml) => xml.replace('Version="2.0"', 'Version="1.1"')],
      ["no status", (xml) => xml.replace(/<samlp:Status>.*<\/samlp:Status>/, "")],
      ["no end", (xml) => xml.slice(0, -5)],
      ["no subject", (xml) => xml.replace(/<saml:Subject>.*<\/saml:Subject>/, "")],
      ["two subjects", (xml) => xml.replace(/<saml:Subject>.*<\/saml:Subject>/, "$&$&")],
      ["a time that is none", (xml) => xml.replace(/(<saml:Conditions NotBefore=")[^"]*/, "$1tomorrow")],
      ["deep nesting", (xml) => xml.replace("</samlp:Response>", `${"<a>".repeat(9000)}${"</a>".repeat(9000)}$&`)],
    ];
    for (const [what, edit] of edits) {
      const how: Signing = what.includes("subject") || what.includes("time") ? { edit } : {};
      const xml = await idp.xml({}, how);
      assert.throws(() => readResponse(how.edit ? xml : edit(xml), trusted), refused("malformed"), what);
    }
    await assert.rejects(read({ confirmations: 2 }), refused("malformed"));
  });

  for (const cipher of ["aes128-cbc", "aes256-cbc", "aes256-gcm"] as const) {
    test(`encrypted with ${cipher}`, async () => {
      for (const sign of ["assertion", "response", "both"] as const) {
        const found = await read({}, { sign, cipher, encryptFor: ours }, { encryptionRequired: true });
        assert.equal(found.subject!.name, "alice@example.com", sign);
      }
    });
  }

  test("what cannot be decrypted says no more than a wrong signature", async () => {
    await assert.rejects(read({}, {}, { encryptionRequired: true }), refused("signature", /not encrypted/));
    await assert.rejects(read({}, { encryptFor: stranger }), refused("signature", /cannot be decrypted/));
    await assert.rejects(read({}, { encryptFor: ours, transport: "rsa-1_5" }), refused("signature", /cannot be/));
    await assert.rejects(read({}, { encryptFor: ours, sign: "none" }), refused("signature", /neither/));
    const xml = await idp.xml({}, { encryptFor: ours });
    const values = [...xml.matchAll(/<xenc:CipherValue>([^<]*)/g)].map(([, value]) => value!);
    for (const value of values) {
      const bytes = Buffer.from(value, "base64");
      bytes[bytes.length - 20]! ^= 1;
      const changed = xml.replace(value, bytes.toString("base64"));
      assert.throws(() => readResponse(changed, trusted), refused("signature", /cannot be decrypted/));
    }
  });
});
