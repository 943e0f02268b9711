/**
 * What a role is: a module that starts, says that it is ready, and stops cleanly. The supervisor forks one
 * process per role; `jikimi run --role X` starts one alone.
 */
import type { Registry } from "prom-client";
import type { Logger } from "#kernel/log.ts";

/** Everything a role is told. No secrets: those are read from files with mode 0600. */
export interface RoleConfig {
  /** Folder of everything that is kept. Absolute. */
  dataDir: string;
  host: string;
  /** 0 takes a free port; the ready message names it. */
  port: number;
  /** `sqlite:<path>`, `postgres://…`. */
  storeUrl: string;
  /** Same as the store unless given: `nats://…`. */
  streamUrl: string;
  /** `file:<dir>`, `s3://…`. */
  blobUrl: string;
  defaultRegion: string;
  /** Processes that share the port. More than one needs a store that several processes may write: PostgreSQL. */
  apiProcesses: number;
  /** An api process beside the first one: it serves the port and leaves the sockets to the first. */
  follower?: boolean;
  /** The management account of a new installation; a random one unless given. */
  accountId?: string;
  /** Allows `jikimi time`; the offset is kept in the data folder. */
  adjustableClock: boolean;
  /** Nothing is kept; `POST /_jikimi/reset` empties everything. */
  ephemeral: boolean;
  /** Seal of a new installation, as `parseSeal` reads it. A folder that has one stays under it. */
  seal?: string;
  /** Public key of the process that shows a person what a new seal hands out (`sealSecrets.ts`). */
  sealKeeper?: string;
  /** File with the passphrase of the seal. Absent: sealed where a passphrase sealed the folder. */
  passphraseFile?: string;
}

/** Sent by the api role when it answers; what `jikimi up --json` prints, plus what a person needs once. */
export interface ApiReady {
  endpoint: string;
  consoleUrl: string;
  accountId: string;
  region: string;
  /** Credentials of the IAM administrator that the first start made; kept in `<data>/credentials` (0600). */
  accessKeyId: string;
  secretAccessKey: string;
  /** Only at the first start: the one-time link that sets the root user's password. */
  rootLink?: string;
  /** Only when a new seal handed something out: in a box for `sealKeeper`. */
  handedOut?: string;
  warnings: string[];
}

export interface RunningRole {
  /** Given to the supervisor with the ready message. */
  ready: Record<string, unknown>;
  /** Metrics of its own; those of any process unless given. */
  readonly registry?: Registry;
  /** Stop accepting, drain, commit offsets, release leases, close. Resolves when nothing is left. */
  stop(): Promise<void>;
}

/** What a role may ask of the supervisor; without one, nothing comes of it. */
export interface SupervisorLink {
  /** What an earlier process of this role asked to be kept. */
  readonly kept: Uint8Array | undefined;
  /** Keeps a secret for the next process of this role, in memory, until the supervisor ends. */
  keep(value: Uint8Array): void;
  /** Starts a role that starts only when it is needed. */
  want(role: string): void;
}

export interface RoleModule {
  start(config: RoleConfig, log: Logger, supervisor: SupervisorLink): Promise<RunningRole>;
}

/** Paths inside the data folder that more than one role knows. */
export const dataPaths = {
  /** Unix socket of the api role for other roles: store, stream, calls between services, keys. */
  internalSocket: (dataDir: string) => `${dataDir}/run/internal.sock`,
  /** Folder of the sockets of this machine's processes. */
  runFolder: (dataDir: string) => `${dataDir}/run`,
  /** Unix socket of a process for whoever gathers metrics. */
  metricsSocket: (dataDir: string, pid: number) => `${dataDir}/run/metrics.${pid}`,
  /** Unix socket of an api process for the others of its data folder: what concerns its key holder. */
  sealSocket: (dataDir: string, pid: number) => `${dataDir}/run/seal.${pid}`,
  /** Unix socket of the api role for the operator: HTTP, `/_jikimi/*`. */
  adminSocket: (dataDir: string) => `${dataDir}/run/admin.sock`,
  /** Unix socket of the volumes role for hosts that attach volumes: NBD. */
  nbdSocket: (dataDir: string) => `${dataDir}/run/nbd.sock`,
  credentials: (dataDir: string) => `${dataDir}/credentials`,
  clockOffset: (dataDir: string) => `${dataDir}/clock-offset`,
};
