/**
 * What the operator's socket (`<data>/run/admin.sock`, HTTP, mode 0600) answers. Whoever may open the socket
 * owns the data folder, so there is no further authentication.
 *
 * Errors are `{ code, message }` with a 4xx or 5xx status.
 */
import type { Denial } from "#gateway/denials.ts";
import type { EncryptionMatrix } from "./encryptionMatrixShape.ts";
import type { LedgerReport } from "./ledgerReport.ts";
import type { HsmKey, HsmUser, QuorumToken } from "../hsm/contract.ts";
import type { HsmsView } from "../services/cloudhsmv2/operator.ts";
import type { ProxyConfiguration, ProxyView } from "../services/kms/xksProxy/operator.ts";

export interface AdminError {
  code: string;
  message: string;
}

/** `GET /_jikimi/status` */
export interface AdminStatus {
  version: string;
  endpoint: string;
  consoleUrl: string;
  accountId: string;
  region: string;
  /** Epoch milliseconds of the installation's clock, which may have been moved. */
  now: number;
  uptimeMs: number;
  seal: AdminSealState;
  services: { id: string; operations: number }[];
  /** What the edge serves, and what it cannot serve and why. */
  listeners: { served: number; troubled: AdminListenerTrouble[] };
}

export interface AdminListenerTrouble {
  /** Its ARN. */
  listener: string;
  /** `impaired`: some of its addresses are served. */
  state: "impaired" | "failed";
  reason: string;
}

/** Of `POST /_jikimi/seal` and `POST /_jikimi/unseal`, too. */
export interface AdminSealState {
  sealed: boolean;
  /** Its kind. */
  seal: string;
  development?: boolean;
  /** Why it is sealed. */
  reason?: string;
  /** Of a seal with shares, once some of them have been entered. */
  shares?: { entered: number; needed: number };
}

/**
 * `GET /_jikimi/seal-key`: what secrets are encrypted to (`sealSecrets.ts`) for `POST /_jikimi/unseal` with
 * `{ boxes: { publicKey: box } }`: the passphrase, or one share at a time, for the key holder of each api process.
 * 403 `SealError` when it does not open.
 */
export interface AdminSealKey {
  /** Of the process that was asked; it is the one that comes under another seal, too. */
  publicKey: string;
  others: string[];
}

/**
 * `POST /_jikimi/seal/rekey` with `{ to, secret?, recipient?, passphraseFile? }`: the first half of coming under another
 * seal. `POST /_jikimi/seal/confirm` with `{ id }` is the second, when what was handed out is kept; until then the old
 * seal holds.
 */
export interface AdminRekey {
  id: string;
  /** In a box for the recipient. */
  handedOut?: string;
}

/** `GET /_jikimi/why-denied?requestId=`. 404 `NotFound` when no refused call has that id. */
export type AdminWhyDenied = Denial;

/** `GET /_jikimi/coverage`: what is served of each service's model. */
export interface AdminCoverage {
  services: { id: string; implemented: string[]; missing: string[] }[];
}

/**
 * `GET /_jikimi/findings?archived=true&format=asff`: GuardDuty's findings of every account and Region, the gravest
 * first, as EventBridge has them or in the AWS Security Finding Format. Archived ones only when asked for.
 */
export interface AdminFindings {
  findings: Record<string, unknown>[];
}

/** `GET /_jikimi/ledger?month=2026-11`: what the use of every account would cost on AWS. The present month unless given. */
export type AdminLedger = LedgerReport;

/** `GET /_jikimi/encryption-matrix`: what of every account and of the installation is encrypted, with proof. */
export type AdminEncryptionMatrix = EncryptionMatrix;

/** `POST /_jikimi/time` with `{ advanceMs }`; 409 when the clock is not adjustable. */
export interface AdminTime {
  now: number;
  offsetMs: number;
}

/** `POST /_jikimi/root-link` */
export interface AdminRootLink {
  url: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/**
 * `GET /_jikimi/xks-proxies`: this installation's own XKS proxies. `POST` with `{ name, action }`, where `action` is
 * "create" or "add-credential" (answered with `AdminXksConfiguration`), "delete", "remove-credential" with
 * `{ accessKeyId }`, "put-key" with `{ externalKeyId, keyArn, usage? }` or "remove-key" with `{ externalKeyId }`.
 */
export interface AdminXksProxies {
  proxies: ProxyView[];
}

/** The file that KMS's console takes; its secret is told this once. */
export type AdminXksConfiguration = ProxyConfiguration;

/**
 * `GET /_jikimi/hsm`: clusters of hardware security modules, and what serves them. `POST` with `{ action, clusterId }` and,
 * of who acts, `{ user, password, quorum? }`: "activate" `{ newPassword }`, "users" (answered with `AdminHsmUser[]`),
 * "create-user" `{ name, role, newPassword }`, "delete-user" `{ name }`, "change-password" `{ name, newPassword }`,
 * "quorum" (approvals by service), "set-quorum" `{ service, approvals }`, "register-quorum-key" `{ publicKey }`,
 * "quorum-token" `{ service }` (`AdminQuorumToken`), "keys" (`AdminHsmKey[]`), "share-key" and "unshare-key" `{ keyId, name }`.
 */
export type AdminHsms = HsmsView;
export type AdminHsmUser = HsmUser;
export type AdminQuorumToken = QuorumToken;
export interface AdminHsmKey extends Omit<HsmKey, "keyId"> {
  /** CKA_ID, hexadecimal, as `pkcs11-tool --id` takes it. */
  keyId: string;
}

/** `POST /_jikimi/backup` with `{ path }`: absolute, must not exist. Answers when all of it is on disk. */
export interface AdminBackup {
  path: string;
  keysPath: string;
  files: number;
  bytes: number;
}

export const adminPaths = {
  status: "/_jikimi/status",
  readyz: "/_jikimi/readyz",
  whyDenied: "/_jikimi/why-denied",
  coverage: "/_jikimi/coverage",
  findings: "/_jikimi/findings",
  encryptionMatrix: "/_jikimi/encryption-matrix",
  ledger: "/_jikimi/ledger",
  time: "/_jikimi/time",
  unseal: "/_jikimi/unseal",
  seal: "/_jikimi/seal",
  sealKey: "/_jikimi/seal-key",
  rekey: "/_jikimi/seal/rekey",
  confirmRekey: "/_jikimi/seal/confirm",
  rootLink: "/_jikimi/root-link",
  backup: "/_jikimi/backup",
  xksProxies: "/_jikimi/xks-proxies",
  hsm: "/_jikimi/hsm",
} as const;
