/** The world of the tests of CloudHSM key stores: KMS beside a plane whose every failure a test can bring about. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, randomBytes, webcrypto } from "node:crypto";
import { after, before, beforeEach } from "node:test";
import * as x509 from "@peculiar/x509";
import { defineService } from "#gateway/service.ts";
import { type ClusterState, HsmError, type HsmFailure, type HsmSession } from "#hsm/contract.ts";
import type { KeyStorePlane } from "./keyStores/hsmSessions.ts";
import { region, World } from "./testing.ts";

// oxlint-disable-next-line typescript/no-explicit-any
export type Json = Record<string, any>;
type Cluster = {
  State: string;
  Hsms: { State: string; AvailabilityZone: string; HsmId: string }[];
  SubnetMapping: Record<string, string>;
  Certificates: { ClusterCertificate?: string };
};

export const firstPassword = "kms-password-1";

/** A cluster as simple as it can be; keys are of kmsuser. */
class PlaneDouble implements KeyStorePlane {
  state: ClusterState = "active";
  clusterIds = new Set<string>();
  alive = 2;
  fails: HsmFailure | undefined;
  /** Thrown once a new password has been set: what a killed process leaves behind. */
  dies = false;
  user: { password: string; failed: number; role: "crypto-user" | "admin" } | undefined;
  sessions = new Set<symbol>();
  /** Somebody else who is logged in. */
  others = 0;
  keys = new Map<string, Buffer>();
  logins = 0;

  async cluster(clusterId: string): ReturnType<KeyStorePlane["cluster"]> {
    if (this.fails) throw new HsmError(this.fails, "as told");
    if (!this.clusterIds.has(clusterId)) return undefined;
    const hsms = [0, 1].map((at) => ({
      hsmId: `hsm-${at}`,
      alive: at < this.alive,
      inStep: at < this.alive,
      restarts: 0,
    }));
    return { clusterId, state: this.state, hsms, objects: this.keys.size, endpoints: { socket: "" } };
  }

  async listUsers(): ReturnType<KeyStorePlane["listUsers"]> {
    if (!this.user) return [];
    const { failed, role } = this.user;
    const sessions = this.sessions.size + this.others;
    return [{ name: "kmsuser", role, locked: failed >= 5, failedLogins: failed, quorumKey: false, sessions }];
  }

  #login(password: string): void {
    this.logins++;
    if (!this.user) throw new HsmError("login-refused", "");
    if (this.user.failed >= 5) throw new HsmError("user-locked", "");
    if (this.user.password === password) return void (this.user.failed = 0);
    this.user.failed++;
    throw new HsmError("login-refused", "");
  }

  async checkLogin(_: string, { password }: { password: string }): ReturnType<KeyStorePlane["checkLogin"]> {
    this.#login(password);
    return "crypto-user";
  }

  async changePassword(_: string, as: { password: string }, _name: string, password: string): Promise<void> {
    this.#login(as.password);
    this.user!.password = password;
    this.sessions.clear();
    if (!this.dies) return;
    this.dies = false;
    throw new Error("killed");
  }

  async openSession(clusterId: string, { password }: { password: string }): Promise<HsmSession> {
    if (this.alive === 0) throw new HsmError("no-hsm", "");
    this.#login(password);
    const id = Symbol(clusterId);
    this.sessions.add(id);
    const usable = () => {
      if (this.fails) throw new HsmError(this.fails, "as told");
      if (this.alive === 0) throw new HsmError("no-hsm", "");
      if (!this.sessions.has(id)) throw new HsmError("login-refused", "this session has ended");
    };
    const keyOf = ({ id: name }: { id: string }) => {
      usable();
      const key = this.keys.get(name);
      if (!key) throw new HsmError("key-missing", "");
      return key;
    };
    const session: Partial<HsmSession> = {
      generateAesKey: async ({ label, keyId }) => {
        usable();
        const name = Buffer.from(keyId).toString("hex");
        if (this.keys.has(name)) throw new HsmError("key-exists", "");
        this.keys.set(name, randomBytes(32));
        return { id: name, label, keyId, kind: "AES", class: "secret", extractable: false };
      },
      find: async (keyId) => {
        usable();
        const name = Buffer.from(keyId).toString("hex");
        if (!this.keys.has(name)) return undefined;
        return { id: name, label: "", keyId, kind: "AES", class: "secret", extractable: false };
      },
      encrypt: async (key, data, aad) => {
        const iv = randomBytes(12);
        const cipher = createCipheriv("aes-256-gcm", keyOf(key), iv).setAAD(aad);
        const ciphertext = Buffer.concat([cipher.update(data), cipher.final()]);
        return { iv, ciphertext, tag: cipher.getAuthTag() };
      },
      decrypt: async (key, { iv, ciphertext, tag }, aad) => {
        const decipher = createDecipheriv("aes-256-gcm", keyOf(key), iv, { authTagLength: 16 });
        decipher.setAAD(aad).setAuthTag(tag);
        try {
          return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
        } catch {
          throw new HsmError("invalid-ciphertext", "");
        }
      },
      random: async (count) => {
        usable();
        return randomBytes(count);
      },
      destroy: async (key) => {
        keyOf(key);
        this.keys.delete(key.id);
      },
      close: async () => void this.sessions.delete(id),
    };
    return session as HsmSession;
  }
}

/** A certificate authority of a customer's, and clusters it has signed. */
export async function authority(name: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const anchor = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
  });
  return {
    anchor: anchor.toString("pem"),
    async signed(subject: string): Promise<string> {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const made = await x509.X509CertificateGenerator.create({
        subject: `CN=${subject}`,
        issuer: anchor.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
      });
      return made.toString("pem");
    },
  };
}

export let plane: PlaneDouble;
/** Has the key holder. */
export let first: World;
export let world: World;
export let ca: Awaited<ReturnType<typeof authority>>;
export const clusters = new Map<string, Cluster>();
export const clusterId = "cluster-abcdefg2345";

export async function aCluster(id: string, change: Partial<Cluster> = {}): Promise<void> {
  plane.clusterIds.add(id);
  clusters.set(id, {
    State: "ACTIVE",
    Hsms: [0, 1].map((at) => ({ State: "ACTIVE", AvailabilityZone: `${region}${"ab"[at]}`, HsmId: `hsm-${at}` })),
    SubnetMapping: { [`${region}a`]: "subnet-1", [`${region}b`]: "subnet-2" },
    Certificates: { ClusterCertificate: await ca.signed(id) },
    ...change,
  });
}

export const cloudHsm = defineService<typeof import("@aws-sdk/client-cloudhsm-v2")>()({
  id: "cloudhsmv2",
  operations: {
    DescribeClusters: ({ Filters }) => {
      const found = (Filters?.["clusterIds"] ?? []).filter((id) => clusters.has(id));
      return { Clusters: found.map((ClusterId) => ({ ClusterId, ...clusters.get(ClusterId) })) };
    },
  },
  access: { DescribeClusters: () => ({ action: "cloudhsm:DescribeClusters", resource: "*" }) },
});

export const wanted = (name: string, more: Json = {}): Json => ({
  CustomKeyStoreName: name,
  CloudHsmClusterId: clusterId,
  KeyStorePassword: firstPassword,
  TrustAnchorCertificate: ca.anchor,
  ...more,
});

export async function errorOf(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    return error as { code: string; message: string };
  }
  assert.fail("it was not refused");
}

export const describeStore = async (CustomKeyStoreId: string): Promise<Json> =>
  (await world.call("DescribeCustomKeyStores", { CustomKeyStoreId })).CustomKeyStores[0];

export async function connected(CustomKeyStoreId: string): Promise<void> {
  await world.call("ConnectCustomKeyStore", { CustomKeyStoreId });
  await world.run("kms-key-stores");
  assert.equal((await describeStore(CustomKeyStoreId)).ConnectionState, "CONNECTED");
}

export async function newStore(name = "store"): Promise<string> {
  return (await world.call("CreateCustomKeyStore", wanted(name))).CustomKeyStoreId;
}

export const inStore = (CustomKeyStoreId: string): Json => ({ Origin: "AWS_CLOUDHSM", CustomKeyStoreId });

export async function newKey(CustomKeyStoreId: string): Promise<string> {
  return (await world.call("CreateKey", inStore(CustomKeyStoreId))).KeyMetadata.KeyId;
}

/** A plane, and KMS beside it, anew for each test of the file. */
export function eachOnItsOwn(): void {
  before(async () => {
    ca = await authority("customer");
    first = await World.open();
  });
  beforeEach(async () => {
    plane = new PlaneDouble();
    plane.user = { password: firstPassword, failed: 0, role: "crypto-user" };
    clusters.clear();
    await aCluster(clusterId);
    world = World.beside(first, { plane, service: cloudHsm });
  });
  after(() => first.close());
}
