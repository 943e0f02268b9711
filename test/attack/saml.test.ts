/**
 * What somebody with one honest response, or with an identity provider of their own, tries on AssumeRoleWithSAML.
 * Source of the wrapping variants: Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { STS } from "@aws-sdk/client-sts";
import { startInstance, type Instance } from "../instance.ts";
import { SamlIdp, type Said, type Signing } from "../samlIdp.ts";

const skip = spawnSync("xmlsec1", ["--version"]).error ? "xmlsec1 is not installed" : false;

describe("forged SAML responses", { skip }, () => {
  let instance: Instance;
  let anonymous: STS;
  let idp: SamlIdp;
  let attacker: SamlIdp;
  let provider: string;
  let staff: string;
  let admin: string;

  before(async () => {
    [idp, attacker] = await Promise.all([SamlIdp.start(), SamlIdp.start()]);
    instance = await startInstance();
    anonymous = new STS({ endpoint: instance.endpoint, region: instance.ready.region, maxAttempts: 1 });
    const iam = new IAM(instance.client);
    const create = async (Name: string, each: SamlIdp) =>
      (await iam.createSAMLProvider({ Name, SAMLMetadataDocument: await each.metadata() })).SAMLProviderArn!;
    provider = await create("corp", idp);
    await create("evil", attacker);
    const role = async (RoleName: string, Condition: object) => {
      const trust = {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithSAML",
        Condition,
      };
      const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
      return (await iam.createRole({ RoleName, AssumeRolePolicyDocument })).Role!.Arn!;
    };
    staff = await role("staff", { StringLike: { "saml:sub": "*@example.com" } });
    admin = await role("admin", { StringEquals: { "saml:sub": "admin@example.com" } });
  });
  after(async () => {
    await instance?.stop();
    await Promise.all([idp, attacker].map((each) => each?.close()));
  });

  /** Alice may be staff; her responses name both roles, so that the trust policy alone keeps her from being admin. */
  const alice = (more: Said = {}): Said => ({
    ...more,
    attributes: { Role: [`${staff},${provider}`, `${admin},${provider}`], RoleSessionName: ["alice"] },
  });
  const send = (xml: string, RoleArn: string, PrincipalArn = provider) =>
    anonymous.assumeRoleWithSAML({ RoleArn, PrincipalArn, SAMLAssertion: Buffer.from(xml).toString("base64") });
  const refused = (error: Error) => {
    assert.match(error.name, /^(InvalidIdentityTokenException|IDPRejectedClaimException|AccessDenied)$/, error.message);
    return true;
  };
  const pieces = (xml: string) => {
    const assertion = /<saml:Assertion[^]*<\/saml:Assertion>/.exec(xml)![0];
    const signature = /<ds:Signature [^]*?<\/ds:Signature>/.exec(xml)![0];
    const id = /<saml:Assertion[^>]* ID="([^"]+)"/.exec(xml)![1]!;
    return { assertion, signature, id };
  };
  /** The assertion for the administrator, unsigned or with the signature that it does not deserve. */
  const evil = (assertion: string, signature: string, id: string) =>
    assertion
      .replace(signature === "" ? "\0" : signature, "")
      .replace("alice@example.com", "admin@example.com")
      .replace(` ID="${id}"`, ' ID="_evil"');

  test("the honest response opens the honest role, and nothing more", async () => {
    const xml = await idp.xml(alice());
    await send(xml, staff);
    await assert.rejects(send(xml, admin), refused);
  });

  const wrappings: [string, Signing, (xml: string) => string][] = [
    [
      "a signed response inside the forged one's signature",
      { sign: "response" },
      (xml) => {
        const signature = /<ds:Signature [^]*?<\/ds:Signature>/.exec(xml)![0];
        const original = xml.replace(signature, "");
        return xml
          .replace("alice@example.com", "admin@example.com")
          .replace(/ ID="[^"]+"/, ' ID="_evil"')
          .replace("</ds:Signature>", `<ds:Object>${original}</ds:Object></ds:Signature>`);
      },
    ],
    [
      "a signed response beside the forged assertion",
      { sign: "response" },
      (xml) => {
        const { assertion, id } = pieces(xml);
        return xml.replace(assertion, () => evil(assertion, "", id) + assertion);
      },
    ],
    [
      "the forged assertion before the signed one",
      {},
      (xml) => {
        const { assertion, signature, id } = pieces(xml);
        return xml.replace(assertion, () => evil(assertion, signature, id) + assertion);
      },
    ],
    [
      "the forged assertion around the signed one",
      {},
      (xml) => {
        const { assertion, signature, id } = pieces(xml);
        const forged = evil(assertion, signature, id).replace("</saml:Assertion>", `${assertion}</saml:Assertion>`);
        return xml.replace(assertion, () => forged);
      },
    ],
    [
      "the forged assertion with the signature, the signed one after it",
      {},
      (xml) => {
        const { assertion, signature, id } = pieces(xml);
        const forged = evil(assertion, "", id);
        return xml.replace(assertion, () => forged + assertion.replace(signature, ""));
      },
    ],
    [
      "the signed assertion in an object of the forged one's signature",
      {},
      (xml) => {
        const { assertion, signature, id } = pieces(xml);
        const object = `<ds:Object>${assertion.replace(signature, "")}</ds:Object></ds:Signature>`;
        const forged = evil(assertion, "", id).replace("</ds:Signature>", () => object);
        return xml.replace(assertion, () => forged);
      },
    ],
    [
      "the signed assertion in an extension",
      {},
      (xml) => {
        const { assertion, signature, id } = pieces(xml);
        const hidden = `<samlp:Extensions>${assertion}</samlp:Extensions>`;
        return xml.replace(assertion, () => hidden + evil(assertion, signature, id));
      },
    ],
    [
      "the same ID twice",
      {},
      (xml) => {
        const { assertion, signature } = pieces(xml);
        const forged = assertion.replace(signature, "").replace("alice@example.com", "admin@example.com");
        return xml.replace(assertion, () => forged + assertion);
      },
    ],
    [
      "the same ID twice, spelled otherwise",
      {},
      (xml) => {
        const { assertion, signature, id } = pieces(xml);
        const forged = evil(assertion, signature, id).replace('ID="_evil"', `ID="_evil" Id="${id}"`);
        return xml.replace(assertion, () => `<samlp:Extensions>${assertion}</samlp:Extensions>${forged}`);
      },
    ],
    [
      "a second subject",
      {},
      (xml) => xml.replace(/<saml:Subject>[^]*?<\/saml:Subject>/, (one) => one.replace("alice@", "admin@") + one),
    ],
    [
      "a reference to the whole document",
      {},
      (xml) => xml.replace(/<ds:Reference URI="[^"]*"/, '<ds:Reference URI=""').replace("alice@", "admin@"),
    ],
    ["no signature", {}, (xml) => xml.replace(pieces(xml).signature, "").replace("alice@", "admin@")],
    ["an empty signature", {}, (xml) => xml.replace(/(<ds:SignatureValue>)[^<]*/, "$1").replace("alice@", "admin@")],
    ["another digest", {}, (xml) => xml.replace("alice@", "admin@").replace(/(<ds:DigestValue>)[^<]*/, "$1AAAA")],
    [
      "a digest in a comment",
      {},
      (xml) => xml.replace("alice@", "admin@").replace(/<ds:DigestValue>/, "<ds:DigestValue><!--AAAA-->"),
    ],
    [
      "a transform that leaves something out",
      {},
      (xml) =>
        xml
          .replace("alice@", "admin@")
          .replace(
            "<ds:Transforms>",
            '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>false()</ds:XPath></ds:Transform>',
          ),
    ],
  ];
  for (const [what, how, forge] of wrappings) {
    test(`wrapped: ${what}`, async () => {
      const forged = forge(await idp.xml(alice(), how));
      assert.match(forged, /admin@example\.com/);
      await assert.rejects(send(forged, admin), refused);
    });
  }

  test("a comment in a name cuts nothing off", async () => {
    // The provider gave this name to somebody who chose it.
    const chosen = alice({ subject: "admin@example.com.attacker.example" });
    for (const sign of ["assertion", "response"] as const) {
      const xml = await idp.xml(chosen, { sign });
      const forged = xml.replace("admin@example.com.attacker", "admin@example.com<!---->.attacker");
      assert.notEqual(forged, xml);
      await assert.rejects(send(forged, admin), refused);
    }
  });

  test("another provider's signature, whatever it says of itself", async () => {
    const asAdmin = alice({ subject: "admin@example.com", issuer: idp.entityId });
    const xml = await attacker.xml(asAdmin);
    await assert.rejects(send(xml, admin), refused, "its certificate is in the signature");
    const evilProvider = provider.replace("corp", "evil");
    const own = { ...asAdmin.attributes, Role: [`${admin},${evilProvider}`] };
    const honest = await attacker.xml({ ...asAdmin, attributes: own, issuer: attacker.entityId });
    await assert.rejects(send(honest, admin, evilProvider), refused, "the role trusts the other one");
    // Signed inside by the attacker, outside by nobody, and the reverse.
    const both = await attacker.xml(asAdmin, { sign: "both" });
    await assert.rejects(send(both, admin), refused);
  });

  test("entities are neither expanded nor fetched", async () => {
    const xml = await idp.xml(alice());
    const nested = Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join("");
    const types = [
      `<!DOCTYPE r [<!ENTITY a0 "ha">${nested}]>`,
      '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
      `<!DOCTYPE r SYSTEM "${instance.endpoint}/evil.dtd">`,
      '<!doctype r [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
    ];
    for (const type of types) await assert.rejects(send(type + xml, staff), refused, type);
    await assert.rejects(send(xml.replace("alice@example.com", "&x;"), staff), refused);
  });

  test("what is large and deep is refused in bounded time, and the others go on", async () => {
    const huge = [
      "<a>".repeat(20_000),
      `<a xmlns="u">${"<b/>".repeat(18_000)}</a>`,
      `<a ${Array.from({ length: 7_000 }, (_, i) => `a${i}=""`).join(" ")}/>`,
      `<a>${"&#60;".repeat(14_000)}</a>`,
    ];
    const xml = await idp.xml(alice());
    for (const text of huge) {
      const began = performance.now();
      await assert.rejects(send(text, staff), refused);
      const inside = xml.replace("</samlp:Response>", `${text.slice(0, 60_000)}</samlp:Response>`);
      await assert.rejects(send(inside, staff), refused);
      assert.ok(performance.now() - began < 5_000, text.slice(0, 20));
    }
    const began = performance.now();
    for (const SAMLAssertion of [`${" ".repeat(99_000)}!`, `${"A".repeat(99_000)}!`, `A${"=".repeat(99_000)}`]) {
      const call = anonymous.assumeRoleWithSAML({ RoleArn: staff, PrincipalArn: provider, SAMLAssertion });
      await assert.rejects(call, refused);
    }
    assert.ok(performance.now() - began < 5_000, "what is no base64");
    await send(xml, staff);
  });

  test("shown again: within its time as often as the provider allows, never after", async () => {
    const usual = await idp.xml(alice());
    await send(usual, staff);
    await send(usual, staff);
    const once = await idp.xml(alice({ oneTimeUse: true }));
    const answers = await Promise.allSettled([send(once, staff), send(once, staff), send(once, staff)]);
    assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
    await assert.rejects(send(once, staff), refused);
    await assert.rejects(send(await idp.xml(alice({ notOnOrAfter: -1 })), staff), { name: "ExpiredTokenException" });
    // For another application of the same provider.
    const elsewhere = { recipient: "https://app.example.com/acs", audience: "https://app.example.com" };
    await assert.rejects(send(await idp.xml(alice(elsewhere)), staff), refused);
  });
});
