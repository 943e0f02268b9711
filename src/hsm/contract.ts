/**
 * What the rest of the product knows of hardware security modules: the plane, which keeps the clusters and their HSMs,
 * and sessions, in which keys are made and used. An HSM is a process of its own; nothing of a key that may not be
 * extracted leaves it, and without a crypto user's or an officer's password neither the files nor the process opens it.
 *
 * Words are AWS's: a *cluster* has *HSMs*; its users are *admins* (crypto officers, CO) and *crypto users* (CU).
 * Source: AWS CloudHSM User Guide, "HSM users", "Initialize the cluster", "Activate the cluster", "quorum authentication".
 */

/** Which kind of thing holds the keys of this installation's clusters. */
export type HsmBackend =
  | {
      available: true;
      /** `embedded`: a token process of ours, keys in its memory, software. `pkcs11`: a module of somebody else's. */
      kind: "embedded" | "pkcs11";
      /** Path of the PKCS#11 module; of `pkcs11` only. */
      module?: string;
      /** One line that says honestly what it is, e.g. "embedded software token". */
      description: string;
    }
  | { available: false; reason: string };

/** CKU-like role of a user, in the words of CloudHSM CLI. */
export type HsmRole = "admin" | "crypto-user";

/**
 * How a cluster stands.
 * - `empty`: known, without an HSM yet;
 * - `uninitialized`: has its key pair and CSR, waits for the certificate that the customer's CA made of it;
 * - `initialized`: the first officer (PRECO) `admin` has the password `password`; only that password can be changed;
 * - `active`: an officer has a password of his own.
 */
export type ClusterState = "empty" | "uninitialized" | "initialized" | "active";

/** PEM, one certificate or request each. Names say whose they are: ours, of a software module. */
export interface ClusterCertificates {
  /** PKCS#10 of the cluster's key (RSA 2048, made in the plane; it never leaves it except sealed in a backup). */
  clusterCsr: string;
  /** Of the HSM whose key signs for this cluster, issued by `manufacturerHardwareCertificate`. */
  hsmCertificate: string;
  /** AWS's part in AWS: here the operator's, issued by this installation's own root of HSMs. */
  awsHardwareCertificate: string;
  /** The self-signed root of this installation's HSMs. */
  manufacturerHardwareCertificate: string;
  /** What the customer's CA made of the CSR; from `initialized` on. */
  clusterCertificate?: string;
}

export interface HsmStatus {
  hsmId: string;
  /** Its process answers. */
  alive: boolean;
  /** It has everything the cluster has acknowledged. Only such an HSM serves. */
  inStep: boolean;
  /** Process id while it lives. */
  pid?: number;
  /** How often it was started again since the plane runs. */
  restarts: number;
}

export interface ClusterStatus {
  clusterId: string;
  state: ClusterState;
  hsms: HsmStatus[];
  /** What holds its keys: it stays with what it began with, whatever new clusters get. Absent while it is empty. */
  backend?: { kind: "embedded" | "pkcs11"; description: string };
  /** Key objects and others that users keep; tokens only. */
  objects: number;
  certificates?: ClusterCertificates;
  endpoints: HsmEndpoints;
}

export interface HsmEndpoints {
  /**
   * Unix socket that speaks p11-kit's protocol, for `p11-kit-client.so`:
   * `P11_KIT_SERVER_ADDRESS=unix:path=<socket>`. One for the cluster; each connection goes to an HSM that lives and is in step.
   */
  socket: string;
}

export interface HsmUser {
  name: string;
  role: HsmRole;
  /** Too many wrong passwords in a row (five); another officer's change of password opens it again. */
  locked: boolean;
  failedLogins: number;
  /** Has registered a public key for quorum approvals. */
  quorumKey: boolean;
  /** Sessions of this user that are open now, over all HSMs. */
  sessions: number;
}

/** Who acts. Checked for every action; nothing of it is kept. */
export interface HsmCredentials {
  user: string;
  password: string;
  /** Token of `quorumToken` with its approvals, where the action needs a quorum. Used up by the action. */
  quorum?: QuorumApproval;
}

/** Services that can need a quorum. Source: "Supported service names and types for quorum authentication". */
export type QuorumService = "user" | "quorum";

/** A token to be approved by m officers, bound to one action of one officer. */
export interface QuorumToken {
  tokenId: string;
  service: QuorumService;
  /** Base64; what approvers sign (the SHA-256 of these bytes, RSASSA-PKCS1-v1_5 with SHA-256). */
  unsigned: string;
  approvalsRequired: number;
  /** Epoch milliseconds. AWS: ten minutes. */
  expiresAt: number;
}

export interface QuorumApproval {
  tokenId: string;
  /** Base64 signature of `unsigned` by each approver's registered RSA key. */
  approvals: { user: string; signature: string }[];
}

export interface HsmBackup {
  /** Opaque, sealed under the plane's secret; keys in it are besides under their users' passwords. */
  data: Uint8Array;
  clusterId: string;
  backend: "embedded" | "pkcs11";
  /** Users and token objects in it. */
  users: number;
  objects: number;
}

/**
 * The clusters of this installation. Ids are the caller's (`cluster-…`, `hsm-…`): letters, digits and dashes.
 * Every method rejects with `HsmError`. Actions are acknowledged when they are on the disk of every HSM of the cluster.
 */
export interface HsmPlane {
  backend(): Promise<HsmBackend>;

  /**
   * Adds an HSM, and makes the cluster with its key pair when it is the first. Idempotent for the same ids. Resolves when
   * the HSM lives and is in step.
   * @param from what a cluster that has no HSM begins with: everything in a backup, of this cluster or of another: users,
   *   keys, key pair and certificates (AWS: clients of the new cluster go on with the old one's customerCA.crt). A cluster
   *   whose HSMs were all deleted begins again only so: without it, `wrong-state`.
   */
  createHsm(clusterId: string, hsmId: string, from?: { backup: Uint8Array }): Promise<HsmStatus>;
  /** Ends the process and removes its folder. With the last one the users and keys are gone: take a backup before. Idempotent. */
  deleteHsm(clusterId: string, hsmId: string): Promise<void>;
  /** Removes the cluster and what is left of its HSMs. Idempotent. */
  deleteCluster(clusterId: string): Promise<void>;
  /** `undefined`: no such cluster. */
  cluster(clusterId: string): Promise<ClusterStatus | undefined>;

  /**
   * Takes the certificate that the customer's CA made of the CSR. Rejects with `certificate-mismatch` when it is not of
   * the cluster's key, and with `certificate-invalid` when it cannot be read or is not signed by `trustAnchor` (PEM).
   * Afterwards the officer `admin` has the password `password`.
   */
  initialize(clusterId: string, signedCertificate: string, trustAnchor: string): Promise<void>;

  listUsers(clusterId: string): Promise<HsmUser[]>;
  /** Name: 1–31 of letters, digits, `_` and `-`. Password: 7–32 characters, no control characters. */
  createUser(
    clusterId: string,
    as: HsmCredentials,
    user: { name: string; role: HsmRole; password: string },
  ): Promise<void>;
  /** A crypto user's own keys go with it. The last officer stays. */
  deleteUser(clusterId: string, as: HsmCredentials, name: string): Promise<void>;
  /**
   * Any user his own; an officer also another's, which opens a locked one. Keys stay. The first change of the first
   * officer's password activates the cluster. Sessions of that user end.
   */
  changePassword(clusterId: string, as: HsmCredentials, name: string, password: string): Promise<void>;
  /** Whether the password is right; counts as a login, right or wrong. */
  checkLogin(clusterId: string, as: HsmCredentials): Promise<HsmRole>;

  /** Registers the officer's RSA public key (2048 bits, PEM) that approves. */
  registerQuorumKey(clusterId: string, as: HsmCredentials, publicKey: string): Promise<void>;
  /** 0 or 2–8 approvals for a service; no more than there are officers with a key. Needs a quorum itself once it was set. */
  setQuorum(clusterId: string, as: HsmCredentials, service: QuorumService, approvals: number): Promise<void>;
  quorum(clusterId: string): Promise<Record<QuorumService, number>>;
  quorumToken(clusterId: string, as: HsmCredentials, service: QuorumService): Promise<QuorumToken>;

  /** Shares a token object (its `HsmKey.id`) of the crypto user with another crypto user, who may use and not change it. */
  shareKey(clusterId: string, as: HsmCredentials, keyId: string, withUser: string): Promise<void>;
  unshareKey(clusterId: string, as: HsmCredentials, keyId: string, withUser: string): Promise<void>;

  /** Everything that the cluster has acknowledged. Of the `pkcs11` backend with a vendor's module: `unsupported`. */
  backup(clusterId: string): Promise<HsmBackup>;

  /**
   * A session of a crypto user. It stays usable when an HSM dies as long as another lives: it signs in again there, with
   * the password, which it keeps in this process until it is closed.
   */
  openSession(clusterId: string, credentials: { user: string; password: string }): Promise<HsmSession>;
  close(): Promise<void>;
}

/** A key as an application sees it. */
export interface HsmKey {
  /** Identifies the object in the cluster, over restarts and HSMs, e.g. in `shareKey`. */
  id: string;
  label: string;
  /** CKA_ID as given. */
  keyId: Uint8Array;
  kind: "AES" | "RSA" | "EC" | "GENERIC";
  class: "secret" | "private" | "public";
  extractable: boolean;
}

export type HsmKeyRef = Pick<HsmKey, "id">;

/** What a crypto user does. Keys are token objects: they are in every HSM of the cluster before a call answers. */
export interface HsmSession {
  readonly clusterId: string;
  readonly user: string;
  /**
   * An AES key of 32 bytes, not extractable, sensitive. `keyId` has to be new for this user: a call that is repeated
   * after its answer was lost finds the key that the first one made.
   */
  generateAesKey(key: { label: string; keyId: Uint8Array }): Promise<HsmKey>;
  /** `RSA_2048` … `RSA_4096`, `P-256`, `P-384`, `P-521`, `secp256k1`. The private key is sensitive and not extractable. */
  generateKeyPair(
    kind: HsmPairKind,
    key: { label: string; keyId: Uint8Array },
  ): Promise<{ privateKey: HsmKey; publicKey: HsmKey; /** SubjectPublicKeyInfo, DER. */ spki: Uint8Array }>;
  /** By CKA_ID, and class when there are several. `undefined`: no such key of this user. */
  find(keyId: Uint8Array, kind?: HsmKey["class"]): Promise<HsmKey | undefined>;
  /** Every key that the user keeps or may use, shared ones too. */
  list(): Promise<HsmKey[]>;
  /** AES-GCM under an IV of 12 bytes that the HSM's generator made. `data`: at most 64 KiB. */
  encrypt(
    key: HsmKeyRef,
    data: Uint8Array,
    aad: Uint8Array,
  ): Promise<{ iv: Uint8Array; ciphertext: Uint8Array; tag: Uint8Array }>;
  /** Rejects with `invalid-ciphertext` when anything was changed. The tag has 16 bytes. */
  decrypt(
    key: HsmKeyRef,
    sealed: { iv: Uint8Array; ciphertext: Uint8Array; tag: Uint8Array },
    aad: Uint8Array,
  ): Promise<Uint8Array>;
  /** Of a SHA-256 digest: RSASSA-PKCS1-v1_5, or ECDSA as r‖s. */
  signDigest(key: HsmKeyRef, sha256: Uint8Array): Promise<Uint8Array>;
  /** At most 4096 bytes. */
  random(count: number): Promise<Uint8Array>;
  /** For good, in every HSM. */
  destroy(key: HsmKeyRef): Promise<void>;
  /** Rejects as a use would: whether user, password and an HSM are there. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type HsmPairKind = "RSA_2048" | "RSA_3072" | "RSA_4096" | "P-256" | "P-384" | "P-521" | "secp256k1";

/** Kinds of failure; what AWS calls each is the caller's to say. */
export type HsmFailure =
  /** No backend here, or the plane's process does not answer (yet). */
  | "unavailable"
  | "no-such-cluster"
  /** Not in a state for this: e.g. `initialize` twice, a user before `initialized`, a session before `active`. */
  | "wrong-state"
  | "not-active"
  /** No HSM of the cluster lives and is in step. */
  | "no-hsm"
  /** No such user, or not this password: the two are not told apart. */
  | "login-refused"
  | "user-locked"
  /** The user exists not; only where an officer asked. */
  | "no-such-user"
  | "user-exists"
  /** The role may not do that, or the object is not the user's own. */
  | "forbidden"
  | "quorum-required"
  | "quorum-refused"
  | "key-missing"
  | "key-exists"
  | "invalid-ciphertext"
  | "certificate-invalid"
  | "certificate-mismatch"
  | "backup-invalid"
  /** A name, password, certificate or size that cannot be. */
  | "invalid-argument"
  /** The backend does not offer it. */
  | "unsupported"
  /** The HSM failed otherwise; its log says how. */
  | "failed";

export class HsmError extends Error {
  readonly kind: HsmFailure;
  constructor(kind: HsmFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HsmError";
    this.kind = kind;
  }
}

/** The password of the officer `admin` from initialization until activation. Source: "Activate the cluster". */
export const firstOfficer = { name: "admin", password: "password" } as const;

/** Wrong passwords in a row until a user is locked. Source: key_mgmt_util, "loginHSM and logoutHSM". */
export const loginAttempts = 5;
