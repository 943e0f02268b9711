/** OpenID Connect providers. Source: IAM API reference, CreateOpenIDConnectProvider …; texts recorded by LocalStack. */
import { alreadyExists, invalidInput, noSuch, noSuchEntity, quotaExceeded, validationError } from "../errors.ts";
import { quotas } from "../quotas.ts";
import { tagsOf } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type IamState, type OidcProvider } from "../state.ts";
import { readTags } from "../tags.ts";

export async function requireOidcProvider(state: IamState, arn: string): Promise<OidcProvider> {
  const provider = await state.get("oidcProvider", arn);
  if (!provider) throw noSuch.oidcProvider(arn);
  return provider;
}

/** Host and path; @throws ValidationError unless it is an https URL without query, fragment or user. */
function readUrl(text: string): string {
  const url = URL.parse(text);
  const good = url?.protocol === "https:" && !url.search && !url.hash && !url.username && !url.password;
  if (!url || !good || !text.startsWith("https://") || url.hostname === "") {
    throw validationError("Invalid Open ID Connect Provider URL");
  }
  return text.slice("https://".length);
}

function readThumbprints(list: readonly string[] | undefined): string[] {
  const thumbprints = list ?? [];
  if (thumbprints.length > quotas.thumbprintsPerOidcProvider) {
    throw invalidInput("Thumbprint list must contain fewer than 5 entries.");
  }
  return thumbprints.map((thumbprint) => {
    if (!/^[0-9a-fA-F]{40}$/.test(thumbprint)) throw invalidInput(`Thumbprint ${thumbprint} is not valid.`);
    return thumbprint.toLowerCase();
  });
}

function requireClientIds(clientIds: readonly string[]): void {
  if (clientIds.length > quotas.clientIdsPerOidcProvider) {
    throw quotaExceeded("ClientIdsPerOpenIdConnectProvider", quotas.clientIdsPerOidcProvider);
  }
}

const put = (state: IamState, provider: OidcProvider) => state.put("oidcProvider", provider.arn, provider);

export const oidcProviders = {
  async CreateOpenIDConnectProvider(input, ctx) {
    const state = iamState(ctx);
    const url = readUrl(input.Url!);
    const thumbprints = readThumbprints(input.ThumbprintList);
    const clientIds = [...new Set(input.ClientIDList)];
    requireClientIds(clientIds);
    const tags = readTags(input.Tags);
    const arn = `arn:${ctx.partition}:iam::${state.account}:oidc-provider/${url}`;
    if (await state.get("oidcProvider", arn)) throw alreadyExists(`Provider with url https://${url} already exists.`);
    if ((await state.count("oidcProvider")) >= quotas.oidcProvidersPerAccount) {
      throw quotaExceeded("OpenIdConnectProvidersPerAccount", quotas.oidcProvidersPerAccount);
    }
    put(state, { arn, url, createdAt: ctx.now, clientIds, thumbprints, tags });
    return { OpenIDConnectProviderArn: arn, ...tagsOf(tags) };
  },

  async GetOpenIDConnectProvider(input, ctx) {
    const provider = await requireOidcProvider(iamState(ctx), input.OpenIDConnectProviderArn!);
    return {
      Url: provider.url,
      ClientIDList: [...provider.clientIds],
      ThumbprintList: [...provider.thumbprints],
      CreateDate: new Date(provider.createdAt),
      Tags: [...provider.tags],
    };
  },

  async ListOpenIDConnectProviders(_input, ctx) {
    const providers = await iamState(ctx).all("oidcProvider");
    return { OpenIDConnectProviderList: providers.map((provider) => ({ Arn: provider.value.arn })) };
  },

  async DeleteOpenIDConnectProvider(input, ctx) {
    const state = iamState(ctx);
    const arn = input.OpenIDConnectProviderArn!;
    if (!(await state.get("oidcProvider", arn))) {
      throw noSuchEntity(`OpenId connect Provider ${arn} cannot be found.`);
    }
    state.delete("oidcProvider", arn);
    return {};
  },

  /** "If the client ID already exists … the operation completes successfully" (API reference). */
  async AddClientIDToOpenIDConnectProvider(input, ctx) {
    const state = iamState(ctx);
    const provider = await requireOidcProvider(state, input.OpenIDConnectProviderArn!);
    const clientIds = [...new Set([...provider.clientIds, input.ClientID!])];
    requireClientIds(clientIds);
    put(state, { ...provider, clientIds });
    return {};
  },

  async RemoveClientIDFromOpenIDConnectProvider(input, ctx) {
    const state = iamState(ctx);
    const provider = await requireOidcProvider(state, input.OpenIDConnectProviderArn!);
    put(state, { ...provider, clientIds: provider.clientIds.filter((id) => id !== input.ClientID) });
    return {};
  },

  async UpdateOpenIDConnectProviderThumbprint(input, ctx) {
    const state = iamState(ctx);
    const provider = await requireOidcProvider(state, input.OpenIDConnectProviderArn!);
    put(state, { ...provider, thumbprints: readThumbprints(input.ThumbprintList) });
    return {};
  },
} satisfies IamHandlers;
