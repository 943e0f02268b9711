/** For tests: a plane in a folder of its own, with clusters that are ready, and programs that use them. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AdjustableClock } from "#kernel/clock.ts";
import { silentLogger } from "#kernel/log.ts";
import { firstOfficer, type HsmCredentials } from "./contract.ts";
import { embeddedBackend, type ChosenBackend } from "./plane/backends.ts";
import { Plane } from "./plane/plane.ts";

/** Cheap, so that tests are quick; the product's is in `secrets.ts`. */
export const testCost = { memoryKiB: 64, passes: 1 };

export const officer: HsmCredentials = { user: firstOfficer.name, password: "officer-1" };

export const testSecret = Buffer.alloc(32, 7);

export class TestPlane {
  readonly folder: string;
  readonly clock = new AdjustableClock();
  readonly backend: ChosenBackend;
  plane!: Plane;
  heartbeat: { everyMs: number; withinMs: number } | undefined;

  private constructor(backend: ChosenBackend, folder: string) {
    this.backend = backend;
    this.folder = folder;
  }

  /** @param folder what an earlier one left */
  static async open(
    backend: ChosenBackend = embeddedBackend,
    folder: string = mkdtempSync(join(tmpdir(), "jikimi-hsm-")),
  ): Promise<TestPlane> {
    const test = new TestPlane(backend, folder);
    await test.start();
    return test;
  }

  async start(): Promise<void> {
    this.plane = await Plane.open({
      folder: join(this.folder, "hsm"),
      socketFolder: join(this.folder, "run"),
      sharedSockets: false,
      secret: testSecret,
      backend: this.backend,
      clock: this.clock,
      log: silentLogger,
      cost: testCost,
      ...(this.heartbeat ? { heartbeat: this.heartbeat } : {}),
    });
  }

  async restart(): Promise<void> {
    await this.plane.close();
    await this.start();
  }

  async close(): Promise<void> {
    await this.plane.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A cluster with HSMs, initialized and activated, with a crypto user per name; passwords are `<name>-password`. */
  async activeCluster(clusterId: string, hsms: number, users: readonly string[]): Promise<string> {
    for (let index = 1; index <= hsms; index++) await this.plane.createHsm(clusterId, `hsm-${clusterId}-${index}`);
    await this.initialize(clusterId);
    await this.plane.changePassword(clusterId, firstOfficerCredentials, firstOfficer.name, officer.password);
    for (const name of users) {
      await this.plane.createUser(clusterId, officer, { name, role: "crypto-user", password: `${name}-password` });
    }
    return this.socket(clusterId);
  }

  socket(clusterId: string): string {
    return join(this.folder, "run", `${clusterId}.sock`);
  }

  /** As a customer does it, with openssl. */
  async initialize(clusterId: string): Promise<void> {
    const { certificates } = (await this.plane.cluster(clusterId))!;
    const { signed, anchor } = signRequest(this.folder, certificates!.clusterCsr);
    await this.plane.initialize(clusterId, signed, anchor);
  }
}

export const firstOfficerCredentials: HsmCredentials = { user: firstOfficer.name, password: firstOfficer.password };

/** Signs a request by a certificate authority of the customer's. */
export function signRequest(folder: string, request: string): { signed: string; anchor: string } {
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  if (!existsSync(file("ca.pem"))) {
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "30",
      "-subj",
      "/CN=Customer CA",
      "-keyout",
      file("ca.key"),
      "-out",
      file("ca.pem"),
    );
  }
  writeFileSync(file("cluster.csr"), request);
  openssl(
    "x509",
    "-req",
    "-days",
    "30",
    "-in",
    file("cluster.csr"),
    "-CA",
    file("ca.pem"),
    "-CAkey",
    file("ca.key"),
    "-CAcreateserial",
    "-out",
    file("cluster.pem"),
  );
  return { signed: readFileSync(file("cluster.pem"), "utf8"), anchor: readFileSync(file("ca.pem"), "utf8") };
}

/** Debian's client of the protocol. */
export const clientModule = globSync("/usr/lib/*/pkcs11/p11-kit-client.so")[0];

export interface Output {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program with an HSM's socket, while this process goes on serving. */
export function runAt(
  socket: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Output> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        encoding: "utf8",
        timeout: 30_000,
        env: { ...process.env, P11_KIT_SERVER_ADDRESS: `unix:path=${socket}`, ...env },
      },
      (error, stdout, stderr) =>
        resolve({ status: error ? ((error.code as number | undefined) ?? null) : 0, stdout, stderr }),
    );
  });
}

export function pkcs11Tool(socket: string, ...args: string[]): Promise<Output> {
  return runAt(socket, "pkcs11-tool", ["--module", clientModule!, ...args]);
}
