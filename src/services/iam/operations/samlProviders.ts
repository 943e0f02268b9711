/** SAML providers. Source: IAM API reference, CreateSAMLProvider …; texts recorded from AWS by LocalStack. */
import { createPrivateKey } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import { iamId } from "#kernel/ids.ts";
import { alreadyExists, invalidInput, limitExceeded, noSuch, quotaExceeded } from "../errors.ts";
import { quotas } from "../quotas.ts";
import { tagsOf } from "../render.ts";
import { protectSamlKey } from "../samlKey.ts";
import { readSamlMetadata } from "../samlMetadata.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type IamState, type SamlProvider } from "../state.ts";
import { readTags } from "../tags.ts";

/** Metadata that states no end is valid this long; AWS shows a date a hundred years ahead. */
const defaultValidity = 100 * 365 * 86_400_000;
const keysPerProvider = 2;

export async function requireSamlProvider(state: IamState, arn: string): Promise<SamlProvider> {
  const provider = await state.get("samlProvider", arn);
  if (!provider) throw noSuch.samlProvider(arn);
  return provider;
}

const put = (state: IamState, provider: SamlProvider) => state.put("samlProvider", provider.arn, provider);

/** Protects a private key that decrypts assertions. @throws InvalidInput unless it is an RSA key in PEM format. */
async function newKey(ctx: CallContext, arn: string, pem: string): Promise<SamlProvider["keys"][number]> {
  try {
    if (createPrivateKey(pem).asymmetricKeyType !== "rsa") throw new TypeError("not RSA");
  } catch {
    throw invalidInput("The private key is not valid. It must be an RSA private key in PEM format.");
  }
  const id = iamId("SAMLKEY", ctx.random);
  return { id, createdAt: ctx.now, secret: await protectSamlKey(ctx.keys, arn, id, pem) };
}

export const samlProviders = {
  async CreateSAMLProvider(input, ctx) {
    const state = iamState(ctx);
    const name = input.Name!;
    const tags = readTags(input.Tags);
    const metadata = readSamlMetadata(input.SAMLMetadataDocument!);
    const arn = `arn:${ctx.partition}:iam::${state.account}:saml-provider/${name}`;
    if (await state.get("samlProvider", arn)) throw alreadyExists(`SAMLProvider with name ${name} already exists.`);
    if ((await state.count("samlProvider")) >= quotas.samlProvidersPerAccount) {
      throw quotaExceeded("SAMLProvidersPerAccount", quotas.samlProvidersPerAccount);
    }
    const keys = input.AddPrivateKey === undefined ? [] : [await newKey(ctx, arn, input.AddPrivateKey)];
    put(state, {
      arn,
      name,
      uuid: iamId("ASPI", ctx.random),
      metadata: input.SAMLMetadataDocument!,
      createdAt: ctx.now,
      validUntil: metadata.validUntil ?? ctx.now + defaultValidity,
      tags,
      assertionEncryption: input.AssertionEncryptionMode ?? "Allowed",
      keys,
    });
    return { SAMLProviderArn: arn, ...tagsOf(tags) };
  },

  async GetSAMLProvider(input, ctx) {
    const provider = await requireSamlProvider(iamState(ctx), input.SAMLProviderArn!);
    return {
      SAMLProviderUUID: provider.uuid,
      SAMLMetadataDocument: provider.metadata,
      CreateDate: new Date(provider.createdAt),
      ValidUntil: new Date(provider.validUntil),
      Tags: [...provider.tags],
      AssertionEncryptionMode: provider.assertionEncryption,
      PrivateKeyList: provider.keys.map((key) => ({ KeyId: key.id, Timestamp: new Date(key.createdAt) })),
    };
  },

  async ListSAMLProviders(_input, ctx) {
    const providers = await iamState(ctx).all("samlProvider");
    return {
      SAMLProviderList: providers.map(({ value }) => ({
        Arn: value.arn,
        ValidUntil: new Date(value.validUntil),
        CreateDate: new Date(value.createdAt),
      })),
    };
  },

  async UpdateSAMLProvider(input, ctx) {
    const state = iamState(ctx);
    const provider = { ...(await requireSamlProvider(state, input.SAMLProviderArn!)) };
    if (input.SAMLMetadataDocument !== undefined) {
      const metadata = readSamlMetadata(input.SAMLMetadataDocument);
      provider.metadata = input.SAMLMetadataDocument;
      provider.validUntil = metadata.validUntil ?? ctx.now + defaultValidity;
    }
    if (input.AssertionEncryptionMode !== undefined) provider.assertionEncryption = input.AssertionEncryptionMode;
    if (input.RemovePrivateKey !== undefined) {
      if (!provider.keys.some((key) => key.id === input.RemovePrivateKey)) {
        throw invalidInput(`The private key ${input.RemovePrivateKey} cannot be found.`);
      }
      provider.keys = provider.keys.filter((key) => key.id !== input.RemovePrivateKey);
    }
    if (input.AddPrivateKey !== undefined) {
      if (provider.keys.length >= keysPerProvider) {
        throw limitExceeded(`Cannot exceed quota for PrivateKeysPerSAMLProvider: ${keysPerProvider}`);
      }
      provider.keys = [...provider.keys, await newKey(ctx, provider.arn, input.AddPrivateKey)];
    }
    put(state, provider);
    return { SAMLProviderArn: provider.arn };
  },

  async DeleteSAMLProvider(input, ctx) {
    const state = iamState(ctx);
    const provider = await requireSamlProvider(state, input.SAMLProviderArn!);
    state.delete("samlProvider", provider.arn);
    return {};
  },
} satisfies IamHandlers;
