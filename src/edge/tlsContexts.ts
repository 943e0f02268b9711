/** Certificates and security policies as TLS contexts, and which of them a handshake gets. */
import { createSecureContext, type SecureContext } from "node:tls";
import type { SecurityPolicy, TlsProtocol } from "./securityPolicies.ts";

export interface LoadedCertificate {
  arn: string;
  /** PEM: leaf and intermediates. */
  chain: string;
  /** PEM. */
  privateKey: string;
  /** In lower case; `*.example.com` as it is. */
  names: readonly string[];
}

export interface CertificateContext {
  arn: string;
  names: readonly string[];
  context: SecureContext;
}

/** Hybrid groups first. Source: as `securityPolicies.ts`; names are OpenSSL's. */
const hybridGroups = "X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024";
const classicalGroups = "X25519:P-256:P-384:P-521";

/**
 * The next handshake uses what this gives; connections that are up keep theirs.
 * Throws what OpenSSL says where certificate and key do not go together.
 */
export function certificateContext(certificate: LoadedCertificate, policy: SecurityPolicy): CertificateContext {
  const { protocols } = policy;
  const oldest = protocols[0] ?? "TLSv1.2";
  // TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL only does at security level 0. Policies with those protocols ask for it.
  const level = oldest === "TLSv1" || oldest === "TLSv1.1" ? ":@SECLEVEL=0" : "";
  const context = createSecureContext({
    cert: certificate.chain,
    key: certificate.privateKey,
    minVersion: oldest,
    maxVersion: protocols.at(-1) satisfies TlsProtocol | undefined,
    ciphers: policy.ciphers.join(":") + level,
    honorCipherOrder: true,
    ecdhCurve: policy.postQuantum ? `${hybridGroups}:${classicalGroups}` : classicalGroups,
    sessionIdContext: "jikimi-edge",
  });
  return { arn: certificate.arn, names: certificate.names, context };
}

/**
 * The certificate for a server name: one that names it exactly, then one with a wildcard for it, then the default.
 * Source: Elastic Load Balancing User Guide, "Additional certificates"; among several that fit the first is taken.
 */
export function chooseCertificate(
  contexts: readonly CertificateContext[],
  serverName: string | undefined,
): CertificateContext | undefined {
  const fallback = contexts[0];
  if (serverName === undefined) return fallback;
  const wildcardName = `*${serverName.slice(serverName.indexOf("."))}`;
  return (
    contexts.find(({ names }) => names.includes(serverName)) ??
    (serverName.includes(".") ? contexts.find(({ names }) => names.includes(wildcardName)) : undefined) ??
    fallback
  );
}
