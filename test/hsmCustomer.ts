/**
 * A customer of CloudHSM: claims a cluster with a certificate authority of his own (openssl), works with it through
 * `jikimi hsm`, and uses it as an application does, through p11-kit's unmodified client module.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CloudHSMV2, type Cluster } from "@aws-sdk/client-cloudhsm-v2";
import { EC2 } from "@aws-sdk/client-ec2";
import { run, type Ran } from "./cli.ts";
import { eventually, type Instance, repository } from "./instance.ts";

const main = join(repository, "src/cli/main.ts");
export const region = "us-east-1";

/** An installation's cluster as `jikimi hsm status` tells it. */
export interface ClusterSeen {
  clusterId: string;
  state: string;
  socket?: string;
  backend?: string;
  hsms: { hsmId: string; state: string; alive: boolean; inStep: boolean; pid?: number }[];
}

export class HsmCustomer {
  readonly #instance: Instance;
  readonly #folder: string;
  readonly #environments = new Map<string, Promise<{ PKCS11_MODULE_PATH: string }>>();
  readonly hsm: CloudHSMV2;

  /** The folder keeps his certificate authority; it is the caller's to remove. */
  constructor(instance: Instance, folder: string) {
    this.#instance = instance;
    this.#folder = folder;
    this.hsm = new CloudHSMV2({ ...instance.client, region });
  }

  async subnets(): Promise<string[]> {
    const ec2 = new EC2({ ...this.#instance.client, region });
    const { Subnets } = await ec2.describeSubnets({ Filters: [{ Name: "default-for-az", Values: ["true"] }] });
    return ["a", "b"].map((zone) => Subnets!.find((each) => each.AvailabilityZone === `${region}${zone}`)!.SubnetId!);
  }

  async cluster(id: string): Promise<Cluster | undefined> {
    const { Clusters } = await this.hsm.describeClusters({ Filters: { clusterIds: [id] } });
    return Clusters![0];
  }

  /** The cluster in this state, with so many active HSMs. */
  settled(id: string, state: string, hsms?: number): Promise<Cluster> {
    return eventually(
      async () => {
        const found = await this.cluster(id);
        const active = found?.Hsms?.filter(({ State }) => State === "ACTIVE").length;
        const all = found?.Hsms?.length;
        return found?.State === state && (hsms === undefined || (active === hsms && all === hsms)) && found;
      },
      { within: 60_000 },
    );
  }

  /** As the API of 2024 and later takes it: the SDK's types are older, its serializer sends what it is given. */
  async createCluster(more: object = {}): Promise<string> {
    const input = { HsmType: "hsm2m.medium", Mode: "FIPS", SubnetIds: await this.subnets(), ...more };
    const { Cluster: made } = await this.hsm.createCluster(input);
    return made!.ClusterId!;
  }

  async createHsm(ClusterId: string, zone = "a"): Promise<string> {
    const { Hsm } = await this.hsm.createHsm({ ClusterId, AvailabilityZone: `${region}${zone}` });
    return Hsm!.HsmId!;
  }

  /** Signs the cluster's request with his own authority. */
  async sign(csr: string): Promise<{ SignedCert: string; TrustAnchor: string }> {
    const at = (name: string): string => join(this.#folder, name);
    writeFileSync(at("cluster.csr"), csr);
    await this.openssl(
      "req",
      "-new",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "3652",
      "-subj",
      "/CN=Customer CA",
      "-keyout",
      at("ca.key"),
      "-out",
      at("ca.crt"),
    );
    await this.openssl(
      "x509",
      "-req",
      "-days",
      "3652",
      "-in",
      at("cluster.csr"),
      "-CA",
      at("ca.crt"),
      "-CAkey",
      at("ca.key"),
      "-CAcreateserial",
      "-out",
      at("cluster.crt"),
    );
    return { SignedCert: readFileSync(at("cluster.crt"), "utf8"), TrustAnchor: readFileSync(at("ca.crt"), "utf8") };
  }

  async claim(ClusterId: string): Promise<void> {
    const { Certificates } = (await this.cluster(ClusterId))!;
    await this.hsm.initializeCluster({ ClusterId, ...(await this.sign(Certificates!.ClusterCsr!)) });
    await this.settled(ClusterId, "INITIALIZED");
  }

  /** A cluster with an HSM in zone a that is claimed and activated, its officer `admin` with this password. */
  async activeCluster(password: string): Promise<string> {
    const id = await this.createCluster();
    await this.settled(id, "UNINITIALIZED");
    await this.createHsm(id);
    await this.settled(id, "UNINITIALIZED", 1);
    await this.claim(id);
    await this.must(["activate", "--cluster", id], password);
    await this.settled(id, "ACTIVE", 1);
    return id;
  }

  /** `jikimi hsm …`; passwords are lines of standard input. */
  jikimi(words: readonly string[], ...lines: string[]): Promise<Ran> {
    const args = [main, "hsm", ...words, "--json", "--data", this.#instance.dataDir];
    return run(process.execPath, args, { PATH: process.env["PATH"], LANG: "en_US.UTF-8" }, lines.join("\n"));
  }

  async must(words: readonly string[], ...lines: string[]): Promise<any> {
    const ran = await this.jikimi(words, ...lines);
    assert.equal(ran.code, 0, `jikimi hsm ${words.join(" ")}: ${ran.stderr}`);
    return JSON.parse(ran.stdout);
  }

  async seen(id: string): Promise<ClusterSeen> {
    const { clusters } = (await this.must(["status"])) as { clusters: ClusterSeen[] };
    return clusters.find(({ clusterId }) => clusterId === id)!;
  }

  /** Environment of an application, as `jikimi hsm pkcs11` prints it; asked for once. */
  async environment(id: string): Promise<NodeJS.ProcessEnv & { PKCS11_MODULE_PATH: string }> {
    const known = this.#environments.get(id) ?? this.must(["pkcs11", "--cluster", id]);
    this.#environments.set(id, known);
    return { PATH: process.env["PATH"], ...(await known) };
  }

  /** OpenSC's pkcs11-tool over p11-kit's client module; `pin` is `user:password`. */
  async pkcs11(id: string, pin: string | undefined, ...args: string[]): Promise<Ran> {
    const env = await this.environment(id);
    const login = pin === undefined ? [] : ["--login", "--pin", pin];
    return run("pkcs11-tool", ["--module", env.PKCS11_MODULE_PATH, ...login, ...args], env, "", 60_000);
  }

  async openssl(...args: string[]): Promise<string> {
    const ran = await run("openssl", args, { PATH: process.env["PATH"] });
    assert.equal(ran.code, 0, `openssl ${args[0]}: ${ran.stderr}`);
    return ran.stdout;
  }
}

/** Why these tests cannot run here. */
export async function missingForHsm(): Promise<string | false> {
  const ran = await run("sh", ["-c", "command -v pkcs11-tool && ls /usr/lib/*/pkcs11/p11-kit-client.so"], {
    PATH: process.env["PATH"],
  });
  return ran.code === 0 ? false : "needs opensc and p11-kit-modules";
}
