/**
 * What is encrypted, at rest and in transit, with proof that was fetched to answer: bytes read from the medium they lie on, a
 * handshake just made. Source of what AWS encrypts always, and what on demand: the mission's systems 5 and 6.
 *
 * INVARIANT: "encrypted" is said only of bytes that were looked at and cannot be read, or of a handshake that was made; what
 * a document says of itself is not enough.
 */
import type { EncryptionMatrix, MatrixRow, MatrixScope, MatrixSources } from "./encryptionMatrixShape.ts";
import { ownAtRest } from "./encryptionMatrixOwn.ts";
import { storedResources } from "./encryptionMatrixStored.ts";
import type { MatrixKind } from "./encryptionMatrixTexts.ts";
import { inTransit } from "./encryptionMatrixTransit.ts";

export async function encryptionMatrix(sources: MatrixSources, scope: MatrixScope): Promise<EncryptionMatrix> {
  const parts = await Promise.all([
    storedResources(sources, scope),
    inTransit(sources, scope),
    scope.provider ? ownAtRest(sources) : [],
    notServed(sources),
  ]);
  const rows = parts.flat();
  const counts = { encrypted: 0, plain: 0, empty: 0, absent: 0 };
  for (const { atRest, inTransit: transit } of rows) {
    if (atRest) counts[atRest.state]++;
    if (transit) counts[transit.state]++;
  }
  return { at: sources.runtime.clock.now(), rows, counts };
}

/** Of the lists of what AWS encrypts on demand and always, the members that nobody hosts here. */
const others: readonly { kind: MatrixKind; service: string }[] = [
  { kind: "rds", service: "rds" },
  { kind: "redshift", service: "redshift" },
  { kind: "efs", service: "efs" },
  { kind: "storageGateway", service: "storagegateway" },
  { kind: "secret", service: "secretsmanager" },
  { kind: "dynamodb", service: "dynamodb" },
];

async function notServed({ runtime }: MatrixSources): Promise<MatrixRow[]> {
  return others
    .filter(({ service }) => !runtime.services.has(service))
    .map(({ kind }) => ({ kind, atRest: { state: "absent", why: "notServed" } }));
}
