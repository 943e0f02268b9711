/**
 * External key stores: made, changed, connected. Sources: KMS API Reference, the six operations; KMS Developer Guide,
 * "External key stores". A proxy behind a VPC endpoint service needs that service, which does not exist here: it is
 * refused as AWS refuses the name of one that does not exist.
 */
import { isIP } from "node:net";
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { XksFailure } from "#keys/stores/xksFailure.ts";
import { holding, validation } from "../errors.ts";
import type { In } from "../sdk.ts";
import { addressOf, type ExternalKeys, secretOf } from "./externalKeys.ts";
import { asking, connectionErrorOf, onStore } from "./failures.ts";
import {
  type Claim,
  type Connection,
  type ExternalStoreDocument,
  mustBeDisconnected,
  secretPurpose,
  storeTypes,
} from "./state.ts";

type Uri = Pick<ExternalStoreDocument, "uriEndpoint" | "uriPath">;
type Credential = NonNullable<In<"CreateCustomKeyStore">["XksProxyAuthenticationCredential"]>;

const needed = [
  "XksProxyUriEndpoint",
  "XksProxyUriPath",
  "XksProxyAuthenticationCredential",
  "XksProxyConnectivity",
] as const;

const ofEndpointServices = ["XksProxyVpcEndpointServiceName", "XksProxyVpcEndpointServiceOwner"] as const;

/** Members of requests that other stores do not take. */
export const externalMembers = [...needed, ...ofEndpointServices] as const;

export const uriClaim = ({ uriEndpoint, uriPath }: Uri): string => `${uriEndpoint.toLowerCase()}${uriPath}`;

/** Staged; two callers with one URI meet in the batch. @throws XksProxyUriInUseException */
async function claimUri(ctx: CallContext, uri: Uri, owner: string): Promise<void> {
  if (await ctx.state.get<Claim>(storeTypes.uri, uriClaim(uri))) {
    throw new AwsError(
      "XksProxyUriInUseException",
      "The request was rejected because the concatenation of the XksProxyUriEndpoint and XksProxyUriPath is already associated with an external key store in this AWS Region. Each external key store in a Region must use a unique external key store proxy API address.",
    );
  }
  ctx.state.put<Claim>(storeTypes.uri, uriClaim(uri), { owner });
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

/** "AWS KMS connects to the external key store proxy while creating the custom key store." @throws onStore's */
async function checkProxy(
  ctx: CallContext,
  external: ExternalKeys,
  store: ExternalStoreDocument,
  secret: string,
): Promise<void> {
  await ctx.once("health", () => asking(external.health(ctx, addressOf(ctx, store, secret)), onStore));
}

async function protectedCredential(ctx: CallContext, storeId: string, credential: Credential) {
  const secret = Buffer.from(credential.RawSecretAccessKey!, "utf8");
  const kept = await holding(ctx.keys.protect(secretPurpose, storeId, secret));
  return { accessKeyId: credential.AccessKeyId!, protectedSecret: Buffer.from(kept).toString("base64") };
}

/** Stages the claim of the URI. @throws XksProxyUriInUseException */
export async function newExternalStore(
  ctx: CallContext,
  input: In<"CreateCustomKeyStore">,
  newId: () => string,
): Promise<ExternalStoreDocument> {
  for (const name of needed) {
    if (input[name] === undefined) throw validation(`${name} is required for type EXTERNAL_KEY_STORE.`);
  }
  if (input.XksProxyConnectivity === "VPC_ENDPOINT_SERVICE") {
    refuseEndpointService(input.XksProxyVpcEndpointServiceName);
  }
  const misplaced = ofEndpointServices.find((name) => input[name]);
  if (misplaced) throw validation(`${misplaced} is valid with connectivity VPC_ENDPOINT_SERVICE only.`);
  const uri = { uriEndpoint: input.XksProxyUriEndpoint!, uriPath: input.XksProxyUriPath! };
  requireName(uri.uriEndpoint);
  const store = await ctx.once("create", async (): Promise<ExternalStoreDocument> => {
    const id = newId();
    const credential = await protectedCredential(ctx, id, input.XksProxyAuthenticationCredential!);
    const name = input.CustomKeyStoreName!;
    return { id, name, createdAt: ctx.now, connection: { state: "DISCONNECTED" }, ...uri, ...credential };
  });
  await claimUri(ctx, uri, store.id);
  return store;
}

/** Asks the proxy, once all that can be said without it has been said. @throws what failures of a proxy are called */
export async function checkNewStore(
  ctx: CallContext,
  external: ExternalKeys,
  input: In<"CreateCustomKeyStore">,
  store: ExternalStoreDocument,
): Promise<void> {
  await checkProxy(ctx, external, store, input.XksProxyAuthenticationCredential!.RawSecretAccessKey!);
}

/** @throws CustomKeyStoreInvalidStateException, XksProxyUriInUseException, and what failures of a proxy are called */
export async function changedExternalStore(
  ctx: CallContext,
  external: ExternalKeys,
  input: In<"UpdateCustomKeyStore">,
  store: ExternalStoreDocument,
): Promise<ExternalStoreDocument> {
  const { state } = store.connection;
  const needsDisconnected = input.XksProxyUriEndpoint !== undefined || input.XksProxyConnectivity !== undefined;
  if (state === "FAILED" || (needsDisconnected && state !== "DISCONNECTED")) throw mustBeDisconnected(state);
  if (input.XksProxyConnectivity === "VPC_ENDPOINT_SERVICE" || ofEndpointServices.some((name) => input[name])) {
    refuseEndpointService(input.XksProxyVpcEndpointServiceName);
  }
  const next: ExternalStoreDocument = {
    ...store,
    uriEndpoint: input.XksProxyUriEndpoint ?? store.uriEndpoint,
    uriPath: input.XksProxyUriPath ?? store.uriPath,
    ...(await ctx.once("credential", async () => {
      const given = input.XksProxyAuthenticationCredential;
      return given ? protectedCredential(ctx, store.id, given) : {};
    })),
  };
  requireName(next.uriEndpoint);
  if (uriClaim(next) !== uriClaim(store)) {
    await claimUri(ctx, next, store.id);
    ctx.state.delete(storeTypes.uri, uriClaim(store));
  }
  if (needed.some((name) => input[name] !== undefined)) {
    const secret = input.XksProxyAuthenticationCredential?.RawSecretAccessKey ?? (await secretOf(ctx, store));
    await checkProxy(ctx, external, next, secret);
  }
  return next;
}

/** How the proxy answers decides. */
export async function connectExternal(
  ctx: CallContext,
  external: ExternalKeys,
  store: ExternalStoreDocument,
): Promise<Connection> {
  const secret = await secretOf(ctx, store);
  return ctx.once("connect", async (): Promise<Connection> => {
    try {
      await external.health(ctx, addressOf(ctx, store, secret));
      return { state: "CONNECTED" };
    } catch (error) {
      if (!(error instanceof XksFailure)) throw error;
      ctx.log.warn({ customKeyStoreId: store.id, reason: error.message }, "an external key store did not connect");
      return { state: "FAILED", errorCode: connectionErrorOf(error) };
    }
  });
}
