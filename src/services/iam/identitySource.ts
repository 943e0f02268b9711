/**
 * IAM's half of the gateway's `IdentitySource`: long-term credentials, policies of users and roles, account
 * status, and what "last used" and access advisor are made of. Session credentials are STS's half.
 */
import type { Credential, IdentitySource, NamedPolicy, PolicySet } from "#gateway/identity.ts";
import type { Principal } from "#gateway/principal.ts";
import { parseArn } from "#kernel/arn.ts";
import type { Random } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { globalRegion, type Store } from "#store/contract.ts";
import { revealSecret } from "./accessKeySecret.ts";
import { endedSessionsOf } from "./endedSessions.ts";
import { entityById, entitiesById, keyOf } from "./entities.ts";
import { IdentityCache } from "./identityCache.ts";
import { LastUsedRecorder } from "./lastUsed.ts";
import { defaultDocument, findPolicy } from "./managedPolicy.ts";
import { transact, type AccessKey, type EntityKind, type IamState, type Principal as Entity } from "./state.ts";

export interface IamIdentityOptions {
  store: Store;
  keys: KeyHolder;
  random: Random;
  log: Logger;
  /** Monotonic milliseconds; only for deciding whether the cache is still being told of changes. */
  monotonic?: () => number;
}

export interface IamIdentity extends Pick<IdentitySource, "credential" | "touched" | "accountStatus"> {
  /** Identity policies and boundary; session, service control and resource control policies are added by others. */
  policies(principal: Principal): Promise<Pick<PolicySet, "identity" | "boundary">>;
  /** Whether a session of a principal of the account was ended before its time. */
  sessionEnded(account: string, accessKeyId: string): Promise<boolean>;
  /** Writes what was touched so far. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** In place of a policy that ought to be there and is not: a decision that cannot be made is a refusal. */
const denyAll = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Action: "*", Resource: "*" }],
});
const allowAll = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

export function createIamIdentity(options: IamIdentityOptions): IamIdentity {
  const { store, random, log } = options;
  const cache = new IdentityCache(store, log, options.monotonic ?? (() => performance.now()));
  const recorder = new LastUsedRecorder(store, random, log);
  const read = <T>(account: string, work: (state: IamState) => Promise<T>) => transact(store, random, account, work);

  return {
    credential: (accessKeyId) => {
      if (!/^AKIA[A-Z0-9]{12,124}$/.test(accessKeyId)) return Promise.resolve(undefined);
      return cache.credential(accessKeyId, () => loadCredential(options, accessKeyId));
    },
    policies: (principal) => {
      const source = policySource(principal);
      if (source === undefined) return Promise.resolve({ identity: [] });
      if (source === "everything") return Promise.resolve({ identity: [{ name: "root", document: allowAll }] });
      return cache.policies(source.account, `${source.kind}/${source.key}`, () =>
        read(source.account, (state) => loadPolicies(state, source)),
      );
    },
    sessionEnded: async (account, accessKeyId) =>
      (await cache.endedSessions(account, () => endedSessionsOf(store, account))).has(accessKeyId),
    accountStatus: (account) =>
      cache.status(account, async () => {
        const record = await read(account, (state) => state.get("account", "account"));
        return record?.status ?? "UNKNOWN";
      }),
    touched: (principal, service, action, region, at) => recorder.touched(principal, service, action, region, at),
    flush: () => recorder.flush(),
    async close() {
      cache.close();
      await recorder.close();
    },
  };
}

async function loadCredential(options: IamIdentityOptions, accessKeyId: string): Promise<Credential | undefined> {
  const { store, keys, random } = options;
  // Reviewed cross-account read: a key id alone says nothing about its account.
  const found = await store.find<AccessKey>({
    service: "iam",
    region: globalRegion,
    type: "accessKey",
    index: "id",
    value: accessKeyId,
    limit: 2,
  });
  const document = found.items[0];
  // INVARIANT: an ambiguous key id belongs to nobody.
  if (!document || found.items.length !== 1) return undefined;
  const { account } = document.key;
  const key = document.value;
  const principal = await transact(store, random, account, (state) => principalOf(state, account, key));
  if (!principal) return undefined;
  return {
    accessKeyId,
    secretAccessKey: await revealSecret(keys, account, accessKeyId, key.secret),
    status: key.status,
    principal,
  };
}

async function principalOf(state: IamState, account: string, key: AccessKey): Promise<Principal | undefined> {
  const { accessKeyId } = key;
  if (key.owner === account) {
    const record = await state.get("account", "account");
    const arn = `arn:${record?.partition ?? "aws"}:iam::${account}:root`;
    return { kind: "root", account, arn, id: account, accessKeyId };
  }
  const user = await entityById(state, "user", key.owner);
  if (!user) return undefined;
  return {
    kind: "user",
    account,
    arn: user.arn,
    id: user.id,
    userName: user.name,
    accessKeyId,
    ...(user.tags.length === 0 ? {} : { tags: Object.fromEntries(user.tags.map((tag) => [tag.Key, tag.Value])) }),
  };
}

interface Source {
  account: string;
  kind: "user" | "role";
  /** Unique id; for the issuer of a federated session, its ARN. */
  key: string;
}

/** Whose policies count for a principal. Root and services have none of their own. */
function policySource(principal: Principal): Source | "everything" | undefined {
  switch (principal.kind) {
    case "user":
      return { account: principal.account, kind: "user", key: principal.id };
    case "role":
      return { account: principal.account, kind: "role", key: principal.roleId };
    case "federated": {
      // A federation token has the rights of the user who asked for it, within its session policies.
      const issuer = parseArn(principal.issuerArn);
      if (issuer?.resource === "root") return "everything";
      return { account: principal.account, kind: "user", key: principal.issuerArn };
    }
    default:
      return undefined;
  }
}

async function loadPolicies(state: IamState, source: Source): Promise<Pick<PolicySet, "identity" | "boundary">> {
  const entity = source.key.startsWith("arn:")
    ? await userByArn(state, source.key)
    : await entityById(state, source.kind, source.key);
  // Deleted: a session that is still valid can do nothing any more.
  if (!entity) return { identity: [] };
  const identity = await policiesOf(state, source.kind, entity);
  if ("groups" in entity) {
    for (const group of await entitiesById(state, "group", entity.groups)) {
      identity.push(...(await policiesOf(state, "group", group)));
    }
  }
  if (entity.boundary === undefined) return { identity };
  const boundary = await findPolicy(state, entity.boundary);
  return {
    identity,
    boundary: { name: entity.boundary, document: boundary ? defaultDocument(boundary) : denyAll },
  };
}

async function userByArn(state: IamState, arn: string) {
  const name = parseArn(arn)?.resource.split("/").at(-1) ?? "";
  const user = await state.get("user", keyOf(name));
  return user?.arn === arn ? user : undefined;
}

async function policiesOf(state: IamState, kind: EntityKind, entity: Entity): Promise<NamedPolicy[]> {
  const policies: NamedPolicy[] = [];
  for (const arn of entity.attached) {
    const policy = await findPolicy(state, arn);
    // INVARIANT: an attached policy that cannot be found might have denied; everything is refused.
    policies.push({ name: arn, document: policy ? defaultDocument(policy) : denyAll });
  }
  for (const [name, document] of Object.entries(entity.inline)) {
    policies.push({ name: `${kind}/${entity.name}/inline/${name}`, document });
  }
  return policies;
}
