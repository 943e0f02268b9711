/** A user's seed, and what comes of it: a key pair to which others close boxes, behind a password. */
import { argon2, createPublicKey, randomBytes, type KeyObject } from "node:crypto";
import type { HsmRole } from "../contract.ts";
import { BoxError, close, closeTo, derive, open, openWith, rawPublicKey, x25519PrivateKey } from "./box.ts";
import type { ClusterRecord, PasswordCost, UserRecord } from "./records.ts";

/** RFC 9106's second choice with fewer lanes: 64 MiB, three passes, about 0.15 s. Kept with each user. */
export const passwordCost: PasswordCost = { memoryKiB: 64 * 1024, passes: 3 };
const highestCost: PasswordCost = { memoryKiB: 1024 * 1024, passes: 16 };

/** An open seed. Lives as long as its user is signed in. */
export interface Secret {
  readonly seed: Buffer;
  readonly privateKey: KeyObject;
  readonly publicKey: Buffer;
}

export function newSecret(): Secret {
  return secretOf(randomBytes(32));
}

export function secretOf(seed: Buffer): Secret {
  const privateKey = x25519PrivateKey(derive(seed, Buffer.alloc(0), "jikimi-hsm/user"));
  return { seed, privateKey, publicKey: rawPublicKey(createPublicKey(privateKey)) };
}

/** Forgets it, as far as a language with a collector can. */
export function forget(secret: Secret): void {
  secret.seed.fill(0);
}

export function boxTo(publicKey: string | Uint8Array, purpose: string, content: Uint8Array): string {
  const key = typeof publicKey === "string" ? Buffer.from(publicKey, "base64") : publicKey;
  return closeTo(key, purpose, content).toString("base64");
}

/** @throws BoxError */
export function openBox(secret: Secret, purpose: string, box: string): Buffer {
  return openWith(secret.privateKey, secret.publicKey, purpose, Buffer.from(box, "base64"));
}

const seedPurpose = (name: string, role: HsmRole): string => `seed of ${role} ${name}`;
const escrowPurpose = (name: string, role: HsmRole): string => `escrow of ${role} ${name}`;
const pinPurpose = "pin of the module";

interface UserParts {
  name: string;
  role: HsmRole;
  password: string;
  secret: Secret;
  cost: PasswordCost;
  officers: Secret;
  pin: Buffer | undefined;
}

/** A user with this password, who can open what his role opens. */
export async function newUser({ name, role, password, secret, cost, officers, pin }: UserParts): Promise<UserRecord> {
  const escrow =
    role === "admin"
      ? boxTo(secret.publicKey, escrowPurpose(name, role), officers.seed)
      : boxTo(officers.publicKey, escrowPurpose(name, role), secret.seed);
  return {
    kind: "user",
    name,
    role,
    ...(await lock(name, role, password, secret, cost)),
    publicKey: secret.publicKey.toString("base64"),
    escrow,
    ...(pin ? { pin: boxTo(secret.publicKey, pinPurpose, pin) } : {}),
    failedLogins: 0,
  };
}

/** The parts of a user's record that depend on the password. */
export async function lock(
  name: string,
  role: HsmRole,
  password: string,
  secret: Secret,
  cost: PasswordCost,
): Promise<Pick<UserRecord, "salt" | "cost" | "seed">> {
  const salt = randomBytes(16);
  const key = await passwordKey(password, salt, cost);
  const seed = close(key, seedPurpose(name, role), secret.seed).toString("base64");
  key.fill(0);
  return { salt: salt.toString("base64"), cost, seed };
}

/** `undefined`: not this password. */
export async function unlock(user: UserRecord, password: string): Promise<Secret | undefined> {
  const { memoryKiB, passes } = user.cost;
  if (memoryKiB > highestCost.memoryKiB || passes > highestCost.passes)
    throw new Error(`unusable cost of ${user.name}`);
  const key = await passwordKey(password, Buffer.from(user.salt, "base64"), user.cost);
  try {
    return secretOf(open(key, seedPurpose(user.name, user.role), Buffer.from(user.seed, "base64")));
  } catch (error) {
    if (error instanceof BoxError) return undefined;
    throw error;
  } finally {
    key.fill(0);
  }
}

/** What officers share, opened by one of them. */
export function officersSecret(user: UserRecord, secret: Secret): Secret {
  return secretOf(openBox(secret, escrowPurpose(user.name, user.role), user.escrow));
}

/** A crypto user's seed, opened by an officer: for a change of password only. */
export function escrowedSecret(user: UserRecord, officers: Secret): Secret {
  return secretOf(openBox(officers, escrowPurpose(user.name, user.role), user.escrow));
}

/** PIN of the module, for whoever the box is to. */
export function modulePin(secret: Secret, box: string): Buffer {
  return openBox(secret, pinPurpose, box);
}

export function newCluster(officers: Secret, pin: Buffer | undefined): ClusterRecord {
  return {
    kind: "cluster",
    activated: false,
    officersKey: officers.publicKey.toString("base64"),
    ...(pin ? { pin: boxTo(officers.publicKey, pinPurpose, pin) } : {}),
    quorum: { user: 0, quorum: 0 },
    tokens: {},
  };
}

function passwordKey(password: string, salt: Buffer, { memoryKiB, passes }: PasswordCost): Promise<Buffer> {
  const parameters = {
    message: Buffer.from(password),
    nonce: salt,
    parallelism: 1,
    tagLength: 32,
    memory: memoryKiB,
    passes,
  };
  return new Promise((resolve, reject) => {
    argon2("argon2id", parameters, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
