/** What a gateway is made of. Built once per role, in `src/roles`. */
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { BlobStore } from "#blob/contract.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import type { ServiceModel } from "#model/types.ts";
import type { Protocol } from "#wire/contract.ts";
import type { Payload } from "#wire/payload.ts";
import type { InstallationConfig } from "./context.ts";
import type { IdentitySource } from "./identity.ts";
import type { JoinedRecords } from "./joinedRecords.ts";
import type { Principal } from "./principal.ts";
import type { Service } from "./service.ts";

export interface Runtime {
  services: ReadonlyMap<string, Service>;
  /** Model of a service by our id. */
  model(service: string): ServiceModel;
  store: Store;
  blobs: BlobStore;
  keys: KeyHolder;
  identity: IdentitySource;
  clock: Clock;
  /** The clock that clients share. Signatures are judged by it: `jikimi time` moves the installation, not its clients. */
  wallClock: Clock;
  random: Random;
  log: Logger;
  config: InstallationConfig;
  metrics: CallMetrics;
  /** Aborted when the process is told to stop and drains. */
  draining?: AbortSignal;
}

export type CallOutcome = "ok" | "denied" | "client error" | "server error";

export interface CallMetrics {
  /** One served call: seconds from the first byte of the request to the answer, and its outcome. */
  served(service: string, operation: string, outcome: CallOutcome, seconds: number): void;
}

/** One call, wherever it came from. */
export interface Call {
  service: ServiceModel;
  operation: string;
  /** Protocol of the request; absent for calls between services. */
  protocol?: Protocol;
  input: Record<string, unknown>;
  principal: Principal;
  account: string;
  region: string;
  requestId: string;
  source: CallSource;
  /** The streaming body, with the digests that are known once it has been read. */
  payload?: Payload;
  signal: AbortSignal;
  /** Of the call that makes this one, where its record may be committed with that one's. */
  joined?: JoinedRecords;
}

/** How a request was signed; S3 has condition keys for it. */
export interface SignatureFacts {
  version: "AWS4-HMAC-SHA256" | "AWS";
  authType: "REST-HEADER" | "REST-QUERY-STRING" | "POST";
  /** Milliseconds since it was made; SigV2 does not say. */
  ageMs?: number;
}

export interface CallSource {
  ip: string;
  userAgent: string;
  host: string;
  scheme: "http" | "https";
  headers: Readonly<Record<string, string>>;
  tls?: { protocol: string; cipher: string };
  signature?: SignatureFacts;
  /** Service principals on whose behalf the call is made, outermost first; empty for a client's own call. */
  calledVia: readonly string[];
}
