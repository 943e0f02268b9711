/**
 * Issuers of tokens for the outside, one per account: where they are reached. Source: IAM User Guide, "Outbound identity federation"; the address
 * is of this installation, which serves the discovery documents itself.
 */

/** Below it, one issuer per account that has switched the feature on. */
export const issuersPath = "/_jikimi/issuers/";

/** "A unique issuer URL for your account". TLS is on the same port. */
export function issuerUrl(endpoint: string, issuerId: string): string {
  return `${issuersUrl(endpoint)}${issuerId}`;
}

export function issuersUrl(endpoint: string): string {
  return `${endpoint.replace(/^http:/, "https:").replace(/\/$/, "")}${issuersPath}`;
}
