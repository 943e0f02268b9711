/**
 * One cluster: its HSMs, what they have acknowledged, and the socket of its applications.
 * INVARIANT: a change is acknowledged when every HSM has it on disk and every one that lives has it in memory.
 */
import { createServer, type Server, type Socket } from "node:net";
import { chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, writeDurably } from "#keys/files.ts";
import type { Logger } from "#kernel/log.ts";
import { HsmError, type ClusterState, type ClusterStatus, type HsmStatus } from "../contract.ts";
import type { HsmStart, OfficerAction } from "../process/messages.ts";
import { close as closeBox, derive, open as openBox } from "../vault/box.ts";
import { clusterKey, type Change, type ClusterRecord, type Entry, type PasswordCost } from "../vault/records.ts";
import type { ChosenBackend } from "./backends.ts";
import { Commits } from "./commits.ts";
import { HsmChild, type Heartbeat } from "./hsmChild.ts";
import { certified, newIdentity, type ClusterIdentity } from "./identity.ts";
import { Journal, JournalDamaged } from "./journal.ts";
import { takeFiles, TokenFolders, tokenFolderOf, withoutFiles } from "./tokenFolders.ts";

export interface ClusterParts {
  clusterId: string;
  folder: string;
  socketPath: string;
  /** Anybody on this machine may connect, not only who owns the data folder. */
  sharedSocket: boolean;
  secret: Buffer;
  /** Of a new cluster. One that is there stays with its own. */
  backend: ChosenBackend;
  backends: Readonly<Partial<Record<ClusterIdentity["backend"], ChosenBackend>>>;
  cost: PasswordCost;
  heartbeat?: Heartbeat;
  owner?: { uid: number; gid: number };
  now(): number;
  clockOffset(): number;
  log: Logger;
}

/** What a backup has of a cluster. */
export interface ClusterContent {
  identity: ClusterIdentity;
  entries: Entry[];
  /** Of the module, by their paths; base64. Of a time when they were not among the entries. */
  files?: Record<string, string>;
}

interface Hsm {
  hsmId: string;
  journal: Journal;
  child: HsmChild;
}

/** Linux keeps the path of a Unix socket in 108 bytes, the last of them NUL. Source: unix(7). */
const longestPath = 107;
const startMs = 30_000;
/** How long an application waits for an HSM while all of them are starting again. */
const patienceMs = 5_000;

export class Cluster {
  readonly #parts: ClusterParts;
  readonly #hsms = new Map<string, Hsm>();
  readonly #commits: Commits;
  #identity: ClusterIdentity | undefined;
  #server: Server | undefined;
  /** Where tokens are ours. */
  #tokens: TokenFolders | undefined;
  #turn = 0;
  /** Changes of what a cluster is made of happen one after the other. */
  #line: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#commits = new Commits({
      write: (entries) => this.#writeEverywhere(entries),
      apply: async (entries) => {
        await this.#tokens?.apply(entries, (hsmId) => this.#hsms.get(hsmId)?.child.kill());
        const own = withoutFiles(entries);
        if (own.length > 0) await Promise.all([...this.#hsms.values()].map(({ child }) => child.apply(own)));
        await this.#noteActivation();
      },
    });
  }

  get clusterId(): string {
    return this.#parts.clusterId;
  }

  /** Takes up what an earlier plane left. @param hsmIds folders that are there */
  async open(hsmIds: readonly string[]): Promise<void> {
    this.#identity = await this.#readIdentity();
    const journals = new Map<string, Journal>();
    try {
      for (const hsmId of hsmIds) {
        const journal = await this.#openJournal(hsmId);
        if (journal) journals.set(hsmId, journal);
      }
      // What one HSM has, all have: whatever was acknowledged is in every journal, the rest may be.
      for (const journal of journals.values()) for (const entry of journal.entries()) this.#commits.remember(entry);
      if (!this.#isOutOfReach()) {
        if (this.#identity) this.#openTokens();
        if (journals.size > 0) await this.#tokens?.takeShared();
        await this.#startAll(hsmIds, journals);
        if (this.#hsms.size > 0) await this.#tokens?.removeShared();
      }
    } finally {
      for (const [hsmId, journal] of journals) if (!this.#hsms.has(hsmId)) await journal.close();
    }
    if (this.#hsms.size > 0) await this.#listen();
  }

  async #startAll(hsmIds: readonly string[], journals: Map<string, Journal>): Promise<void> {
    for (const hsmId of hsmIds) {
      const journal = journals.get(hsmId) ?? (await this.#replaceJournal(hsmId, journals.size));
      if (!journal) continue;
      journals.set(hsmId, journal);
      const missing = this.#commits.all().filter(({ key, version }) => (journal.get(key)?.version ?? 0) < version);
      if (missing.length > 0) await journal.append(missing);
      this.#startHsm(hsmId, journal);
    }
  }

  #isOutOfReach(): boolean {
    try {
      void this.#backend;
      return false;
    } catch (error) {
      this.#parts.log.error({ cluster: this.clusterId, err: error }, "a cluster is not served");
      return true;
    }
  }

  get state(): ClusterState {
    if (!this.#identity) return "empty";
    if (!this.#identity.certificates.clusterCertificate) return "uninitialized";
    return this.#identity.activated || this.#isActivated() ? "active" : "initialized";
  }

  #isActivated(): boolean {
    return (this.#commits.get(clusterKey)?.record as ClusterRecord | undefined)?.activated === true;
  }

  status(): ClusterStatus {
    const objects = this.#commits.all().filter(({ record }) => record?.kind === "object").length;
    return {
      clusterId: this.clusterId,
      state: this.state,
      hsms: [...this.#hsms.values()].map(statusOf),
      objects,
      ...this.#named(),
      ...(this.#identity ? { certificates: this.#identity.certificates } : {}),
      endpoints: { socket: this.#parts.socketPath },
    };
  }

  #named(): Pick<ClusterStatus, "backend"> {
    if (!this.#identity) return {};
    const { backend: kind } = this.#identity;
    const description = this.#parts.backends[kind]?.description ?? "PKCS #11 module that is not set";
    return { backend: { kind, description } };
  }

  /** @param from identity and entries of a backup */
  addHsm(hsmId: string, from?: ClusterContent): Promise<HsmStatus> {
    return this.#inLine(async () => {
      const known = this.#hsms.get(hsmId);
      if (known) return this.#whenReady(known);
      if (this.#hsms.size > 0 && from) throw new HsmError("wrong-state", "a cluster that has HSMs takes no backup");
      if (this.#hsms.size === 0) await this.#begin(hsmId, from);
      const journal = await Journal.open(join(this.#parts.folder, hsmId), this.#journalKey(), this.clusterId);
      await this.#commits.between(async () => {
        await journal.rewrite(this.#commits.all());
        this.#startHsm(hsmId, journal);
      });
      if (!this.#server) await this.#listen();
      return this.#whenReady(this.#hsms.get(hsmId)!);
    });
  }

  removeHsm(hsmId: string): Promise<void> {
    return this.#inLine(async () => {
      const hsm = this.#hsms.get(hsmId);
      if (hsm) {
        this.#hsms.delete(hsmId);
        await hsm.child.close();
        await this.#commits.between(() => hsm.journal.close());
      }
      this.#tokens?.forget(hsmId);
      await rm(join(this.#parts.folder, hsmId), { recursive: true, force: true });
      if (this.#hsms.size > 0) return;
      await this.#tokens?.removeShared();
      this.#tokens = undefined;
      this.#commits.forget();
      await this.#unlisten();
    });
  }

  /** Ends everything and removes it. */
  remove(): Promise<void> {
    return this.#inLine(async () => {
      await this.#stop();
      await rm(this.#parts.folder, { recursive: true, force: true });
    });
  }

  close(): Promise<void> {
    return this.#inLine(() => this.#stop());
  }

  initialize(signedCertificate: string, trustAnchor: string): Promise<void> {
    return this.#inLine(async () => {
      if (!this.#identity || this.state !== "uninitialized") {
        throw new HsmError("wrong-state", `the cluster is ${this.state}`);
      }
      const identity = certified(this.#identity, signedCertificate, trustAnchor);
      // A call that came to its end halfway begins again: the officer is there already.
      if (!this.#commits.get(clusterKey)) await this.#makeFirstOfficer();
      await this.#keepIdentity(identity);
    });
  }

  /** An HSM makes the token that all will have. INVARIANT: one of an attempt before, whose PIN nobody knows, is gone. */
  async #makeFirstOfficer(): Promise<void> {
    const hsm = this.#someHsm();
    await this.#commits.between(async () => this.#tokens?.begin(hsm.hsmId));
    await hsm.do("initialize", [this.#backend.pin?.()]);
  }

  do(action: OfficerAction, values: unknown[]): Promise<unknown> {
    return this.#someHsm().do(action, values);
  }

  /** Everything acknowledged. */
  async snapshot(): Promise<ClusterContent> {
    const identity = this.#identity;
    if (!identity || this.#hsms.size === 0) throw new HsmError("no-hsm", "the cluster has no HSM");
    const { settings, kind } = this.#backend;
    if (kind === "pkcs11" && !settings) {
      throw new HsmError("unsupported", "the keys are in a module, which is backed up by its own means");
    }
    return this.#commits.between(async () => ({ identity, entries: this.#commits.all() }));
  }

  clock(offset: number): void {
    for (const { child } of this.#hsms.values()) child.clock(offset);
  }

  /** Keys of the module are in their files, under its PIN, which is in the boxes of users. */
  #restore({ identity, entries, files = {} }: ClusterContent): void {
    const { backend } = this.#parts;
    if (identity.backend !== "embedded" && (backend.kind !== identity.backend || !backend.settings)) {
      throw new HsmError("unsupported", `the backup is of a ${identity.backend} cluster`);
    }
    this.#commits.forget();
    for (const entry of entries) this.#commits.remember(entry);
    takeFiles(this.#commits, files);
  }

  #someHsm(): HsmChild {
    const ready = [...this.#hsms.values()].filter(({ child }) => child.isReady);
    if (ready.length === 0) throw new HsmError("no-hsm", "no HSM of the cluster lives");
    return ready[this.#turn++ % ready.length]!.child;
  }

  async #begin(hsmId: string, from: ClusterContent | undefined): Promise<void> {
    if (from) {
      this.#restore(from);
      await this.#keepIdentity(from.identity);
      return this.#openTokens();
    }
    if (this.state === "initialized" || this.state === "active") {
      throw new HsmError(
        "wrong-state",
        "the HSMs of this cluster were deleted: it begins again with one of its backups",
      );
    }
    this.#identity ??= await this.#makeIdentity(hsmId);
    this.#openTokens();
  }

  async #makeIdentity(hsmId: string): Promise<ClusterIdentity> {
    const { backend, now } = this.#parts;
    if (backend.kind === "none") throw new HsmError("unavailable", backend.description);
    const made = await newIdentity(this.clusterId, hsmId, backend.description, now());
    const identity = { ...made, backend: backend.kind };
    await this.#keepIdentity(identity);
    return identity;
  }

  async #keepIdentity(identity: ClusterIdentity): Promise<void> {
    const box = closeBox(this.#identityKey(), this.clusterId, Buffer.from(JSON.stringify(identity)));
    await writeDurably(join(this.#parts.folder, identityFile), box);
    this.#identity = identity;
  }

  async #readIdentity(): Promise<ClusterIdentity | undefined> {
    const box = await readFile(join(this.#parts.folder, identityFile)).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    });
    return box && (JSON.parse(openBox(this.#identityKey(), this.clusterId, box).toString("utf8")) as ClusterIdentity);
  }

  async #openJournal(hsmId: string): Promise<Journal | undefined> {
    try {
      return await Journal.open(join(this.#parts.folder, hsmId), this.#journalKey(), this.clusterId);
    } catch (error) {
      if (!(error instanceof JournalDamaged)) throw error;
      this.#parts.log.error({ hsm: hsmId, err: error }, "the journal of an HSM is damaged");
      return undefined;
    }
  }

  /** A damaged journal is made anew of the others. INVARIANT: of nothing, it is not: the HSM stays away. */
  async #replaceJournal(hsmId: string, others: number): Promise<Journal | undefined> {
    if (others === 0) return undefined;
    const folder = join(this.#parts.folder, hsmId);
    await rm(join(folder, "journal"), { force: true });
    return Journal.open(folder, this.#journalKey(), this.clusterId);
  }

  #startHsm(hsmId: string, journal: Journal): void {
    const { log, owner, heartbeat } = this.#parts;
    const child: HsmChild = new HsmChild({
      hsmId,
      log,
      ...(owner ? { owner } : {}),
      ...(heartbeat ? { heartbeat } : {}),
      prepare: () => this.#prepare(hsmId, child),
      start: () => this.#startMessage(hsmId),
      look: async (event) => this.#tokens?.look(hsmId, event),
      commit: (changes) => this.#commit(hsmId, changes),
      passOn: (socket) => void this.#place(socket),
    });
    this.#hsms.set(hsmId, { hsmId, journal, child });
  }

  #startMessage(hsmId: string): HsmStart {
    const { folder, cost, clockOffset } = this.#parts;
    const { kind, description, choose } = this.#backend;
    const names = { label: this.clusterId, model: kind, serial: hsmId.slice(-16), description };
    const backend = choose(tokenFolderOf(folder, hsmId));
    return { names, entries: withoutFiles(this.#commits.all()), cost, backend, clockOffset: clockOffset() };
  }

  /** @throws HsmError where the backend that has the keys is not on this machine any more */
  get #backend(): ChosenBackend {
    const { backend, backends } = this.#parts;
    if (!this.#identity || backend.kind === this.#identity.backend) return backend;
    const own = backends[this.#identity.backend];
    if (!own)
      throw new HsmError("unavailable", `the keys of ${this.clusterId} are in a PKCS #11 module that is not set`);
    return own;
  }

  async #whenReady({ child, ...hsm }: Hsm): Promise<HsmStatus> {
    await child.untilReady(startMs);
    return statusOf({ child, ...hsm });
  }

  /** The records say it; this is for the time when there is no HSM to ask. */
  async #noteActivation(): Promise<void> {
    if (!this.#identity || this.#identity.activated || !this.#isActivated()) return;
    await this.#keepIdentity({ ...this.#identity, activated: true }).catch((error: unknown) => {
      this.#parts.log.error({ cluster: this.clusterId, err: error }, "the activation of a cluster is not noted");
    });
  }

  /** An HSM that cannot write goes, the others go on; when none can, nothing happened. */
  async #writeEverywhere(entries: readonly Entry[]): Promise<void> {
    const hsms = [...this.#hsms.values()];
    const results = await Promise.allSettled(hsms.map(({ journal }) => journal.append(entries)));
    if (results.every(({ status }) => status === "fulfilled") && hsms.length > 0) return;
    if (!results.some(({ status }) => status === "fulfilled")) {
      throw (
        (results[0] as PromiseRejectedResult | undefined)?.reason ?? new HsmError("no-hsm", "the cluster has no HSM")
      );
    }
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled") continue;
      const { hsmId, child, journal } = hsms[index]!;
      this.#parts.log.error(
        { hsm: hsmId, err: result.reason as Error },
        "an HSM cannot write: it is out of the cluster until the next start",
      );
      this.#hsms.delete(hsmId);
      this.#tokens?.forget(hsmId);
      await child.close();
      await journal.close().catch(() => {});
    }
  }

  #openTokens(): void {
    const { settings } = this.#backend;
    const { folder, log } = this.#parts;
    if (settings) this.#tokens ??= new TokenFolders({ folder, settings, commits: this.#commits, log });
  }

  /** INVARIANT: an HSM begins with a token folder that has what was acknowledged, and nothing else. */
  #prepare(hsmId: string, child: HsmChild): Promise<void> {
    return this.#commits.between(async () => {
      // It may have been removed meanwhile.
      if (this.#hsms.get(hsmId)?.child === child) await this.#tokens?.begin(hsmId);
    });
  }

  async #commit(hsmId: string, changes: readonly Change[]): Promise<{ done: boolean; entries: Entry[] }> {
    const completed = (await this.#tokens?.completed(hsmId, changes)) ?? changes;
    try {
      const { done, entries } = await this.#commits.commit(completed);
      return { done, entries: withoutFiles(entries) };
    } finally {
      await this.#tokens?.drop(hsmId, completed);
    }
  }

  async #listen(): Promise<void> {
    const { socketPath, sharedSocket } = this.#parts;
    if (Buffer.byteLength(socketPath) > longestPath) {
      throw new HsmError(
        "unavailable",
        `a socket's path has at most ${longestPath} bytes: ${socketPath}; JIKIMI_HSM_SOCKETS names a shorter folder`,
      );
    }
    await rm(socketPath, { force: true });
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      void this.#place(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const mask = process.umask(0o177);
      try {
        server.listen({ path: socketPath, backlog: 4_096 }, resolve);
      } finally {
        process.umask(mask);
      }
    });
    if (sharedSocket) await chmod(socketPath, 0o666);
    this.#server = server;
  }

  async #unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    // Its end is not waited for: sockets that were handed to an HSM count until that one is gone.
    server.close();
    await rm(this.#parts.socketPath, { force: true });
  }

  /** Nothing of what an application says is read here: its HSM gets the socket as it is. */
  async #place(socket: Socket): Promise<void> {
    const until = performance.now() + patienceMs;
    while (![...this.#hsms.values()].some(({ child }) => child.isReady)) {
      if (this.#closed || socket.destroyed || this.#hsms.size === 0 || performance.now() > until)
        return void socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    if (!socket.destroyed) this.#someHsm().connect(socket);
  }

  async #stop(): Promise<void> {
    this.#closed = true;
    await this.#unlisten();
    await Promise.all([...this.#hsms.values()].map(({ child }) => child.close()));
    await this.#commits.between(async () => {
      for (const { journal } of this.#hsms.values()) await journal.close();
    });
    this.#hsms.clear();
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#line.then(work);
    this.#line = result.catch(() => {});
    return result;
  }

  #journalKey(): Buffer {
    return derive(this.#parts.secret, Buffer.from(this.clusterId), "jikimi-hsm/journal");
  }

  #identityKey(): Buffer {
    return derive(this.#parts.secret, Buffer.from(this.clusterId), "jikimi-hsm/identity");
  }
}

export const identityFile = "cluster";

function statusOf({ hsmId, child }: Pick<Hsm, "hsmId" | "child">): HsmStatus {
  const { isReady, pid, restarts } = child;
  return { hsmId, alive: isReady, inStep: isReady, restarts, ...(pid === undefined ? {} : { pid }) };
}
