/**
 * Is this the certificate of the cluster's key, issued by this trust anchor? Looked at before anything is begun, so that
 * whoever sends another one hears of it at once; the HSM looks again. Pure but for the time that comes in.
 * Source: CloudHSM API Reference, InitializeCluster ("a maximum of 5000 characters", "You must use a self-signed
 * certificate"); RFC 2986, section 4 (PKCS #10).
 */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { invalid } from "./errors.ts";

const mostCharacters = 5_000;

/** @throws CloudHsmInvalidRequestException */
export function checkSignedCertificate(
  given: { signedCertificate: string; trustAnchor: string; csr: string },
  now: number,
): void {
  const signed = parsed(given.signedCertificate, "SignedCert");
  const anchor = parsed(given.trustAnchor, "TrustAnchor");
  requireReadable(signed, "SignedCert");
  requireReadable(anchor, "TrustAnchor");
  if (!anchor.checkIssued(anchor) || !anchor.verify(anchor.publicKey)) {
    throw invalid("TrustAnchor is not a self-signed certificate.");
  }
  if (!signed.checkIssued(anchor) || !signed.verify(anchor.publicKey)) {
    throw invalid("SignedCert was not issued by the certificate in TrustAnchor.");
  }
  if (!sameKey(signed.publicKey, keyOfRequest(given.csr))) {
    throw invalid("SignedCert is not a certificate of the key in the cluster's certificate signing request.");
  }
  for (const [certificate, what] of [
    [signed, "SignedCert"],
    [anchor, "TrustAnchor"],
  ] as const) {
    if (certificate.validToDate.getTime() < now) throw invalid(`${what} has expired.`);
  }
}

function parsed(pem: string, what: string): X509Certificate {
  if (pem.length > mostCharacters) throw invalid(`${what} can contain a maximum of ${mostCharacters} characters.`);
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length !== 1) throw invalid(`${what} must be one certificate in PEM format.`);
  try {
    return new X509Certificate(blocks[0]!);
  } catch {
    throw invalid(`${what} must be one certificate in PEM format.`);
  }
}

/** A certificate of a key that OpenSSL does not know opens, and only its key does not. */
function requireReadable(certificate: X509Certificate, what: string): void {
  try {
    certificate.publicKey.export({ format: "der", type: "spki" });
  } catch {
    throw invalid(`${what} has a key of an unknown kind.`);
  }
}

function sameKey(one: KeyObject, other: KeyObject): boolean {
  const der = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" });
  return der(one).equals(der(other));
}

/** `CertificationRequest { CertificationRequestInfo { version, subject, subjectPublicKeyInfo, … }, … }`, made by ourselves. */
function keyOfRequest(pem: string): KeyObject {
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ""), "base64");
  const info = element(der, element(der, 0).content);
  const version = element(der, info.content);
  const subject = element(der, version.end);
  const key = der.subarray(subject.end, element(der, subject.end).end);
  return createPublicKey({ key, format: "der", type: "spki" });
}

/** Where the content of the element at `at` begins, and where the element ends. DER, X.690 section 8.1.3. */
function element(der: Buffer, at: number): { content: number; end: number } {
  const first = der[at + 1] ?? 0;
  const count = first & 0x80 ? first & 0x7f : 0;
  const length = count === 0 ? first : der.readUIntBE(at + 2, count);
  const content = at + 2 + count;
  return { content, end: content + length };
}
