/**
 * What the operator's socket (`<data>/run/admin.sock`, HTTP, mode 0600) answers. Whoever may open the socket
 * owns the data folder, so there is no further authentication.
 *
 * Errors are `{ code, message }` with a 4xx or 5xx status.
 */
import type { Denial } from "#gateway/denials.ts";

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
  seal: { sealed: boolean; seal: string; development?: boolean; reason?: string };
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
  time: "/_jikimi/time",
  unseal: "/_jikimi/unseal",
  seal: "/_jikimi/seal",
  rootLink: "/_jikimi/root-link",
  backup: "/_jikimi/backup",
} as const;
