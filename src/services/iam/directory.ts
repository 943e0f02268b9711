/**
 * What STS asks of IAM while it decides on credentials: roles with their trust, managed policies, identity
 * providers, codes of MFA devices. The rest of the gateway's identity source is `identitySource.ts`.
 */
import { isAccountId, parseArn } from "#kernel/arn.ts";
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { IdentitySource } from "#gateway/identity.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { globalRegion, type Store } from "#store/contract.ts";
import { keyOf } from "./entities.ts";
import { revealSamlKey } from "./samlKey.ts";
import { readSamlMetadata } from "./samlMetadata.ts";
import { defaultDocument, findPolicy } from "./managedPolicy.ts";
import { verifyTotp } from "./mfa.ts";
import { transact, type AccessKey, type IamState } from "./state.ts";
import { currentTrust, uniqueIdOf } from "./trustPolicy.ts";

export type IamDirectory = Pick<
  IdentitySource,
  | "role"
  | "principalId"
  | "managedPolicy"
  | "oidcProvider"
  | "samlProvider"
  | "tokenIssuer"
  | "verifyMfa"
  | "accountOfKey"
>;

export interface DirectoryOptions {
  store: Store;
  keys: KeyHolder;
  random: Random;
  clock: Clock;
}

export function createIamDirectory({ store, keys, random, clock }: DirectoryOptions): IamDirectory {
  const read = <T>(account: string, work: (state: IamState) => Promise<T>) => transact(store, random, account, work);

  return {
    async role(arn) {
      const parsed = parseArn(arn);
      if (parsed?.service !== "iam" || !parsed.resource.startsWith("role/")) return undefined;
      const name = parsed.resource.split("/").at(-1)!;
      return await read(parsed.account, async (state) => {
        const role = await state.get("role", keyOf(name));
        if (role?.arn !== arn) return undefined;
        return {
          account: parsed.account,
          arn,
          id: role.id,
          name: role.name,
          trustPolicy: { name: `trust policy of ${role.name}`, document: await currentTrust(state, role) },
          maxSessionDuration: role.maxSession,
          tags: Object.fromEntries(role.tags.map((tag) => [tag.Key, tag.Value])),
        };
      });
    },
    async principalId(arn) {
      const account = parseArn(arn)?.account ?? "";
      if (!isAccountId(account)) return "elsewhere";
      return await read(account, async (state) => {
        if (!(await state.get("account", "account"))) return "elsewhere";
        const id = await uniqueIdOf(state, arn);
        return id === undefined ? "missing" : { id };
      });
    },
    managedPolicy: (account, arn) =>
      read(account, async (state) => {
        const policy = await findPolicy(state, arn);
        return policy && { name: arn, document: defaultDocument(policy) };
      }),
    oidcProvider: (account, url) =>
      read(account, async (state) => {
        const provider = (await state.all("oidcProvider")).find(({ value }) => value.url === url)?.value;
        return provider && { ...provider };
      }),
    async samlProvider(arn) {
      const account = parseArn(arn)?.account ?? "";
      if (!isAccountId(account)) return undefined;
      const provider = await read(account, (state) => state.get("samlProvider", arn));
      if (!provider) return undefined;
      const { entityId, signingCertificates } = readSamlMetadata(provider.metadata);
      return {
        arn,
        name: provider.name,
        uuid: provider.uuid,
        entityId,
        signingCertificates,
        validUntil: provider.validUntil,
        encryptionRequired: provider.assertionEncryption === "Required",
        decryptionKeys: () => Promise.all(provider.keys.map((key) => revealSamlKey(keys, arn, key))),
      };
    },
    tokenIssuer: (account) =>
      read(account, async (state) => {
        const issuer = await state.get("tokenIssuer", "tokenIssuer");
        return issuer?.enabled ? issuer.id : undefined;
      }),
    verifyMfa: (principal, serial, code) => {
      if (principal.kind !== "user" && principal.kind !== "root") return Promise.resolve(false);
      const { account, id: owner } = principal;
      return verifyTotp({ store, keys, random, account, owner, serial, code, now: clock.now() });
    },
    async accountOfKey(accessKeyId) {
      // Reviewed cross-account read: "GetAccessKeyInfo returns the account identifier for the specified access key ID".
      const { items } = await store.find<AccessKey>({
        service: "iam",
        region: globalRegion,
        type: "accessKey",
        index: "id",
        value: accessKeyId,
        limit: 1,
      });
      return items[0]?.key.account;
    },
  };
}
