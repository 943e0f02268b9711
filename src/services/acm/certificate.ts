/**
 * Is this a certificate that can be served, with this key and this chain? Pure but for the time that comes in.
 * Source: ACM User Guide, "Prerequisites for importing ACM certificates", "Certificate and key format for importing".
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { validation } from "./errors.ts";

export interface CertificateFacts {
  /** As ACM names them: `RSA-2048`, `EC-prime256v1`. */
  keyAlgorithm: string;
  signatureAlgorithm: string;
  /** Common name, or the first alternative name. */
  domain: string;
  names: string[];
  subject: string;
  issuer: string;
  /** Hexadecimal pairs. */
  serial: string;
  notBefore: number;
  notAfter: number;
  keyUsages: string[];
  extendedKeyUsages: { name: string; oid: string }[];
}

export interface Given {
  certificate: string;
  privateKey: string;
  chain: string | undefined;
}

export interface Checked {
  facts: CertificateFacts;
  /** PEM, one line break at the end. */
  body: string;
  chain: string;
  /** PKCS #8, PEM. */
  privateKey: string;
}

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

function blocks(text: string): string[] {
  return text.match(block) ?? [];
}

function parsed(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw validation(`The ${what} is not PEM-encoded or is not valid.`);
  }
}

/** @throws ValidationException */
export function checkCertificate(given: Given, now: number): Checked {
  const own = blocks(given.certificate);
  if (own.length > 1) {
    throw validation(
      "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
    );
  }
  if (own.length === 0) throw validation("The certificate is not PEM-encoded or is not valid.");
  const leaf = parsed(own[0]!, "certificate");
  if (versionOf(leaf.raw) !== 3) throw validation("The certificate must be an X.509 version 3 certificate.");
  const keyAlgorithm = algorithmOf(leaf.publicKey);
  const privateKey = readKey(given.privateKey);
  if (!leaf.checkPrivateKey(privateKey)) throw validation("The private key does not match the certificate.");
  requireCurrent(leaf, "certificate", now);
  const chain = checkChain(leaf, given.chain, now);
  return {
    facts: factsOf(leaf, keyAlgorithm),
    body: `${own[0]!.trim()}\n`,
    chain,
    privateKey: privateKey.export({ format: "pem", type: "pkcs8" }),
  };
}

function readKey(pem: string): KeyObject {
  if (!/-----BEGIN (RSA |EC |ENCRYPTED )?PRIVATE KEY-----/.test(pem)) {
    throw validation("The private key is not PEM-encoded or is not valid.");
  }
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(pem)) {
    throw validation("The private key is protected by a password. Only unencrypted private keys can be imported.");
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw validation("The private key is not PEM-encoded or is not valid.");
  }
  algorithmOf(key);
  return key;
}

/** Sizes and curves that ACM takes. */
const rsaBits: ReadonlySet<number> = new Set([1024, 2048, 3072, 4096]);
const curves: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

function algorithmOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa" && rsaBits.has(modulusLength ?? 0)) return `RSA-${modulusLength}`;
  if (key.asymmetricKeyType === "ec" && curves.has(namedCurve ?? "")) return `EC-${namedCurve}`;
  throw validation("The private key is not supported.");
}

function requireCurrent(certificate: X509Certificate, what: string, now: number): void {
  if (certificate.validToDate.getTime() < now) throw validation(`The ${what} has expired, is not valid.`);
  if (certificate.validFromDate.getTime() > now) throw validation(`The ${what} is not in effect yet, is not valid.`);
}

/** Longest chain that is followed. */
const mostIntermediates = 20;

/** Each certificate is signed by the next; without a chain the certificate signs itself. Gives the chain as PEM. */
function checkChain(leaf: X509Certificate, text: string | undefined, now: number): string {
  if (text === undefined || text.trim() === "") {
    if (leaf.checkIssued(leaf) && leaf.verify(leaf.publicKey)) return "";
    throw validation(
      "Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or certificate chain.",
    );
  }
  const pems = blocks(text);
  if (pems.length === 0 || pems.length > mostIntermediates) {
    throw validation("The certificate chain is not PEM-encoded or is not valid.");
  }
  let signed = leaf;
  for (const issuer of pems.map((pem) => parsed(pem, "certificate chain"))) {
    requireCurrent(issuer, "certificate chain", now);
    if (!issuer.ca || !signed.checkIssued(issuer) || !signed.verify(issuer.publicKey)) {
      throw validation("Could not validate the certificate with the certificate chain.");
    }
    signed = issuer;
  }
  return `${pems.map((pem) => pem.trim()).join("\n")}\n`;
}

/**
 * Version of a DER certificate: `Certificate { TBSCertificate { [0] { INTEGER } … } }`; without the tag it is 1.
 * Source: RFC 5280, section 4.1.
 */
function versionOf(der: Uint8Array): number {
  const tbs = contentAt(der, contentAt(der, 0));
  return der[tbs] === 0xa0 && der[tbs + 2] === 2 ? (der[tbs + 4] ?? 0) + 1 : 1;
}

/** Where the content of the element at `at` begins. */
function contentAt(der: Uint8Array, at: number): number {
  const length = der[at + 1] ?? 0;
  return at + 2 + (length & 0x80 ? length & 0x7f : 0);
}

function factsOf(leaf: X509Certificate, keyAlgorithm: string): CertificateFacts {
  const subject = distinguishedName(leaf.subject);
  const commonName = /^CN=(.*)$/m.exec(leaf.subject ?? "")?.[1];
  const alternative = [...(leaf.subjectAltName ?? "").matchAll(/DNS:("[^"]*"|[^,]+)/g)].map((each) =>
    each[1]!.replaceAll('"', "").trim().toLowerCase(),
  );
  const names = alternative.length > 0 ? [...new Set(alternative)] : commonName ? [commonName.toLowerCase()] : [];
  return {
    keyAlgorithm,
    signatureAlgorithm: signatureName(leaf.signatureAlgorithm),
    domain: commonName ?? names[0] ?? "",
    names,
    subject,
    issuer: /^O=(.*)$/m.exec(leaf.issuer ?? "")?.[1] ?? /^CN=(.*)$/m.exec(leaf.issuer ?? "")?.[1] ?? "",
    serial: (leaf.serialNumber.length % 2 === 0 ? leaf.serialNumber : `0${leaf.serialNumber}`)
      .toLowerCase()
      .match(/../g)!
      .join(":"),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
    keyUsages: keyUsagesOf(leaf.raw),
    extendedKeyUsages: (leaf.keyUsage ?? []).map((oid) => ({ oid, name: extendedUsages[oid] ?? "CUSTOM" })),
  };
}

function distinguishedName(text: string | undefined): string {
  return (text ?? "").split("\n").filter(Boolean).toReversed().join(",");
}

/** `sha256WithRSAEncryption` → `SHA256WITHRSA`; `ecdsa-with-SHA256` → `SHA256WITHECDSA`. */
function signatureName(name: string | undefined): string {
  const ecdsa = /^ecdsa-with-(SHA\d+)$/i.exec(name ?? "");
  if (ecdsa) return `${ecdsa[1]!.toUpperCase()}WITHECDSA`;
  return (name ?? "").replace(/Encryption$/, "").toUpperCase();
}

/** Source: ACM API Reference, ExtendedKeyUsage; RFC 5280, section 4.2.1.12. */
const extendedUsages: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "TLS_WEB_SERVER_AUTHENTICATION",
  "1.3.6.1.5.5.7.3.2": "TLS_WEB_CLIENT_AUTHENTICATION",
  "1.3.6.1.5.5.7.3.3": "CODE_SIGNING",
  "1.3.6.1.5.5.7.3.4": "EMAIL_PROTECTION",
  "1.3.6.1.5.5.7.3.8": "TIME_STAMPING",
  "1.3.6.1.5.5.7.3.9": "OCSP_SIGNING",
  "2.5.29.37.0": "ANY",
};

/** Bits of the extension, first bit first. Source: RFC 5280, section 4.2.1.3; ACM API Reference, KeyUsage. */
const usageBits = [
  "DIGITAL_SIGNATURE",
  "NON_REPUDIATION",
  "KEY_ENCIPHERMENT",
  "DATA_ENCIPHERMENT",
  "KEY_AGREEMENT",
  "CERTIFICATE_SIGNING",
  "CRL_SIGNING",
  "ENCIPHER_ONLY",
  "DECIPHER_ONLY",
];

/** OID 2.5.29.15 in DER. */
const usageOid = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x0f]);

function keyUsagesOf(der: Uint8Array): string[] {
  const bytes = Buffer.from(der);
  let at = bytes.indexOf(usageOid);
  if (at < 0) return [];
  at += usageOid.length;
  // The critical flag, if it is there; then the bit string inside the octet string.
  if (bytes[at] === 0x01) at += 3;
  if (bytes[at] !== 0x04 || bytes[at + 2] !== 0x03) return [];
  const length = bytes[at + 3]! - 1;
  const bits = bytes.subarray(at + 5, at + 5 + length);
  return usageBits.filter((_, bit) => ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}
