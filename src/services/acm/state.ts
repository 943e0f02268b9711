/**
 * What ACM keeps, in the account and Region of the certificate:
 *
 * | service | type | id | what |
 * |---|---|---|---|
 * | acm | certificate | uuid | the certificate, its facts and tags |
 * | acm | configuration | `account` | of expiry events |
 * | edge | certificate | ARN | what listeners serve: PEM, and the private key protected by the key holder |
 * | edge | certificate-use | ARN/user's id | written by whoever serves it: `{ resource }`; a user checks the edge's certificate |
 *
 * INVARIANT: the private key is nowhere but in the edge's document, and no operation reads it.
 * INVARIANT: a certificate with a use is not deleted: the deletion demands that there is none, and a new use demands the
 * certificate as it was seen, so that of two at once one fails.
 */
import type { CertificateFacts } from "./certificate.ts";

export const serviceId = "acm";
export const keyPurpose = "acm-private-key";
export const certificateUse = "certificate-use";

export const types = { certificate: "certificate", configuration: "configuration" } as const;

export interface Certificate extends CertificateFacts {
  id: string;
  arn: string;
  /** PEM. */
  body: string;
  /** PEM of the intermediates; empty: none. */
  chain: string;
  createdAt: number;
  importedAt: number;
  tags: Record<string, string>;
  /** Day (since 1970) of the last event about its expiry. */
  toldOn?: number;
  /** The event that it has expired is sent once. */
  toldExpired?: true;
}

export interface Configuration {
  daysBeforeExpiry: number;
}

export interface CertificateUse {
  /** ARN of what serves it, e.g. of a load balancer. */
  resource: string;
}
