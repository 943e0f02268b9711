/**
 * Quorums: a token of an officer for one action, approved by others with signatures over it.
 * Source: AWS CloudHSM User Guide, "Generate a quorum token using CloudHSM CLI" (one active token per officer and
 * service), "quorum token-sign list-timeouts" (600 seconds).
 */
import { createHash, createPublicKey, randomBytes, verify, type KeyObject } from "node:crypto";
import type { Clock } from "#kernel/clock.ts";
import { HsmError, type HsmCredentials, type QuorumService, type QuorumToken } from "../contract.ts";
import type { ClusterRecord, UserRecord } from "./records.ts";

const tokenMs = 600_000;

export interface TokenParts {
  token: QuorumToken;
  /** The cluster with this token as the active one of its officer and service. */
  cluster: ClusterRecord;
}

export function newToken(cluster: ClusterRecord, officer: string, service: QuorumService, now: number): TokenParts {
  const expiresAt = now + tokenMs;
  const unsigned = Buffer.from(
    JSON.stringify({ version: 1, service, officer, nonce: randomBytes(32).toString("base64"), expiresAt }),
  ).toString("base64");
  const current = Object.entries(cluster.tokens).filter(([, token]) => token.expiresAt > now);
  const tokens = { ...Object.fromEntries(current), [slotOf(service, officer)]: { unsigned, expiresAt } };
  const token = { tokenId: idOf(unsigned), service, unsigned, approvalsRequired: cluster.quorum[service], expiresAt };
  return { token, cluster: { ...cluster, tokens } };
}

export class QuorumCheck {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws HsmError `quorum-required`, `quorum-refused` */
  expect(cluster: ClusterRecord, users: readonly UserRecord[], as: HsmCredentials, service: QuorumService): void {
    const needed = cluster.quorum[service];
    if (needed === 0) return;
    if (!as.quorum) throw new HsmError("quorum-required", "Quorum approval is required for this operation");
    const token = cluster.tokens[slotOf(service, as.user)];
    const isCurrent = token && token.expiresAt > this.#clock.now() && idOf(token.unsigned) === as.quorum.tokenId;
    if (!isCurrent) throw new HsmError("quorum-refused", "the token is not the active one of this officer and service");
    const message = Buffer.from(token.unsigned, "base64");
    const approving = new Set<string>();
    for (const { user, signature } of as.quorum.approvals) {
      const officer = users.find(({ name, role }) => name === user && role === "admin");
      if (!officer?.quorumKey) throw new HsmError("quorum-refused", `${user} is no officer with a key`);
      const isRight = verify("sha256", message, createPublicKey(officer.quorumKey), Buffer.from(signature, "base64"));
      if (!isRight) throw new HsmError("quorum-refused", `the signature of ${user} is not of this token`);
      approving.add(user);
    }
    if (approving.size < needed) throw new HsmError("quorum-refused", `${approving.size} of ${needed} approvals`);
  }

  /** The cluster without the token that was used. */
  used(cluster: ClusterRecord, as: HsmCredentials, service: QuorumService): ClusterRecord {
    const slot = slotOf(service, as.user);
    if (!as.quorum || !cluster.tokens[slot]) return cluster;
    const { [slot]: _, ...tokens } = cluster.tokens;
    return { ...cluster, tokens };
  }
}

export function expectPublicKey(pem: string): string {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw new HsmError("invalid-argument", "not a public key in PEM", error);
  }
  if (pem.includes("PRIVATE") || key.asymmetricKeyType !== "rsa" || key.asymmetricKeyDetails?.modulusLength !== 2048) {
    throw new HsmError("invalid-argument", "approvals are signed with an RSA key of 2048 bits");
  }
  return key.export({ format: "pem", type: "spki" }) as string;
}

const slotOf = (service: QuorumService, officer: string): string => `${service}/${officer}`;
const idOf = (unsigned: string): string => createHash("sha256").update(unsigned).digest("hex");
