/**
 * The first start of an installation makes its management account with a locked root user and an administrator.
 * The administrator's key is on disk (`<data>/credentials`, 0600) before the account is made, so that a crash in
 * between leaves no account that nobody can enter; what is missing is made at the next start.
 */
import { AwsError } from "#kernel/errors.ts";
import { accountId, systemRandom } from "#kernel/ids.ts";
import type { Clock } from "#kernel/clock.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { Conflict, globalRegion, type DocumentKey, type Store } from "#store/contract.ts";
import { createAccount, newAccessKey } from "../services/iam/bootstrap.ts";
import { readCredentials, writeCredentials } from "./credentialsFile.ts";
import { dataPaths, type RoleConfig } from "./role.ts";

export interface Administrator {
  accountId: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** One-time token for the root password; only right after the account was made. */
  rootToken?: string;
}

/** Of the root user of a new installation. */
export const rootEmail = "root@jikimi.internal";

const factKey: DocumentKey = {
  account: "000000000000",
  region: globalRegion,
  service: "installation",
  type: "managementAccount",
  id: "managementAccount",
};

export async function administrator(
  config: RoleConfig,
  parts: { store: Store; keys: KeyHolder; clock: Clock },
): Promise<Administrator> {
  const path = dataPaths.credentials(config.dataDir);
  let key = readCredentials(path);
  if (!key) {
    if (await parts.store.get(factKey)) {
      throw new Error(`${path} is missing: restore it, or sign in and make another key for the administrator`);
    }
    key = newAccessKey(systemRandom);
    await writeCredentials(path, key);
  }
  const account = await managementAccount(parts.store, config.accountId);
  try {
    const access = { kind: "user", userName: "admin", accessKey: key } as const;
    const created = await createAccount({
      ...parts,
      random: systemRandom,
      account,
      email: rootEmail,
      name: "management",
      access,
    });
    return { accountId: account, ...key, rootToken: created.rootLink };
  } catch (error) {
    if (error instanceof AwsError && error.code === "EntityAlreadyExists") return { accountId: account, ...key };
    throw error;
  }
}

/** Chosen once: of several api processes that start together, all find the same. */
async function managementAccount(store: Store, wanted: string | undefined): Promise<string> {
  const known = await store.get<{ account: string }>(factKey);
  if (known) return known.value.account;
  const account = wanted ?? accountId(systemRandom);
  try {
    await store.commit([{ op: "put", key: factKey, value: { account }, ifVersion: 0 }]);
    return account;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    return await managementAccount(store, wanted);
  }
}
