/**
 * Who a cluster is: a key pair made here, the request and certificates over it. AWS has a manufacturer's and its own
 * hardware certificate; both are this installation's here, and their names say that it is software.
 */
import { generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { HsmError, type ClusterCertificates } from "../contract.ts";

const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: Buffer.of(1, 0, 1),
};
const yearMs = 365.25 * 86_400_000;
/** An HSM's certificates outlive it. */
const validYears = 20;

/** What is kept of it, sealed. */
export interface ClusterIdentity {
  /** What holds its keys. */
  backend: "embedded" | "pkcs11";
  /** An officer has taken it over; known also when no HSM is there to say so. */
  activated?: boolean;
  /** PKCS #8, base64. */
  privateKey: string;
  certificates: ClusterCertificates;
}

interface Pair {
  privateKey: webcrypto.CryptoKey;
  publicKey: webcrypto.CryptoKey;
  pkcs8: Buffer;
}

/** @param what the backend in words, for the names of certificates */
export async function newIdentity(
  clusterId: string,
  hsmId: string,
  what: string,
  now: number,
): Promise<Omit<ClusterIdentity, "backend">> {
  x509.cryptoProvider.set(webcrypto as never);
  const [root, operator, cluster] = await Promise.all([newPair(), newPair(), newPair()]);
  const rootName = `CN=Jikimi root of HSMs (${what}), O=Jikimi`;
  const operatorName = `CN=Operator of this installation, OU=${what}, O=Jikimi`;
  const issue = (
    subject: string,
    subjectKey: Pair,
    issuer: string,
    issuerKey: Pair,
    isAuthority: boolean,
  ): Promise<x509.X509Certificate> =>
    x509.X509CertificateGenerator.create({
      serialNumber: randomBytes(16).toString("hex"),
      subject,
      issuer,
      notBefore: new Date(now - 86_400_000),
      notAfter: new Date(now + validYears * yearMs),
      publicKey: subjectKey.publicKey as never,
      signingKey: issuerKey.privateKey as never,
      signingAlgorithm: algorithm,
      extensions: [new x509.BasicConstraintsExtension(isAuthority, undefined, true)],
    });
  const name = `CN=${clusterId}, OU=${hsmId}, O=Jikimi, L=${what}`;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys: cluster as never,
    signingAlgorithm: algorithm,
  });
  const [rootCertificate, operatorCertificate, hsmCertificate] = await Promise.all([
    issue(rootName, root, rootName, root, true),
    issue(operatorName, operator, rootName, root, true),
    issue(name, cluster, operatorName, operator, false),
  ]);
  // INVARIANT: the keys of the root and of the operator are gone with this call: nobody can claim another HSM under them.
  root.pkcs8.fill(0);
  operator.pkcs8.fill(0);
  return {
    privateKey: cluster.pkcs8.toString("base64"),
    certificates: {
      clusterCsr: `${request.toString("pem")}\n`,
      hsmCertificate: `${hsmCertificate.toString("pem")}\n`,
      awsHardwareCertificate: `${operatorCertificate.toString("pem")}\n`,
      manufacturerHardwareCertificate: `${rootCertificate.toString("pem")}\n`,
    },
  };
}

/**
 * The identity with the certificate that the customer's CA made of the request. Its time is not judged: AWS's clusters
 * work on after the certificate's end.
 */
export function certified(identity: ClusterIdentity, signedCertificate: string, trustAnchor: string): ClusterIdentity {
  const certificate = parse(signedCertificate, "the cluster certificate");
  const anchor = parse(trustAnchor, "the trust anchor");
  const own = new X509Certificate(identity.certificates.hsmCertificate).publicKey;
  if (!certificate.publicKey.equals(own)) {
    throw new HsmError("certificate-mismatch", "the certificate is not of the key in the cluster's request");
  }
  if (!certificate.checkIssued(anchor) || !certificate.verify(anchor.publicKey)) {
    throw new HsmError("certificate-invalid", "the certificate is not signed by the trust anchor");
  }
  return {
    ...identity,
    certificates: { ...identity.certificates, clusterCertificate: `${signedCertificate.trim()}\n` },
  };
}

function parse(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new HsmError("certificate-invalid", `${what} cannot be read`, error);
  }
}

async function newPair(): Promise<Pair> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: algorithm.modulusLength });
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const imported = await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
  const { e, n } = privateKey.export({ format: "jwk" });
  const jwk = { kty: "RSA", e: e!, n: n! };
  const publicKey = await webcrypto.subtle.importKey("jwk", jwk, algorithm, true, ["verify"]);
  return { privateKey: imported, publicKey, pkcs8 };
}
