import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemRandom } from "#kernel/ids.ts";
import { serverCertificateFiles } from "./serverCertificateKey.ts";
import { account, bindingKeys, IamTest } from "./testing.ts";

/** Certificates are made by openssl: what it makes is what customers upload. */
const pems: Record<string, string> = {};
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-iam-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "30",
    "-subj",
    "/CN=ca",
  );
  openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "leaf.key",
    "-out",
    "leaf.csr",
    "-subj",
    "/CN=www.example.com",
  );
  openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "leaf.pem", "-days", "10");
  for (const name of ["ca.pem", "ca.key", "leaf.pem", "leaf.key"])
    pems[name] = readFileSync(join(folder, name), "utf8");
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("an OpenID Connect provider keeps client ids and thumbprints, and refuses what is no issuer", async () => {
  const iam = new IamTest();
  const thumbprint = "A031C46782E6E6C662C2C87C76DA9AA62CCABD8E";
  const { OpenIDConnectProviderArn } = await iam.call("CreateOpenIDConnectProvider", {
    Url: "https://token.actions.githubusercontent.com/path",
    ClientIDList: ["sts.amazonaws.com"],
    ThumbprintList: [thumbprint],
  });
  assert.equal(
    OpenIDConnectProviderArn,
    `arn:aws:iam::${account}:oidc-provider/token.actions.githubusercontent.com/path`,
  );
  const named = { OpenIDConnectProviderArn };
  await iam.call("AddClientIDToOpenIDConnectProvider", { ...named, ClientID: "other" });
  await iam.call("AddClientIDToOpenIDConnectProvider", { ...named, ClientID: "other" });
  await iam.call("RemoveClientIDFromOpenIDConnectProvider", { ...named, ClientID: "sts.amazonaws.com" });
  const provider = await iam.call("GetOpenIDConnectProvider", named);
  assert.deepEqual(
    [provider.Url, provider.ClientIDList, provider.ThumbprintList],
    ["token.actions.githubusercontent.com/path", ["other"], [thumbprint.toLowerCase()]],
  );
  await iam.refused(
    "CreateOpenIDConnectProvider",
    { Url: "https://token.actions.githubusercontent.com/path" },
    "EntityAlreadyExists",
    "Provider with url https://token.actions.githubusercontent.com/path already exists.",
  );
  for (const Url of [
    "http://a.example.com",
    "a.example.com",
    "https://a.example.com?x=1",
    "https://",
    "https://u:p@a.b",
  ]) {
    await iam.refused(
      "CreateOpenIDConnectProvider",
      { Url },
      "ValidationError",
      "Invalid Open ID Connect Provider URL",
    );
  }
  await iam.refused(
    "UpdateOpenIDConnectProviderThumbprint",
    { ...named, ThumbprintList: Array.from({ length: 6 }, () => thumbprint) },
    "InvalidInput",
    "Thumbprint list must contain fewer than 5 entries.",
  );
  await iam.call("DeleteOpenIDConnectProvider", named);
  await iam.refused(
    "DeleteOpenIDConnectProvider",
    named,
    "NoSuchEntity",
    `OpenId connect Provider ${OpenIDConnectProviderArn} cannot be found.`,
  );
  await iam.refused(
    "GetOpenIDConnectProvider",
    named,
    "NoSuchEntity",
    `OpenIDConnect Provider not found for arn ${OpenIDConnectProviderArn}`,
  );
});

function metadata(certificate: string, validUntil = ""): string {
  const body = certificate.replace(/-----[^-]+-----|\s/g, "");
  return `<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/"${validUntil}>
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>${body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso?a=1&amp;b=2"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>`;
}

test("a SAML provider's metadata is read, and its end of validity shown", async () => {
  const iam = new IamTest();
  const document = metadata(pems["ca.pem"]!, ' validUntil="2030-01-01T00:00:00Z"');
  const { SAMLProviderArn } = await iam.call("CreateSAMLProvider", { Name: "idp", SAMLMetadataDocument: document });
  assert.equal(SAMLProviderArn, `arn:aws:iam::${account}:saml-provider/idp`);
  const got = await iam.call("GetSAMLProvider", { SAMLProviderArn });
  assert.deepEqual(got.ValidUntil, new Date("2030-01-01T00:00:00Z"));
  assert.equal(got.SAMLMetadataDocument, document);
  await iam.call("UpdateSAMLProvider", { SAMLProviderArn, AddPrivateKey: pems["leaf.key"] });
  const [key] = (await iam.call("GetSAMLProvider", { SAMLProviderArn })).PrivateKeyList;
  await iam.call("UpdateSAMLProvider", { SAMLProviderArn, RemovePrivateKey: key.KeyId });
  await iam.refused("UpdateSAMLProvider", { SAMLProviderArn, AddPrivateKey: "no key" }, "InvalidInput");
  await iam.refused("CreateSAMLProvider", { Name: "idp", SAMLMetadataDocument: document }, "EntityAlreadyExists");
  await iam.call("DeleteSAMLProvider", { SAMLProviderArn });
  await iam.refused(
    "GetSAMLProvider",
    { SAMLProviderArn },
    "NoSuchEntity",
    `Manifest not found for arn ${SAMLProviderArn}`,
  );
});

test("metadata that is none is refused, entities are never expanded", async () => {
  const iam = new IamTest();
  const good = metadata(pems["ca.pem"]!);
  const bad = {
    empty: "",
    "not XML": "metadata",
    "unclosed element": good.replace("</md:IDPSSODescriptor>", ""),
    "no entity id": good.replace(/entityID="[^"]*"/, ""),
    "no certificate": good.replace(/<ds:X509Certificate>[^<]*<\/ds:X509Certificate>/, ""),
    "bad certificate": good.replace(/<ds:X509Certificate>[^<]*/, "<ds:X509Certificate>AAAA"),
    "entity expansion": good.replace('<?xml version="1.0"?>', '<!DOCTYPE x [<!ENTITY a "b">]>'),
    "two roots": good + good.replace('<?xml version="1.0"?>', ""),
    deep: `${"<a>".repeat(1000)}${"</a>".repeat(1000)}`,
  };
  for (const [what, document] of Object.entries(bad)) {
    const error = await iam.refused(
      "CreateSAMLProvider",
      { Name: "idp", SAMLMetadataDocument: document },
      "InvalidInput",
    );
    assert.equal(error.message, "Could not parse metadata", what);
  }
});

test("a server certificate needs its own key and its issuer's chain", async () => {
  const iam = new IamTest();
  const upload = (name: string, body: string, key: string, chain?: string) => ({
    ServerCertificateName: name,
    CertificateBody: pems[body],
    PrivateKey: pems[key],
    ...(chain === undefined ? {} : { CertificateChain: pems[chain] }),
  });
  const { ServerCertificateMetadata } = await iam.call(
    "UploadServerCertificate",
    upload("www", "leaf.pem", "leaf.key", "ca.pem"),
  );
  assert.match(ServerCertificateMetadata.ServerCertificateId, /^ASCA/);
  const days = (ServerCertificateMetadata.Expiration.getTime() - Date.now()) / 86_400_000;
  assert.ok(days > 9 && days <= 10);
  const { ServerCertificate } = await iam.call("GetServerCertificate", { ServerCertificateName: "www" });
  const parts = { store: iam.store, keys: bindingKeys, random: systemRandom };
  const files = await serverCertificateFiles(parts, ServerCertificateMetadata.Arn);
  assert.deepEqual([files?.privateKey, files?.chain], [pems["leaf.key"], pems["ca.pem"]!.trim()]);
  assert.equal(await serverCertificateFiles(parts, `${ServerCertificateMetadata.Arn}x`), undefined);
  assert.equal(ServerCertificate.CertificateBody, pems["leaf.pem"]!.trim());
  await iam.refused("UploadServerCertificate", upload("a", "leaf.pem", "ca.key"), "KeyPairMismatch");
  await iam.refused("UploadServerCertificate", upload("a", "leaf.key", "leaf.key"), "MalformedCertificate");
  await iam.refused("UploadServerCertificate", upload("a", "leaf.pem", "leaf.pem"), "MalformedCertificate");
  await iam.refused(
    "UploadServerCertificate",
    upload("a", "leaf.pem", "leaf.key", "leaf.pem"),
    "MalformedCertificate",
    "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: -1",
  );
  await iam.refused(
    "UploadServerCertificate",
    upload("www", "leaf.pem", "leaf.key"),
    "EntityAlreadyExists",
    "The Server Certificate with name www already exists.",
  );
  await iam.call("UpdateServerCertificate", {
    ServerCertificateName: "www",
    NewServerCertificateName: "web",
    NewPath: "/cloudfront/",
  });
  const [listed] = (await iam.call("ListServerCertificates", { PathPrefix: "/cloudfront/" }))
    .ServerCertificateMetadataList;
  assert.equal(listed.Arn, `arn:aws:iam::${account}:server-certificate/cloudfront/web`);
  await iam.call("DeleteServerCertificate", { ServerCertificateName: "web" });
  await iam.refused(
    "GetServerCertificate",
    { ServerCertificateName: "web" },
    "NoSuchEntity",
    "The Server Certificate with name web cannot be found.",
  );
});
