/**
 * What a handler is given. It is already authorized, already scoped to its account and Region, and everything
 * it stages in `state` is committed by the gateway in one batch together with the audit record of the call.
 *
 * INVARIANT: a handler may run more than once for one call (the batch met a newer version). It has no effect
 * outside `state` except through `once`.
 */
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { BlobStore } from "#blob/contract.ts";
import type { Document, Page, Scope, Store } from "#store/contract.ts";
import type { Payload } from "#wire/payload.ts";
import type { IdentitySource } from "./identity.ts";
import type { Principal } from "./principal.ts";
import type { SignatureFacts } from "./runtime.ts";
import type { AuditDetail } from "./service.ts";
import type { Clients } from "./clients.ts";
import type { KeyHolder } from "#keys/contract.ts";

export interface StateQuery {
  prefix?: string;
  after?: string;
  from?: string;
  limit?: number;
  reverse?: boolean;
}

export interface StateIndexQuery {
  value?: string;
  from?: string;
  to?: string;
  after?: string;
  limit?: number;
  reverse?: boolean;
}

/** Elsewhere than the caller's own account and Region. Cross-account use comes after authorization and is reviewed. */
export type At = Partial<Scope>;

/** As `at.region` of `list`, `find` and `count`: documents of the account in every Region. */
export const everyRegion = "*";

/**
 * A unit of work over the store. `put` and `delete` after a `get` of the same document are compare-and-set on
 * the version that was seen (absent counts), so that two callers cannot overwrite each other unseen.
 * `get` sees what this call has staged; `list` and `find` see committed state.
 */
export interface State {
  get<T>(type: string, id: string, at?: At): Promise<Document<T> | undefined>;
  getMany<T>(type: string, ids: readonly string[], at?: At): Promise<(Document<T> | undefined)[]>;
  list<T>(type: string, query?: StateQuery, at?: At): Promise<Page<T>>;
  find<T>(type: string, index: string, query: StateIndexQuery, at?: At): Promise<Page<T>>;
  count(type: string, prefix?: string, at?: At): Promise<number>;
  /** Number of index rows with values in [from, to). */
  countIndex(type: string, index: string, range: { from?: string; to?: string }, at?: At): Promise<number>;
  put<T>(
    type: string,
    id: string,
    value: T,
    options?: {
      indexes?: Record<string, string | readonly string[]>;
      expiresAt?: number;
      /** 0: must be absent; a number: must be that version; "any": last writer wins. Default: as seen by `get`, else "any". */
      version?: number | "any";
      at?: At;
    },
  ): void;
  delete(type: string, id: string, options?: { version?: number | "any"; at?: At }): void;
  /** The batch fails unless the document still has the version seen by `get`. */
  check(type: string, id: string, at?: At): void;
  checkNone(type: string, prefix?: string, at?: At): void;
  /** Puts an event into a stream, in the same batch. `key` keeps order: events of one key stay in sequence. */
  emit(stream: string, key: string, event: Record<string, unknown>): void;
}

export interface CallContext {
  readonly requestId: string;
  readonly service: string;
  readonly operation: string;
  /** Account and Region the call acts in. */
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  readonly principal: Principal;
  /** Epoch milliseconds at the start of the call; the same in every run of the handler. */
  readonly now: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly state: State;
  readonly blobs: BlobStore;
  readonly keys: KeyHolder;
  readonly identity: IdentitySource;
  /** Calls to other services on behalf of the caller (forward access session: `kms:ViaService`, `aws:CalledVia` set). */
  readonly aws: Clients;
  /**
   * The same, for calls that use something and change nothing: such a call is recorded in the batch of this one and not
   * in one of its own, which costs a sync. Nothing that its answer makes possible may leave this call before the commit.
   */
  readonly awsJoined: Clients;
  /** The same in another Region. */
  awsIn(region: string): Clients;
  /** The same as a service principal, e.g. `ctx.asService("cloudtrail.amazonaws.com", { sourceArn, sourceAccount })`. */
  asService(
    service: string,
    source?: { sourceArn?: string; sourceAccount?: string; account?: string; region?: string },
  ): Clients;
  /** As a service-linked or passed role in an account, after the trust policy has been checked. */
  asRole(roleArn: string, sessionName: string, service: string): Promise<Clients>;
  /** Runs `work` once per call even when the handler is run again; its result is remembered. */
  once<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** For `perCall`: begun anew when the handler is run again. */
  readonly kept: Map<symbol, unknown>;
  /** Adds to the audit record of this call. */
  audit(detail: AuditDetail): void;
  /** Authorizes a further action during the call (PassRole, a second resource found on the way). Throws AccessDenied. */
  authorize(access: import("./service.ts").Access): Promise<void>;
  /** Like `authorize`, as a question. */
  allowed(access: import("./service.ts").Access): Promise<boolean>;
  /** What the HTTP request said; absent values were not sent. */
  readonly request: {
    sourceIp: string;
    userAgent: string;
    headers: Readonly<Record<string, string>>;
    /** "https" when TLS. */
    scheme: "http" | "https";
    host: string;
    tls?: { protocol: string; cipher: string };
    signature?: SignatureFacts;
    /** Service principals and ARNs on whose behalf this call came, outermost first. */
    calledVia: readonly string[];
  };
  /** The streaming body of the request; `digests` (MD5, CRC64NVME, the claimed checksum) are there once it has been read. */
  readonly payload?: Payload;
  /** Waiting for what other calls do, in this process or another: the store's change feed. Nothing is read through it. */
  readonly feed: ChangeFeed;
  /** Runs `work` once, when the call has been committed or refused and will not be run again. It must not throw. */
  onSettled(work: () => void): void;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Aborted when the process is told to stop: a call that only waits answers now. */
  readonly draining: AbortSignal;
  readonly config: InstallationConfig;
}

export type ChangeFeed = Pick<Store, "changes" | "lastChange" | "waitForChange">;

/** Facts of this installation that services need in their answers. */
export interface InstallationConfig {
  /** Base URL that clients reach us under, e.g. "http://127.0.0.1:4566". */
  endpoint: string;
  defaultRegion: string;
  /** The account that `jikimi up` made first; also the first organization's management account. */
  managementAccount: string;
  /** Suffixes of host names that carry a bucket in front, e.g. "localhost", "jikimi.internal". */
  hostSuffixes: readonly string[];
}

/** What jobs and reactors get: no caller, so they name the account and Region they act in. */
export interface JobContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly keys: KeyHolder;
  readonly config: InstallationConfig;
  /** The organization an account is in. */
  organization: IdentitySource["organization"];
  /** Clients as a service principal in an account and Region. */
  asService(service: string, where: { account: string; region: string; sourceArn?: string }): Clients;
  /** Clients with the permissions of a role that the service assumes, anew for each call: a role that was taken back serves no more. */
  asRole(
    roleArn: string,
    sessionName: string,
    service: string,
    where: { account: string; region: string; sourceArn?: string },
  ): Clients;
  readonly signal: AbortSignal;
}

export type ReactorContext = JobContext;
