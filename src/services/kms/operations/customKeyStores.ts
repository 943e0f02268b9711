/**
 * Custom key stores. Sources: KMS API Reference, the six operations; KMS Developer Guide, "External key stores".
 * A store of type AWS_CLOUDHSM needs a cluster, and a proxy behind a VPC endpoint service needs that service: neither
 * exists here, so they are refused as AWS refuses the names of ones that do not exist.
 */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { XksFailure } from "#keys/stores/xksFailure.ts";
import { plainAccess } from "../access.ts";
import { holding, limitExceeded, validation } from "../errors.ts";
import { addressOf, type ExternalKeys, secretOf } from "../keyStores/externalKeys.ts";
import { asking, connectionErrorOf, onStore } from "../keyStores/failures.ts";
import {
  type Claim,
  type KeyStoreDocument,
  requireStore,
  secretPurpose,
  storeNotFound,
  storeState,
  storeTypes,
} from "../keyStores/state.ts";
import { pageFields, pagingOf } from "../paging.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";

/** Custom key stores per account and Region: KMS Developer Guide, "Resource quotas". */
const maxStores = 10;

type Uri = Pick<KeyStoreDocument, "uriEndpoint" | "uriPath">;
type Credential = NonNullable<In<"CreateCustomKeyStore">["XksProxyAuthenticationCredential"]>;

const ofCloudHsm = ["CloudHsmClusterId", "KeyStorePassword", "TrustAnchorCertificate"] as const;
const ofXks = [
  "XksProxyUriEndpoint",
  "XksProxyUriPath",
  "XksProxyAuthenticationCredential",
  "XksProxyConnectivity",
] as const;

/** Names hold any character, ids of documents do not. */
const nameClaim = (name: string): string => createHash("sha256").update(name).digest("hex");
const uriClaim = ({ uriEndpoint, uriPath }: Uri): string => `${uriEndpoint.toLowerCase()}${uriPath}`;

/** Staged; two callers with one name, or one URI, meet in the batch. @throws CustomKeyStoreNameInUseException */
async function claimName(ctx: CallContext, name: string, owner: string): Promise<void> {
  if (await ctx.state.get<Claim>(storeTypes.name, nameClaim(name))) {
    throw new AwsError(
      "CustomKeyStoreNameInUseException",
      "The request was rejected because the specified custom key store name is already assigned to another custom key store in the account. Try again with a custom key store name that is unique in the account.",
    );
  }
  ctx.state.put<Claim>(storeTypes.name, nameClaim(name), { owner });
}

/** @throws XksProxyUriInUseException */
async function claimUri(ctx: CallContext, uri: Uri, owner: string): Promise<void> {
  if (await ctx.state.get<Claim>(storeTypes.uri, uriClaim(uri))) {
    throw new AwsError(
      "XksProxyUriInUseException",
      "The request was rejected because the concatenation of the XksProxyUriEndpoint and XksProxyUriPath is already associated with an external key store in this AWS Region. Each external key store in a Region must use a unique external key store proxy API address.",
    );
  }
  ctx.state.put<Claim>(storeTypes.uri, uriClaim(uri), { owner });
}

function refuseCloudHsm(input: In<"CreateCustomKeyStore">): never {
  for (const name of ofCloudHsm) {
    if (input[name] === undefined) throw validation(`${name} is required for custom key stores of type AWS_CLOUDHSM.`);
  }
  throw noCluster();
}

function noCluster(): AwsError {
  return new AwsError(
    "CloudHsmClusterNotFoundException",
    "The request was rejected because AWS KMS cannot find the AWS CloudHSM cluster with the specified cluster ID. Retry the request with a different cluster ID.",
  );
}

function refuseEndpointService(name: string | undefined): never {
  if (!name) throw validation("XksProxyVpcEndpointServiceName is required with connectivity VPC_ENDPOINT_SERVICE.");
  throw new AwsError(
    "XksProxyVpcEndpointServiceNotFoundException",
    "The request was rejected because AWS KMS could not find the specified VPC endpoint service.",
  );
}

/** "The <server> MUST be a fully qualified domain name (rather than an IP address)": XKS proxy API specification. */
function requireName(endpoint: string): void {
  const host = endpoint.slice("https://".length);
  if (isIP(host) !== 0 || !URL.canParse(endpoint)) {
    throw validation("XksProxyUriEndpoint must be https:// followed by the domain name of the proxy.");
  }
}

export function customKeyStoreHandlers(external: ExternalKeys) {
  async function createCustomKeyStore(input: In<"CreateCustomKeyStore">, ctx: CallContext) {
    const name = input.CustomKeyStoreName!;
    if ((input.CustomKeyStoreType ?? "AWS_CLOUDHSM") === "AWS_CLOUDHSM") refuseCloudHsm(input);
    for (const foreign of ofCloudHsm) {
      if (input[foreign] !== undefined) throw validation(`${foreign} is valid for type AWS_CLOUDHSM only.`);
    }
    for (const needed of ofXks) {
      if (input[needed] === undefined) throw validation(`${needed} is required for type EXTERNAL_KEY_STORE.`);
    }
    if (input.XksProxyConnectivity === "VPC_ENDPOINT_SERVICE") {
      refuseEndpointService(input.XksProxyVpcEndpointServiceName);
    }
    if (input.XksProxyVpcEndpointServiceName) {
      throw validation("XksProxyVpcEndpointServiceName is valid with connectivity VPC_ENDPOINT_SERVICE only.");
    }
    const uri = { uriEndpoint: input.XksProxyUriEndpoint!, uriPath: input.XksProxyUriPath! };
    requireName(uri.uriEndpoint);
    if ((await ctx.state.count(storeTypes.keyStore)) >= maxStores) {
      throw limitExceeded(`You have reached the limit of ${maxStores} custom key stores in this Region.`);
    }
    const store = await ctx.once("create", async (): Promise<KeyStoreDocument> => {
      const id = `cks-${ctx.random.bytes(9).toString("hex").slice(0, 17)}`;
      const credential = await protectedCredential(ctx, id, input.XksProxyAuthenticationCredential!);
      return { id, name, createdAt: ctx.now, connection: { state: "DISCONNECTED" }, ...uri, ...credential };
    });
    await claimName(ctx, name, store.id);
    await claimUri(ctx, uri, store.id);
    await checkProxy(ctx, store, input.XksProxyAuthenticationCredential!.RawSecretAccessKey!);
    ctx.state.put(storeTypes.keyStore, store.id, store, { version: 0 });
    return { CustomKeyStoreId: store.id };
  }

  /** "AWS KMS connects to the external key store proxy while creating the custom key store." @throws onStore's */
  async function checkProxy(ctx: CallContext, store: KeyStoreDocument, secret: string): Promise<void> {
    await ctx.once("health", () => asking(external.health(ctx, addressOf(ctx, store, secret)), onStore));
  }

  async function updateCustomKeyStore(input: In<"UpdateCustomKeyStore">, ctx: CallContext) {
    const store = await requireStore(ctx, input.CustomKeyStoreId!);
    if (input.KeyStorePassword !== undefined || input.CloudHsmClusterId !== undefined) {
      throw validation(
        "KeyStorePassword and CloudHsmClusterId are valid for custom key stores of type AWS_CLOUDHSM only.",
      );
    }
    const { state } = store.connection;
    const needsDisconnected = input.XksProxyUriEndpoint !== undefined || input.XksProxyConnectivity !== undefined;
    if (state === "FAILED" || (needsDisconnected && state !== "DISCONNECTED")) {
      throw storeState(
        `To change this, the connection state of the custom key store must be DISCONNECTED; it is ${state}.`,
      );
    }
    if (input.XksProxyConnectivity === "VPC_ENDPOINT_SERVICE" || input.XksProxyVpcEndpointServiceName) {
      refuseEndpointService(input.XksProxyVpcEndpointServiceName);
    }
    const next: KeyStoreDocument = {
      ...store,
      name: input.NewCustomKeyStoreName ?? store.name,
      uriEndpoint: input.XksProxyUriEndpoint ?? store.uriEndpoint,
      uriPath: input.XksProxyUriPath ?? store.uriPath,
      ...(await ctx.once("credential", async () => {
        const given = input.XksProxyAuthenticationCredential;
        return given ? protectedCredential(ctx, store.id, given) : {};
      })),
    };
    requireName(next.uriEndpoint);
    if (next.name !== store.name) {
      await claimName(ctx, next.name, store.id);
      ctx.state.delete(storeTypes.name, nameClaim(store.name));
    }
    if (uriClaim(next) !== uriClaim(store)) {
      await claimUri(ctx, next, store.id);
      ctx.state.delete(storeTypes.uri, uriClaim(store));
    }
    if (ofXks.some((name) => input[name] !== undefined)) {
      const secret = input.XksProxyAuthenticationCredential?.RawSecretAccessKey ?? (await secretOf(ctx, store));
      await checkProxy(ctx, next, secret);
    }
    ctx.state.put(storeTypes.keyStore, store.id, next);
    return {};
  }

  async function connectCustomKeyStore(input: In<"ConnectCustomKeyStore">, ctx: CallContext) {
    const store = await requireStore(ctx, input.CustomKeyStoreId!);
    if (store.connection.state === "FAILED") {
      throw storeState(
        "The custom key store is in the FAILED state. Disconnect it, correct the error, and connect it again.",
      );
    }
    const secret = await secretOf(ctx, store);
    const connection = await ctx.once("connect", async (): Promise<KeyStoreDocument["connection"]> => {
      try {
        await external.health(ctx, addressOf(ctx, store, secret));
        return { state: "CONNECTED" };
      } catch (error) {
        if (!(error instanceof XksFailure)) throw error;
        ctx.log.warn({ customKeyStoreId: store.id, reason: error.message }, "an external key store did not connect");
        return { state: "FAILED", errorCode: connectionErrorOf(error) };
      }
    });
    ctx.state.put<KeyStoreDocument>(storeTypes.keyStore, store.id, { ...store, connection });
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

async function protectedCredential(ctx: CallContext, storeId: string, credential: Credential) {
  const secret = Buffer.from(credential.RawSecretAccessKey!, "utf8");
  const kept = await holding(ctx.keys.protect(secretPurpose, storeId, secret));
  return { accessKeyId: credential.AccessKeyId!, protectedSecret: Buffer.from(kept).toString("base64") };
}

async function disconnectCustomKeyStore(input: In<"DisconnectCustomKeyStore">, ctx: CallContext) {
  const store = await requireStore(ctx, input.CustomKeyStoreId!);
  if (store.connection.state === "DISCONNECTED") throw storeState("The custom key store is already disconnected.");
  ctx.state.put<KeyStoreDocument>(storeTypes.keyStore, store.id, { ...store, connection: { state: "DISCONNECTED" } });
  return {};
}

async function deleteCustomKeyStore(input: In<"DeleteCustomKeyStore">, ctx: CallContext) {
  const store = await requireStore(ctx, input.CustomKeyStoreId!);
  const { state } = store.connection;
  if (state !== "DISCONNECTED") {
    throw storeState(`To delete a custom key store, its connection state must be DISCONNECTED; it is ${state}.`);
  }
  const keys = `${store.id}/`;
  if ((await ctx.state.count(storeTypes.externalKey, keys)) > 0) {
    throw new AwsError(
      "CustomKeyStoreHasCMKsException",
      "The request was rejected because the custom key store contains AWS KMS keys. After verifying that you do not need to use the KMS keys, use the ScheduleKeyDeletion operation to delete the KMS keys. After they are deleted, you can delete the custom key store.",
    );
  }
  // INVARIANT: no key is made in the store while it goes.
  ctx.state.checkNone(storeTypes.externalKey, keys);
  ctx.state.delete(storeTypes.keyStore, store.id);
  ctx.state.delete(storeTypes.name, nameClaim(store.name));
  ctx.state.delete(storeTypes.uri, uriClaim(store));
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

/** INVARIANT: the secret of the proxy's credential is in no answer. */
function entry(store: KeyStoreDocument) {
  const { connection } = store;
  return {
    CustomKeyStoreId: store.id,
    CustomKeyStoreName: store.name,
    ConnectionState: connection.state,
    ...(connection.state === "FAILED" ? { ConnectionErrorCode: connection.errorCode } : {}),
    CreationDate: new Date(store.createdAt),
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
