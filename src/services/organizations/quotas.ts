/** Source: AWS Organizations User Guide, "Quotas and service limits for AWS Organizations". */
const day = 24 * 3600 * 1000;

export const quotas = {
  /** Invitations that are open count as accounts, closed accounts until they are gone for good. */
  accounts: 10,
  units: 2000,
  /** Levels of units below the root. */
  depth: 5,
  tags: 50,
  delegatedAdministratorsPerService: 3,
  /** An account that was created must be this old to leave. */
  leaveAfterMs: 7 * day,
  /** Closing: ten percent of the member accounts in thirty days, at least ten, at most a thousand. */
  closedWithinMs: 30 * day,
  fewestClosures: 10,
  mostClosures: 1000,
  /** A closed account can be seen for this long. */
  closedVisibleMs: 90 * day,
  handshakeMs: 15 * day,
  /** To enable all features. */
  migrationMs: 90 * day,
  /** Handshakes can be seen this long after they ended. */
  handshakeVisibleMs: 30 * day,
  resourcePolicyLength: 40_000,
} as const;
