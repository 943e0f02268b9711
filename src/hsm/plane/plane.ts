/** The clusters of an installation, in the process that keeps them. Others reach it through `client.ts`. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import { makeFolder } from "#keys/files.ts";
import {
  HsmError,
  type ClusterStatus,
  type HsmBackend,
  type HsmBackup,
  type HsmCredentials,
  type HsmPlane,
  type HsmRole,
  type HsmStatus,
  type HsmUser,
  type QuorumService,
  type QuorumToken,
} from "../contract.ts";
import type { OfficerAction } from "../process/messages.ts";
import { passwordCost } from "../vault/secrets.ts";
import type { PasswordCost } from "../vault/records.ts";
import { readBackup, writeBackup } from "./backup.ts";
import { embeddedBackend, type ChosenBackend } from "./backends.ts";
import { Cluster } from "./cluster.ts";
import type { Heartbeat } from "./hsmChild.ts";

export interface PlaneOptions {
  /** Folder of everything that is kept of HSMs. */
  folder: string;
  /** Folder of the applications' sockets. */
  socketFolder: string;
  /** Anybody on this machine may connect: where the operator named a folder for it. */
  sharedSockets: boolean;
  /** 32 bytes; what is on disk is closed under it, besides under users' passwords. */
  secret: Buffer;
  backend: ChosenBackend;
  /** User of the HSMs' processes. */
  owner?: { uid: number; gid: number };
  clock: Clock & { offset?: number };
  log: Logger;
  /** For tests: what a password costs. */
  cost?: PasswordCost;
  /** For tests: how soon an HSM that does not answer is noticed. */
  heartbeat?: Heartbeat;
}

type Local = Omit<HsmPlane, "openSession">;

const idForm = /^[a-z][a-z0-9-]{0,62}$/;
const mostHsms = 28;

export class Plane implements Local {
  readonly #options: PlaneOptions;
  readonly #clusters = new Map<string, Cluster>();
  /** Clusters that are on the disk and cannot be read. */
  readonly #broken = new Set<string>();
  /** HSMs that are being made. */
  readonly #making = new Set<Promise<HsmStatus>>();

  private constructor(options: PlaneOptions) {
    this.#options = options;
  }

  static async open(options: PlaneOptions): Promise<Plane> {
    const plane = new Plane(options);
    await makeFolder(options.folder);
    await mkdir(options.socketFolder, { recursive: true, mode: options.sharedSockets ? 0o755 : 0o700 });
    for (const entry of await readdir(options.folder, { withFileTypes: true })) {
      if (!entry.isDirectory() || !idForm.test(entry.name)) continue;
      const inside = await readdir(join(options.folder, entry.name), { withFileTypes: true });
      const hsmIds = inside.filter((each) => each.isDirectory() && idForm.test(each.name)).map(({ name }) => name);
      const cluster = plane.#newCluster(entry.name);
      try {
        await cluster.open(hsmIds);
        plane.#clusters.set(entry.name, cluster);
      } catch (error) {
        // INVARIANT: what cannot be taken up is neither served nor made anew; the others are served.
        options.log.error({ cluster: entry.name, err: error }, "a cluster cannot be taken up");
        plane.#broken.add(entry.name);
        await cluster.close();
      }
    }
    return plane;
  }

  async backend(): Promise<HsmBackend> {
    const { kind, description, module } = this.#options.backend;
    if (kind === "none") return { available: false, reason: description };
    return { available: true, kind, description, ...(module === undefined ? {} : { module }) };
  }

  createHsm(clusterId: string, hsmId: string, from?: { backup: Uint8Array }): Promise<HsmStatus> {
    const making = this.#make(clusterId, hsmId, from).finally(() => this.#making.delete(making));
    this.#making.add(making);
    return making;
  }

  async #make(clusterId: string, hsmId: string, from?: { backup: Uint8Array }): Promise<HsmStatus> {
    checkId(clusterId);
    checkId(hsmId);
    this.#expectWhole(clusterId);
    const { backend } = this.#options;
    if (backend.kind === "none" && !this.#clusters.has(clusterId))
      throw new HsmError("unavailable", backend.description);
    const content = from && readBackup(this.#options.secret, from.backup);
    let cluster = this.#clusters.get(clusterId);
    if (!cluster) {
      await makeFolder(join(this.#options.folder, clusterId));
      // Another call may have been first.
      cluster = this.#clusters.get(clusterId) ?? this.#newCluster(clusterId);
      this.#clusters.set(clusterId, cluster);
    }
    if (cluster.status().hsms.length >= mostHsms)
      throw new HsmError("invalid-argument", `a cluster has at most ${mostHsms} HSMs`);
    return cluster.addHsm(hsmId, content);
  }

  async deleteHsm(clusterId: string, hsmId: string): Promise<void> {
    checkId(hsmId);
    await this.#cluster(clusterId).removeHsm(hsmId);
  }

  async deleteCluster(clusterId: string): Promise<void> {
    const cluster = this.#clusters.get(clusterId);
    if (!cluster) return;
    this.#clusters.delete(clusterId);
    await cluster.remove();
  }

  /** Removes every cluster, also what cannot be read of one: for an installation that is emptied while it runs. */
  async clear(): Promise<void> {
    // What was asked for before this is made first, so that it goes too.
    await Promise.allSettled(this.#making);
    await Promise.all([...this.#clusters.keys()].map((clusterId) => this.deleteCluster(clusterId)));
    for (const clusterId of this.#broken) {
      await rm(join(this.#options.folder, clusterId), { recursive: true, force: true });
      this.#broken.delete(clusterId);
    }
  }

  async cluster(clusterId: string): Promise<ClusterStatus | undefined> {
    this.#expectWhole(clusterId);
    return this.#clusters.get(clusterId)?.status();
  }

  async initialize(clusterId: string, signedCertificate: string, trustAnchor: string): Promise<void> {
    await this.#cluster(clusterId).initialize(signedCertificate, trustAnchor);
  }

  async listUsers(clusterId: string): Promise<HsmUser[]> {
    return (await this.#do(clusterId, "list")) as HsmUser[];
  }

  async createUser(
    clusterId: string,
    as: HsmCredentials,
    user: { name: string; role: HsmRole; password: string },
  ): Promise<void> {
    await this.#do(clusterId, "createUser", as, user);
  }

  async deleteUser(clusterId: string, as: HsmCredentials, name: string): Promise<void> {
    await this.#do(clusterId, "deleteUser", as, name);
  }

  async changePassword(clusterId: string, as: HsmCredentials, name: string, password: string): Promise<void> {
    await this.#do(clusterId, "changePassword", as, name, password);
  }

  async checkLogin(clusterId: string, as: HsmCredentials): Promise<HsmRole> {
    return (await this.#do(clusterId, "checkLogin", as)) as HsmRole;
  }

  async registerQuorumKey(clusterId: string, as: HsmCredentials, publicKey: string): Promise<void> {
    await this.#do(clusterId, "registerQuorumKey", as, publicKey);
  }

  async setQuorum(clusterId: string, as: HsmCredentials, service: QuorumService, approvals: number): Promise<void> {
    await this.#do(clusterId, "setQuorum", as, service, approvals);
  }

  async quorum(clusterId: string): Promise<Record<QuorumService, number>> {
    return (await this.#do(clusterId, "quorum")) as Record<QuorumService, number>;
  }

  async quorumToken(clusterId: string, as: HsmCredentials, service: QuorumService): Promise<QuorumToken> {
    return (await this.#do(clusterId, "quorumToken", as, service)) as QuorumToken;
  }

  async shareKey(clusterId: string, as: HsmCredentials, keyId: string, withUser: string): Promise<void> {
    await this.#do(clusterId, "shareKey", as, keyId, withUser);
  }

  async unshareKey(clusterId: string, as: HsmCredentials, keyId: string, withUser: string): Promise<void> {
    await this.#do(clusterId, "unshareKey", as, keyId, withUser);
  }

  async backup(clusterId: string): Promise<HsmBackup> {
    return writeBackup(this.#options.secret, { clusterId, ...(await this.#cluster(clusterId).snapshot()) });
  }

  /** The installation's clock has moved. */
  clockMoved(offset: number): void {
    for (const cluster of this.#clusters.values()) cluster.clock(offset);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.close()));
  }

  #do(clusterId: string, action: OfficerAction, ...values: unknown[]): Promise<unknown> {
    const cluster = this.#cluster(clusterId);
    if (cluster.state === "empty" || cluster.state === "uninitialized") {
      throw new HsmError("wrong-state", `the cluster is ${cluster.state}`);
    }
    return cluster.do(action, values);
  }

  #cluster(clusterId: string): Cluster {
    this.#expectWhole(clusterId);
    const cluster = this.#clusters.get(clusterId);
    if (!cluster) throw new HsmError("no-such-cluster", `there is no cluster ${clusterId}`);
    return cluster;
  }

  #expectWhole(clusterId: string): void {
    if (this.#broken.has(clusterId)) throw new HsmError("unavailable", `what is kept of ${clusterId} cannot be read`);
  }

  #newCluster(clusterId: string): Cluster {
    const { folder, socketFolder, sharedSockets, secret, backend, owner, clock, log, cost, heartbeat } = this.#options;
    return new Cluster({
      clusterId,
      folder: join(folder, clusterId),
      socketPath: join(socketFolder, `${clusterId}.sock`),
      sharedSocket: sharedSockets,
      secret,
      backend,
      backends: { embedded: embeddedBackend, ...(backend.kind === "pkcs11" ? { pkcs11: backend } : {}) },
      cost: cost ?? passwordCost,
      ...(heartbeat ? { heartbeat } : {}),
      ...(owner ? { owner } : {}),
      now: () => clock.now(),
      clockOffset: () => clock.offset ?? 0,
      log,
    });
  }
}

function checkId(id: string): void {
  if (!idForm.test(id))
    throw new HsmError("invalid-argument", `an id is made of small letters, digits and dashes: ${id}`);
}
