/** Custom key stores, of either kind. Source: KMS API Reference, the six operations. */
import { createHash } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { plainAccess } from "../access.ts";
import { limitExceeded, validation } from "../errors.ts";
import {
  changedExternalStore,
  checkNewStore,
  connectExternal,
  externalMembers,
  newExternalStore,
  uriClaim,
} from "../keyStores/externalStore.ts";
import {
  beginConnecting,
  changedHsmStore,
  disconnect,
  hsmMembers,
  newHsmStore,
  putStore,
} from "../keyStores/hsmStore.ts";
import type { Material } from "../keyStores/material.ts";
import {
  type Claim,
  type ExternalStoreDocument,
  type HsmStoreDocument,
  isHsmStore,
  type KeyStoreDocument,
  requireStore,
  storeNotFound,
  storeState,
  storeTypes,
} from "../keyStores/state.ts";
import { pageFields, pagingOf } from "../paging.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";

/** Custom key stores per account and Region: KMS Developer Guide, "Resource quotas". */
const maxStores = 10;

/** Names hold any character, ids of documents do not. */
const nameClaim = (name: string): string => createHash("sha256").update(name).digest("hex");

/** @throws CustomKeyStoreNameInUseException */
async function requireFreeName(ctx: CallContext, name: string): Promise<void> {
  if (await ctx.state.get<Claim>(storeTypes.name, nameClaim(name))) {
    throw new AwsError(
      "CustomKeyStoreNameInUseException",
      "The request was rejected because the specified custom key store name is already assigned to another custom key store in the account. Try again with a custom key store name that is unique in the account.",
    );
  }
}

/** Staged, after the name was found free: two callers with one name meet in the batch. */
function claimName(ctx: CallContext, name: string, owner: string): void {
  ctx.state.put<Claim>(storeTypes.name, nameClaim(name), { owner });
}

type Type = "AWS_CLOUDHSM" | "EXTERNAL_KEY_STORE";

/** What a store of the other type takes is refused. @throws ValidationException */
function refuseForeign(input: Readonly<Record<string, unknown>>, type: Type): void {
  const [foreign, other]: [readonly string[], Type] =
    type === "AWS_CLOUDHSM" ? [externalMembers, "EXTERNAL_KEY_STORE"] : [hsmMembers, "AWS_CLOUDHSM"];
  for (const name of foreign) {
    if (input[name] !== undefined) throw validation(`${name} is valid for custom key stores of type ${other} only.`);
  }
}

export function customKeyStoreHandlers({ external, hsm }: Material) {
  async function createCustomKeyStore(input: In<"CreateCustomKeyStore">, ctx: CallContext) {
    if ((await ctx.state.count(storeTypes.keyStore)) >= maxStores) {
      throw limitExceeded(`You have reached the limit of ${maxStores} custom key stores in this Region.`);
    }
    const type = input.CustomKeyStoreType ?? "AWS_CLOUDHSM";
    refuseForeign({ ...input }, type);
    await requireFreeName(ctx, input.CustomKeyStoreName!);
    const newId = () => `cks-${ctx.random.bytes(9).toString("hex").slice(0, 17)}`;
    const store =
      type === "AWS_CLOUDHSM" ? await newHsmStore(ctx, input, newId) : await newExternalStore(ctx, input, newId);
    claimName(ctx, store.name, store.id);
    if (!isHsmStore(store)) await checkNewStore(ctx, external, input, store);
    ctx.state.put<KeyStoreDocument>(storeTypes.keyStore, store.id, store, { version: 0 });
    return { CustomKeyStoreId: store.id };
  }

  async function updateCustomKeyStore(input: In<"UpdateCustomKeyStore">, ctx: CallContext) {
    const store = await requireStore(ctx, input.CustomKeyStoreId!);
    refuseForeign({ ...input }, isHsmStore(store) ? "AWS_CLOUDHSM" : "EXTERNAL_KEY_STORE");
    const changed = isHsmStore(store)
      ? await changedHsmStore(ctx, input, store)
      : await changedExternalStore(ctx, external, input, store);
    const next = { ...changed, name: input.NewCustomKeyStoreName ?? store.name };
    if (next.name !== store.name) {
      await requireFreeName(ctx, next.name);
      claimName(ctx, next.name, store.id);
      ctx.state.delete(storeTypes.name, nameClaim(store.name));
    }
    putStore(ctx, next);
    return {};
  }

  async function connectCustomKeyStore(input: In<"ConnectCustomKeyStore">, ctx: CallContext) {
    const store = await requireStore(ctx, input.CustomKeyStoreId!);
    if (store.connection.state === "FAILED") {
      throw storeState(
        "The custom key store is in the FAILED state. Disconnect it, correct the error, and connect it again.",
      );
    }
    if (isHsmStore(store)) await beginConnecting(ctx, hsm, store);
    else putStore(ctx, { ...store, connection: await connectExternal(ctx, external, store) });
    return {};
  }

  async function disconnectCustomKeyStore(input: In<"DisconnectCustomKeyStore">, ctx: CallContext) {
    disconnect(ctx, hsm, await requireStore(ctx, input.CustomKeyStoreId!));
    return {};
  }

  return {
    CreateCustomKeyStore: createCustomKeyStore,
    UpdateCustomKeyStore: updateCustomKeyStore,
    ConnectCustomKeyStore: connectCustomKeyStore,
    DisconnectCustomKeyStore: disconnectCustomKeyStore,
    DeleteCustomKeyStore: deleteCustomKeyStore,
    DescribeCustomKeyStores: describeCustomKeyStores,
  } satisfies KmsHandlers;
}

async function deleteCustomKeyStore(input: In<"DeleteCustomKeyStore">, ctx: CallContext) {
  const store = await requireStore(ctx, input.CustomKeyStoreId!);
  const { state } = store.connection;
  if (state !== "DISCONNECTED") {
    throw storeState(`To delete a custom key store, its connection state must be DISCONNECTED; it is ${state}.`);
  }
  const keys = `${store.id}/`;
  if ((await ctx.state.count(storeTypes.key, keys)) > 0) {
    throw new AwsError(
      "CustomKeyStoreHasCMKsException",
      "The request was rejected because the custom key store contains AWS KMS keys. After verifying that you do not need to use the KMS keys, use the ScheduleKeyDeletion operation to delete the KMS keys. After they are deleted, you can delete the custom key store.",
    );
  }
  // INVARIANT: no key is made in the store while it goes.
  ctx.state.checkNone(storeTypes.key, keys);
  ctx.state.delete(storeTypes.keyStore, store.id);
  ctx.state.delete(storeTypes.name, nameClaim(store.name));
  if (isHsmStore(store)) ctx.state.delete(storeTypes.cluster, store.clusterCertificate);
  else ctx.state.delete(storeTypes.uri, uriClaim(store));
  return {};
}

async function describeCustomKeyStores(input: In<"DescribeCustomKeyStores">, ctx: CallContext) {
  const { CustomKeyStoreId: id, CustomKeyStoreName: name } = input;
  if (id !== undefined && name !== undefined) {
    throw validation("You can specify CustomKeyStoreId or CustomKeyStoreName, but not both.");
  }
  if (id !== undefined) return { CustomKeyStores: [entry(await requireStore(ctx, id))], Truncated: false };
  if (name !== undefined) {
    const claim = await ctx.state.get<Claim>(storeTypes.name, nameClaim(name));
    if (!claim) throw storeNotFound();
    return { CustomKeyStores: [entry(await requireStore(ctx, claim.value.owner))], Truncated: false };
  }
  const page = await ctx.state.list<KeyStoreDocument>(
    storeTypes.keyStore,
    pagingOf(input, { limit: maxStores, max: 1000 }),
  );
  return { CustomKeyStores: page.items.map(({ value }) => entry(value)), ...pageFields(page) };
}

/** INVARIANT: neither the secret of a proxy's credential nor a password of kmsuser is in an answer. */
function entry(store: KeyStoreDocument) {
  const { connection } = store;
  return {
    CustomKeyStoreId: store.id,
    CustomKeyStoreName: store.name,
    ConnectionState: connection.state,
    ...(connection.state === "FAILED" ? { ConnectionErrorCode: connection.errorCode } : {}),
    CreationDate: new Date(store.createdAt),
    ...(isHsmStore(store) ? hsmEntry(store) : externalEntry(store)),
  };
}

function hsmEntry(store: HsmStoreDocument) {
  return {
    CustomKeyStoreType: "AWS_CLOUDHSM" as const,
    CloudHsmClusterId: store.clusterId,
    TrustAnchorCertificate: store.trustAnchor,
  };
}

function externalEntry(store: ExternalStoreDocument) {
  return {
    CustomKeyStoreType: "EXTERNAL_KEY_STORE" as const,
    XksProxyConfiguration: {
      Connectivity: "PUBLIC_ENDPOINT" as const,
      AccessKeyId: store.accessKeyId,
      UriEndpoint: store.uriEndpoint,
      UriPath: store.uriPath,
    },
  };
}

export const customKeyStoreAccess = {
  CreateCustomKeyStore: (_, ctx) => plainAccess(ctx, "CreateCustomKeyStore"),
  UpdateCustomKeyStore: (_, ctx) => plainAccess(ctx, "UpdateCustomKeyStore"),
  ConnectCustomKeyStore: (_, ctx) => plainAccess(ctx, "ConnectCustomKeyStore"),
  DisconnectCustomKeyStore: (_, ctx) => plainAccess(ctx, "DisconnectCustomKeyStore"),
  DeleteCustomKeyStore: (_, ctx) => plainAccess(ctx, "DeleteCustomKeyStore"),
  DescribeCustomKeyStores: (_, ctx) => plainAccess(ctx, "DescribeCustomKeyStores"),
} satisfies KmsAccess;
