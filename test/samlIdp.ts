/** A SAML identity provider whose keys openssl makes and whose responses xmlsec1 signs and encrypts; nothing of ours does. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const protocol = "urn:oasis:names:tc:SAML:2.0:protocol";
const assertion = "urn:oasis:names:tc:SAML:2.0:assertion";
const endpoint = "https://signin.aws.amazon.com/saml";

export interface Said {
  /** Values by attribute; names without "://" and ":" are AWS's own. */
  attributes?: Record<string, readonly string[]>;
  subject?: string | null;
  format?: string;
  issuer?: string;
  recipient?: string;
  audience?: string | null;
  /** Milliseconds from now. */
  issuedAt?: number;
  notBefore?: number;
  notOnOrAfter?: number;
  sessionNotOnOrAfter?: number;
  status?: string;
  oneTimeUse?: boolean;
  method?: string;
  confirmations?: number;
}

export interface Signing {
  sign?: "assertion" | "response" | "both" | "none";
  signatureMethod?: string;
  digestMethod?: string;
  canonicalization?: string;
  /** For the certificate of this one; the assertion is encrypted after it was signed, before the response is. */
  encryptFor?: SamlIdp;
  cipher?: "aes128-cbc" | "aes256-cbc" | "aes256-gcm";
  transport?: "rsa-oaep-mgf1p" | "rsa-1_5";
  /** Before anything is signed. */
  edit?: (xml: string) => string;
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
const newId = () => `_${randomBytes(16).toString("hex")}`;
const at = (offset: number) => new Date(Date.now() + offset).toISOString();

function signatureTemplate(id: string, { signatureMethod, digestMethod, canonicalization }: Signing): string {
  const c14n = canonicalization ?? "http://www.w3.org/2001/10/xml-exc-c14n#";
  return `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="${c14n}"/>
<ds:SignatureMethod Algorithm="${signatureMethod ?? "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}"/>
<ds:Reference URI="#${id}"><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="${c14n}"/>
</ds:Transforms><ds:DigestMethod Algorithm="${digestMethod ?? "http://www.w3.org/2001/04/xmlenc#sha256"}"/><ds:DigestValue/></ds:Reference>
</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo></ds:Signature>`;
}

export class SamlIdp {
  readonly entityId: string;
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string, entityId: string) {
    this.#folder = folder;
    this.entityId = entityId;
  }

  /** `key`: as `openssl req -newkey` names it. */
  static async start(
    entityId = "https://idp.example.com/saml",
    key: readonly string[] = ["rsa:2048"],
  ): Promise<SamlIdp> {
    const idp = new SamlIdp(await mkdtemp(join(tmpdir(), "jikimi-saml-")), entityId);
    const files = ["-keyout", idp.#file("key.pem"), "-out", idp.#file("cert.pem")];
    await run("openssl", ["req", "-x509", "-newkey", ...key, "-nodes", "-days", "2", "-subj", "/CN=idp", ...files]);
    return idp;
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  async certificate(): Promise<string> {
    return (await readFile(this.#file("cert.pem"), "utf8")).replaceAll(/-----[A-Z ]+-----|\s/g, "");
  }

  async privateKey(): Promise<string> {
    return await readFile(this.#file("key.pem"), "utf8");
  }

  async metadata(): Promise<string> {
    return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${this.entityId}">
<md:IDPSSODescriptor protocolSupportEnumeration="${protocol}"><md:KeyDescriptor use="signing">
<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${await this.certificate()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
</md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/>
</md:IDPSSODescriptor></md:EntityDescriptor>`;
  }

  /** The text of a response. */
  async xml(said: Said = {}, how: Signing = {}): Promise<string> {
    const { sign = "assertion" } = how;
    const [responseId, assertionId] = [newId(), newId()];
    const own = (wanted: Signing["sign"], id: string) =>
      sign === wanted || sign === "both" ? signatureTemplate(id, how) : "";
    const issuer = `<saml:Issuer xmlns:saml="${assertion}">${said.issuer ?? this.entityId}</saml:Issuer>`;
    let xml = `<samlp:Response xmlns:samlp="${protocol}" ID="${responseId}" Version="2.0" IssueInstant="${at(said.issuedAt ?? 0)}" Destination="${endpoint}">${issuer}${own("response", responseId)}<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${said.status ?? "Success"}"/></samlp:Status>${assertionText(assertionId, issuer, own("assertion", assertionId), said)}</samlp:Response>`;
    xml = how.edit?.(xml) ?? xml;
    if (sign === "assertion" || sign === "both") xml = await this.sign(xml, assertionId);
    if (how.encryptFor) xml = await this.#encrypt(xml, how);
    if (sign === "response" || sign === "both") xml = await this.sign(xml, responseId);
    return xml;
  }

  /** As clients send it. */
  async response(said: Said = {}, how: Signing = {}): Promise<string> {
    return Buffer.from(await this.xml(said, how)).toString("base64");
  }

  /** Fills in the empty signature of the element with this ID. */
  async sign(xml: string, id: string): Promise<string> {
    return await this.#xmlsec(xml, [
      "--sign",
      "--privkey-pem",
      `${this.#file("key.pem")},${this.#file("cert.pem")}`,
      "--id-attr:ID",
      `${protocol}:Response`,
      "--id-attr:ID",
      `${assertion}:Assertion`,
      "--node-xpath",
      `//*[@ID='${id}']/*[local-name()='Signature']`,
    ]);
  }

  async #encrypt(xml: string, { encryptFor, cipher = "aes256-gcm", transport = "rsa-oaep-mgf1p" }: Signing) {
    const found = /<saml:Assertion[^]*<\/saml:Assertion>/.exec(xml)!;
    const method = cipher.endsWith("gcm") ? "http://www.w3.org/2009/xmlenc11#" : "http://www.w3.org/2001/04/xmlenc#";
    const template = this.#file("template.xml");
    await writeFile(
      template,
      `<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="${method}${cipher}"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#${transport}"/><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>`,
    );
    const data = this.#file("assertion.xml");
    await writeFile(data, found[0]);
    const session = cipher.startsWith("aes128") ? "aes-128" : "aes-256";
    const key = ["--pubkey-cert-pem", encryptFor!.#file("cert.pem"), "--session-key", session];
    const { stdout } = await run("xmlsec1", ["--encrypt", ...key, "--xml-data", data, template]);
    const encrypted = stdout.replace(/^<\?xml[^>]*\?>\s*/, "");
    return xml.replace(
      found[0],
      () => `<saml:EncryptedAssertion xmlns:saml="${assertion}">${encrypted}</saml:EncryptedAssertion>`,
    );
  }

  async #xmlsec(xml: string, args: readonly string[]): Promise<string> {
    const file = this.#file(`${this.#count++}.xml`);
    await writeFile(file, xml);
    const { stdout } = await run("xmlsec1", [...args, file]);
    return stdout.replace(/^<\?xml[^>]*\?>\s*/, "").trim();
  }
}

function assertionText(id: string, issuer: string, signature: string, said: Said): string {
  const end = at(said.notOnOrAfter ?? 300_000);
  const { subject = "alice@example.com", audience = endpoint } = said;
  const format = said.format ?? "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
  const nameId = subject === null ? "" : `<saml:NameID Format="${format}">${escaped(subject)}</saml:NameID>`;
  const confirmation = `<saml:SubjectConfirmation Method="${said.method ?? "urn:oasis:names:tc:SAML:2.0:cm:bearer"}"><saml:SubjectConfirmationData NotOnOrAfter="${end}" Recipient="${said.recipient ?? endpoint}"/></saml:SubjectConfirmation>`;
  const restriction =
    audience === null
      ? ""
      : `<saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction>`;
  const session =
    said.sessionNotOnOrAfter === undefined ? "" : ` SessionNotOnOrAfter="${at(said.sessionNotOnOrAfter)}"`;
  const attributes = Object.entries(said.attributes ?? {}).map(([name, values]) => {
    const full =
      name.includes("://") || name.startsWith("urn:") ? name : `https://aws.amazon.com/SAML/Attributes/${name}`;
    const texts = values.map((value) => `<saml:AttributeValue>${escaped(value)}</saml:AttributeValue>`).join("");
    return `<saml:Attribute Name="${full}">${texts}</saml:Attribute>`;
  });
  return `<saml:Assertion xmlns:saml="${assertion}" ID="${id}" Version="2.0" IssueInstant="${at(said.issuedAt ?? 0)}">${issuer}${signature}<saml:Subject>${nameId}${confirmation.repeat(said.confirmations ?? 1)}</saml:Subject><saml:Conditions NotBefore="${at(said.notBefore ?? -1000)}" NotOnOrAfter="${end}">${restriction}${said.oneTimeUse ? "<saml:OneTimeUse/>" : ""}</saml:Conditions><saml:AuthnStatement AuthnInstant="${at(0)}"${session}><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>${attributes.join("")}</saml:AttributeStatement></saml:Assertion>`;
}
