/**
 * The certificate of the API's own port: a certificate authority of this installation, made at first start, and
 * a server certificate under it that is renewed before it runs out. Clients that use https trust
 * `<data>/tls/ca.pem` (`jikimi env` prints AWS_CA_BUNDLE).
 */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import type { Clock } from "#kernel/clock.ts";
import { isErrno, makeFolder, writeDurably } from "#keys/files.ts";
import type { TlsIdentity } from "#wire/server.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 3600 * 1000;
const caLifetimeMs = 3650 * dayMs;
/** Browsers and Apple's clients refuse server certificates beyond 398 days. */
const serverLifetimeMs = 397 * dayMs;
const renewBeforeMs = 30 * dayMs;

interface KeyAndCertificate {
  certificate: x509.X509Certificate;
  keys: CryptoKeyPair;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

export async function openTlsIdentity(dataDir: string, clock: Clock, names: readonly string[]): Promise<TlsIdentity> {
  x509.cryptoProvider.set(webcrypto as never);
  const folder = join(dataDir, "tls");
  await makeFolder(folder);
  const ca = (await load(folder, "ca")) ?? (await makeAuthority(folder, clock));
  const kept = await load(folder, "server");
  const wanted = subjectNames(names);
  const usable =
    kept !== undefined &&
    kept.certificate.notAfter.getTime() - clock.now() > renewBeforeMs &&
    kept.certificate.issuer === ca.certificate.subject;
  const server = usable ? kept : await makeServer(folder, ca, clock, wanted);
  return {
    cert: server.certificate.toString("pem") + "\n" + ca.certificate.toString("pem"),
    key: await exportKey(server.keys.privateKey),
  };
}

function subjectNames(names: readonly string[]): x509.JsonGeneralName[] {
  const dns = new Set(["localhost", "*.localhost", hostname(), ...names.flatMap((name) => [name, `*.${name}`])]);
  return [
    ...[...dns].map((value) => ({ type: "dns", value }) as const),
    { type: "ip", value: "127.0.0.1" },
    { type: "ip", value: "::1" },
  ];
}

async function makeAuthority(folder: string, clock: Clock): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=Jikimi local CA ${hostname()}`,
    notBefore: new Date(clock.now() - dayMs),
    notAfter: new Date(clock.now() + caLifetimeMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await save(folder, "ca", { certificate, keys });
}

async function makeServer(
  folder: string,
  ca: KeyAndCertificate,
  clock: Clock,
  names: x509.JsonGeneralName[],
): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: "CN=localhost",
    issuer: ca.certificate.subject,
    notBefore: new Date(clock.now() - dayMs),
    notAfter: new Date(clock.now() + serverLifetimeMs),
    publicKey: keys.publicKey,
    signingKey: ca.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(ca.certificate),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await save(folder, "server", { certificate, keys });
}

/**
 * A certificate under the installation's authority for a key that signs and serves nothing, e.g. SNS's notifications.
 * @param publicKey SubjectPublicKeyInfo, DER. Times in epoch milliseconds.
 */
export async function issueSigningCertificate(
  dataDir: string,
  publicKey: Uint8Array,
  subject: string,
  validity: { from: number; until: number },
): Promise<string> {
  x509.cryptoProvider.set(webcrypto as never);
  const ca = await load(join(dataDir, "tls"), "ca");
  if (!ca) throw new Error("the installation has no certificate authority yet");
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject,
    issuer: ca.certificate.subject,
    notBefore: new Date(validity.from),
    notAfter: new Date(validity.until),
    publicKey: new x509.PublicKey(new Uint8Array(publicKey)),
    signingKey: ca.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(ca.certificate),
    ],
  });
  return certificate.toString("pem") + "\n";
}

async function newKeys(): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
}

function serial(): string {
  return Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString("hex");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

async function save(folder: string, name: string, made: KeyAndCertificate): Promise<KeyAndCertificate> {
  await writeDurably(join(folder, `${name}.key`), await exportKey(made.keys.privateKey));
  await writeDurably(join(folder, `${name}.pem`), made.certificate.toString("pem") + "\n");
  return made;
}

async function load(folder: string, name: string): Promise<KeyAndCertificate | undefined> {
  try {
    const certificate = new x509.X509Certificate(await readFile(join(folder, `${name}.pem`), "utf8"));
    const [pkcs8] = x509.PemConverter.decode(await readFile(join(folder, `${name}.key`), "utf8"));
    const privateKey = await webcrypto.subtle.importKey("pkcs8", pkcs8!, algorithm, true, ["sign"]);
    const publicKey = await certificate.publicKey.export(algorithm, ["verify"], webcrypto as never);
    return { certificate, keys: { privateKey, publicKey } as CryptoKeyPair };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
