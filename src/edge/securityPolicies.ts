/**
 * The predefined TLS policies of load balancers: which protocols and ciphers a listener offers, in its own order of
 * preference. Source: Elastic Load Balancing User Guide, "Security policies for your Application Load Balancer".
 *
 * Left out, and refused by name: the FIPS policies (they promise a validated module, and OpenSSL here is none) and
 * `ELBSecurityPolicy-TLS-1-0-2015-04` (DES-CBC3-SHA, which OpenSSL in Node does not have).
 */
export type TlsProtocol = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

export interface SecurityPolicy {
  name: string;
  /** As DescribeSSLPolicies lists them. */
  protocols: readonly TlsProtocol[];
  /** OpenSSL's names, most wanted first. */
  ciphers: readonly string[];
  /** Hybrid key exchange with ML-KEM is offered too. */
  postQuantum: boolean;
}

const tls13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** The ciphers of TLS 1.2 and below in AWS's order, each with the groups of policies that have it. */
const olderCiphers: readonly (readonly [cipher: string, kind: CipherKind])[] = [
  ["ECDHE-ECDSA-AES128-GCM-SHA256", "ecdhe-gcm"],
  ["ECDHE-RSA-AES128-GCM-SHA256", "ecdhe-gcm"],
  ["ECDHE-ECDSA-AES128-SHA256", "ecdhe-sha2"],
  ["ECDHE-RSA-AES128-SHA256", "ecdhe-sha2"],
  ["ECDHE-ECDSA-AES128-SHA", "ecdhe-sha1"],
  ["ECDHE-RSA-AES128-SHA", "ecdhe-sha1"],
  ["ECDHE-ECDSA-AES256-GCM-SHA384", "ecdhe-gcm"],
  ["ECDHE-RSA-AES256-GCM-SHA384", "ecdhe-gcm"],
  ["ECDHE-ECDSA-AES256-SHA384", "ecdhe-sha2"],
  ["ECDHE-RSA-AES256-SHA384", "ecdhe-sha2"],
  ["ECDHE-RSA-AES256-SHA", "ecdhe-sha1"],
  ["ECDHE-ECDSA-AES256-SHA", "ecdhe-sha1"],
  ["AES128-GCM-SHA256", "rsa-sha2"],
  ["AES128-SHA256", "rsa-sha2"],
  ["AES128-SHA", "rsa-sha1"],
  ["AES256-GCM-SHA384", "rsa-sha2"],
  ["AES256-SHA256", "rsa-sha2"],
  ["AES256-SHA", "rsa-sha1"],
];

type CipherKind = "ecdhe-gcm" | "ecdhe-sha2" | "ecdhe-sha1" | "rsa-sha2" | "rsa-sha1";

const strict: readonly CipherKind[] = ["ecdhe-gcm"];
const forwardSecret: readonly CipherKind[] = ["ecdhe-gcm", "ecdhe-sha2"];
const forwardSecretAll: readonly CipherKind[] = ["ecdhe-gcm", "ecdhe-sha2", "ecdhe-sha1"];
const withoutSha1: readonly CipherKind[] = ["ecdhe-gcm", "ecdhe-sha2", "rsa-sha2"];
const all: readonly CipherKind[] = ["ecdhe-gcm", "ecdhe-sha2", "ecdhe-sha1", "rsa-sha2", "rsa-sha1"];

const from12: readonly TlsProtocol[] = ["TLSv1.2"];
const from11: readonly TlsProtocol[] = ["TLSv1.1", "TLSv1.2"];
const from10: readonly TlsProtocol[] = ["TLSv1", "TLSv1.1", "TLSv1.2"];

function policy(name: string, protocols: readonly TlsProtocol[], kinds: readonly CipherKind[]): SecurityPolicy {
  return { name: `ELBSecurityPolicy-${name}`, protocols, ciphers: older(kinds), postQuantum: false };
}

function policy13(name: string, protocols: readonly TlsProtocol[], kinds: readonly CipherKind[]): SecurityPolicy {
  return {
    name: `ELBSecurityPolicy-TLS13-${name}`,
    protocols: [...protocols, "TLSv1.3"],
    ciphers: [...tls13, ...older(kinds)],
    postQuantum: name.includes("-PQ-"),
  };
}

function older(kinds: readonly CipherKind[]): string[] {
  return olderCiphers.filter(([, kind]) => kinds.includes(kind)).map(([cipher]) => cipher);
}

export const securityPolicies: readonly SecurityPolicy[] = [
  policy("2016-08", from10, all),
  policy13("1-2-2021-06", from12, forwardSecret),
  policy13("1-2-Res-2021-06", from12, strict),
  policy13("1-2-Ext1-2021-06", from12, withoutSha1),
  policy13("1-2-Ext2-2021-06", from12, all),
  policy13("1-1-2021-06", from11, all),
  policy13("1-0-2021-06", from10, all),
  policy13("1-3-2021-06", [], []),
  policy13("1-3-PQ-2025-09", [], []),
  policy13("1-2-PQ-2025-09", from12, forwardSecret),
  policy13("1-2-Res-PQ-2025-09", from12, strict),
  policy13("1-2-Ext1-PQ-2025-09", from12, withoutSha1),
  policy13("1-2-Ext2-PQ-2025-09", from12, all),
  policy13("1-0-PQ-2025-09", from10, all),
  policy("TLS-1-2-2017-01", from12, withoutSha1),
  policy("TLS-1-1-2017-01", from11, all),
  policy("TLS-1-2-Ext-2018-06", from12, all),
  policy("FS-2018-06", from10, forwardSecretAll),
  policy("2015-05", from10, all),
  policy("FS-1-2-2019-08", from12, forwardSecretAll),
  policy("FS-1-1-2019-08", from11, forwardSecretAll),
  policy("FS-1-2-Res-2019-08", from12, forwardSecret),
  policy("FS-1-2-Res-2020-10", from12, strict),
];

const byName = new Map(securityPolicies.map((each) => [each.name, each]));

/** Undefined where we do not serve a policy of that name. */
export function securityPolicy(name: string): SecurityPolicy | undefined {
  return byName.get(name);
}
