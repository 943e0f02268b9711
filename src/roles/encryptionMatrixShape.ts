/** The encryption matrix as it is answered, and what it is made from. */
import type { Runtime } from "#gateway/runtime.ts";
import type { Store } from "#store/contract.ts";
import type { Stream } from "#stream/contract.ts";
import type { BytesProof } from "./encryptionMatrixBytes.ts";
import type { MatrixKind, Why } from "./encryptionMatrixTexts.ts";
import type { RoleConfig } from "./role.ts";

export interface HandshakeProof {
  address: string;
  /** `TLSv1.3`; absent of a connection without TLS. */
  protocol?: string;
  cipher?: string;
}

export interface Cell {
  /** `empty`: there is nothing now that could be looked at. */
  state: "encrypted" | "plain" | "empty" | "absent";
  /** ARN of the key, or whose it is otherwise. */
  key?: string;
  why?: Why;
  proof?: BytesProof | HandshakeProof;
}

export interface MatrixRow {
  /** Kind of resource. */
  kind: MatrixKind;
  /** ARN, name, path or address. */
  resource?: string;
  atRest?: Cell;
  inTransit?: Cell;
}

export interface EncryptionMatrix {
  /** Epoch milliseconds of the installation. */
  at: number;
  rows: MatrixRow[];
  counts: Record<Cell["state"], number>;
}

/** Keys that are not in KMS. */
export const ownKeys = {
  /** Under the installation's domain key. */
  keyHolder: "key holder",
  /** A data key of a process, which the key holder protects. */
  documents: "key holder (documents)",
  /** The customer's own, which is not kept. */
  customer: "SSE-C",
  seal: "seal",
} as const;

export interface MatrixSources {
  runtime: Pick<Runtime, "blobs" | "clock" | "services" | "keys">;
  /** As they are kept, without the keys that open them. */
  store: Store;
  stream: Stream;
  config: Pick<RoleConfig, "dataDir" | "storeUrl" | "streamUrl">;
  endpoint: string;
}

/** Whose resources are looked at; of the installation's own things only its operator is told. */
export interface MatrixScope {
  /** Every account's unless given. */
  account?: string;
  provider: boolean;
}
