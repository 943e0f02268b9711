/**
 * A small world for this service's tests: the gateway's pipeline behind the wire, EC2 beside it, a real key holder, blobs
 * on disk, the store in memory, and a plane whose HSMs a test can kill. `openssl` is the customer's certificate authority.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { BlobStore } from "#blob/contract.ts";
import { FilesystemBlobs } from "#blob/filesystem.ts";
import type { JobContext } from "#gateway/context.ts";
import { execute } from "#gateway/execute.ts";
import type { Principal } from "#gateway/principal.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { MemoryStore } from "#gateway/testing.ts";
import { auditRecords, testJobContext, testRuntime } from "#gateway/testingRuntime.ts";
import { startKeyHolder } from "#keys/client.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { loadModel } from "#model/load.ts";
import {
  type ClusterStatus,
  firstOfficer,
  type HsmBackend,
  type HsmBackup,
  HsmError,
  type HsmPlane,
  type HsmStatus,
} from "../../hsm/contract.ts";
import { service as ec2 } from "../ec2/index.ts";
import type { Service } from "#gateway/service.ts";
import { cloudHsmService } from "./index.ts";
import type { Pace } from "./lifecycle/job.ts";

export const account = "111122223333";
export const otherAccount = "444455556666";
export const region = "us-east-1";

/** One cluster of the plane. What is kept of keys is a text; it stands for users, keys and key pair. */
interface FakeCluster {
  state: ClusterStatus["state"];
  hsms: Map<string, { alive: boolean }>;
  csr: string;
  clusterCertificate?: string;
  keys: string;
}

type Part = Pick<
  HsmPlane,
  "backend" | "createHsm" | "deleteHsm" | "deleteCluster" | "cluster" | "initialize" | "backup"
>;

export class FakePlane implements Part {
  readonly clusters = new Map<string, FakeCluster>();
  /** Thrown by the next call of the name. */
  readonly failures = new Map<keyof Part, HsmError>();
  /** The call of the name does not answer until this is resolved. */
  readonly waits = new Map<keyof Part, Promise<void>>();
  /** Calls so far. */
  readonly calls: string[] = [];
  answer: HsmBackend = { available: true, kind: "embedded", description: "a plane of a test" };

  backend = async (): Promise<HsmBackend> => this.answer;

  async createHsm(clusterId: string, hsmId: string, from?: { backup: Uint8Array }): Promise<HsmStatus> {
    this.#called("createHsm", clusterId, hsmId);
    await this.waits.get("createHsm");
    const found = this.clusters.get(clusterId);
    if (!found || found.state === "empty") {
      const kept = from && (JSON.parse(Buffer.from(from.backup).toString()) as Omit<FakeCluster, "hsms">);
      const made = kept ?? { state: "uninitialized" as const, csr: newRequest(), keys: "" };
      this.clusters.set(clusterId, { ...made, hsms: new Map() });
    }
    const { hsms } = this.clusters.get(clusterId)!;
    if (!hsms.has(hsmId)) hsms.set(hsmId, { alive: true });
    return { hsmId, alive: true, inStep: true, restarts: 0 };
  }

  async deleteHsm(clusterId: string, hsmId: string): Promise<void> {
    this.#called("deleteHsm", clusterId, hsmId);
    const found = this.clusters.get(clusterId);
    found?.hsms.delete(hsmId);
    if (found?.hsms.size === 0) this.clusters.delete(clusterId);
  }

  async deleteCluster(clusterId: string): Promise<void> {
    this.#called("deleteCluster", clusterId);
    this.clusters.delete(clusterId);
  }

  async cluster(clusterId: string): Promise<ClusterStatus | undefined> {
    this.#called("cluster", clusterId);
    const found = this.clusters.get(clusterId);
    if (!found) return undefined;
    return {
      clusterId,
      state: found.state,
      hsms: [...found.hsms].map(([hsmId, { alive }]) => ({ hsmId, alive, inStep: alive, restarts: 0 })),
      objects: 0,
      ...(this.answer.available ? { backend: this.answer } : {}),
      certificates: {
        clusterCsr: found.csr,
        hsmCertificate: "hsm",
        awsHardwareCertificate: "aws",
        manufacturerHardwareCertificate: "manufacturer",
        ...(found.clusterCertificate === undefined ? {} : { clusterCertificate: found.clusterCertificate }),
      },
      endpoints: { socket: `/run/${clusterId}.sock` },
    };
  }

  async initialize(clusterId: string, signedCertificate: string): Promise<void> {
    this.#called("initialize", clusterId);
    const found = this.clusters.get(clusterId)!;
    if (found.state !== "uninitialized") throw new HsmError("wrong-state", "initialized already");
    found.state = "initialized";
    found.clusterCertificate = signedCertificate;
  }

  async backup(clusterId: string): Promise<HsmBackup> {
    this.#called("backup", clusterId);
    const found = this.clusters.get(clusterId);
    if (!found || ![...found.hsms.values()].some(({ alive }) => alive)) throw new HsmError("no-hsm", "no HSM lives");
    const { hsms: _outside, ...kept } = found;
    return { data: Buffer.from(JSON.stringify(kept)), clusterId, backend: "embedded", users: 1, objects: 0 };
  }

  /** The customer has set his own password and made a key. */
  activate(clusterId: string, keys: string): void {
    Object.assign(this.clusters.get(clusterId)!, { state: "active", keys });
  }

  #called(name: keyof Part, ...ids: string[]): void {
    this.calls.push([name, ...ids].join(" "));
    const failure = this.failures.get(name);
    if (failure) throw failure;
  }
}

export const preCoPassword = firstOfficer.password;

export function user(name: string, inAccount = account): Principal & { kind: "user"; arn: string } {
  return {
    kind: "user",
    account: inAccount,
    arn: `arn:aws:iam::${inAccount}:user/${name}`,
    id: `AIDA${createHash("sha256").update(name).digest("hex").slice(0, 8).toUpperCase()}`,
    userName: name,
  };
}

export const admin = user("admin");
export const stranger = user("admin", otherAccount);

const everything = { Effect: "Allow", Action: "*", Resource: "*" };
const policyOf = (...statements: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement: statements });

export class World {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore(() => this.clock.now());
  readonly plane = new FakePlane();
  readonly policies = new Map<string, string>([
    [admin.arn, policyOf(everything)],
    [stranger.arn, policyOf(everything)],
  ]);
  readonly keys: KeyHolder;
  readonly blobs: BlobStore;
  readonly folder: string;
  readonly #service: Service;
  readonly #runtime: Runtime;

  private constructor(keys: KeyHolder, blobs: BlobStore, folder: string, pace: Partial<Pace>, plane?: HsmPlane) {
    this.keys = keys;
    this.blobs = blobs;
    this.folder = folder;
    const quick = { observeEveryMs: 0, pauseMs: 0, patienceMs: 60_000, ...pace };
    this.#service = cloudHsmService({
      plane: plane ?? (this.plane as unknown as HsmPlane),
      backend: () => this.plane.answer,
      pace: quick,
    });
    this.#runtime = testRuntime({
      services: [this.#service, ec2],
      store: this.store,
      keys,
      blobs,
      clock: this.clock,
      policies: this.policies,
    });
  }

  /** Over a plane of the test's own, or the double. */
  static async open(plane?: HsmPlane, pace: Partial<Pace> = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "jikimi-cloudhsm-"));
    const keys = await startKeyHolder({ dataDir: folder, seal: { kind: "development" }, logger: silentLogger });
    return new World(keys, await FilesystemBlobs.open(join(folder, "blobs")), folder, pace, plane);
  }

  async close(): Promise<void> {
    await this.keys.close();
    await this.blobs.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  allow(who: { arn: string }, ...statements: object[]): void {
    this.policies.set(who.arn, policyOf(...statements));
  }

  async call(operation: string, input: object = {}, as: Principal = admin, inRegion = region): Promise<any> {
    return this.#call("cloudhsmv2", operation, input, as, inRegion);
  }

  async ec2(operation: string, input: object = {}): Promise<any> {
    return this.#call("ec2", operation, input, admin, region);
  }

  #call(service: string, operation: string, input: object, principal: Principal, inRegion: string): Promise<any> {
    return execute(this.#runtime, {
      service: loadModel(service),
      operation,
      input: { ...input },
      principal,
      account: (principal as { account: string }).account,
      region: inRegion,
      requestId: systemRandom.uuid(),
      source: {
        ip: "127.0.0.1",
        userAgent: "test",
        host: "127.0.0.1:4566",
        scheme: "http",
        headers: {},
        calledVia: [],
      },
      signal: new AbortController().signal,
    });
  }

  /** Runs a job once, as the job runner does. */
  async run(name: string): Promise<void> {
    await this.#service.jobs.find((each) => each.name === name)!.run(this.jobContext());
  }

  /** Lets the lifecycle go on until it has nothing to do any more. */
  async settle(): Promise<void> {
    for (let before = ""; ;) {
      await this.run("lifecycle");
      const now = JSON.stringify([...this.store.rows.values()].map(({ key, version }) => [key, version]));
      if (now === before) return;
      before = now;
    }
  }

  async cluster(id: string): Promise<any> {
    const { Clusters } = await this.call("DescribeClusters", { Filters: { clusterIds: [id] } });
    return Clusters[0];
  }

  /** Two subnets of the default VPC, in zones a and b. */
  async subnets(): Promise<string[]> {
    const { Subnets } = await this.ec2("DescribeSubnets", {
      Filters: [{ Name: "default-for-az", Values: ["true"] }],
    });
    const inZone = (letter: string) =>
      Subnets.find((each: any) => each.AvailabilityZone === `${region}${letter}`).SubnetId as string;
    return [inZone("a"), inZone("b")];
  }

  async newCluster(more: object = {}): Promise<string> {
    const input = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: await this.subnets(), ...more };
    const { Cluster } = await this.call("CreateCluster", input);
    await this.settle();
    return Cluster.ClusterId;
  }

  async newHsm(clusterId: string, zone = "a"): Promise<string> {
    const { Hsm } = await this.call("CreateHsm", { ClusterId: clusterId, AvailabilityZone: `${region}${zone}` });
    await this.settle();
    return Hsm.HsmId;
  }

  /** A cluster with an HSM that the customer has claimed and activated. */
  async activeCluster(keys = "a key"): Promise<string> {
    const id = await this.newCluster();
    await this.newHsm(id);
    const { Certificates } = await this.cluster(id);
    await this.call("InitializeCluster", { ClusterId: id, ...new CustomerCa().sign(Certificates.ClusterCsr) });
    await this.settle();
    this.plane.activate(id, keys);
    await this.settle();
    return id;
  }

  async backups(input: object = {}, as: Principal = admin, inRegion = region): Promise<any[]> {
    return (await this.call("DescribeBackups", input, as, inRegion)).Backups;
  }

  records(): Record<string, any>[] {
    return auditRecords(this.store);
  }

  jobContext(): JobContext {
    return testJobContext({ store: this.store, keys: this.keys, blobs: this.blobs, clock: this.clock });
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** A certificate authority of the customer's, of a folder that is gone again when it has answered. */
export class CustomerCa {
  readonly #pem: string;
  readonly #key: string;

  constructor() {
    [this.#pem = "", this.#key = ""] = inFolder((folder) => {
      const out = ["-out", `${folder}/ca.crt`, "-keyout", `${folder}/ca.key`];
      openssl("req", "-new", "-x509", "-days", "3652", "-subj", "/CN=Customer CA", ...newKey, ...out);
      return [readFileSync(`${folder}/ca.crt`, "utf8"), readFileSync(`${folder}/ca.key`, "utf8")];
    });
  }

  /** As InitializeCluster takes it. */
  sign(csr: string, days = 3652): { SignedCert: string; TrustAnchor: string } {
    return inFolder((folder) => {
      writeFileSync(`${folder}/ca.crt`, this.#pem);
      writeFileSync(`${folder}/ca.key`, this.#key);
      writeFileSync(`${folder}/cluster.csr`, csr);
      const by = ["-CA", `${folder}/ca.crt`, "-CAkey", `${folder}/ca.key`, "-CAcreateserial"];
      openssl(
        "x509",
        "-req",
        "-days",
        String(days),
        "-in",
        `${folder}/cluster.csr`,
        ...by,
        "-out",
        `${folder}/signed.crt`,
      );
      return { SignedCert: readFileSync(`${folder}/signed.crt`, "utf8"), TrustAnchor: this.#pem };
    });
  }
}

export function newRequest(): string {
  return inFolder((folder) => {
    openssl("req", "-new", "-subj", "/CN=cluster", ...newKey, "-keyout", `${folder}/key`, "-out", `${folder}/csr`);
    return readFileSync(`${folder}/csr`, "utf8");
  });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-ca-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}
