/** TagX, UntagX and ListXTags of everything that takes tags: one row of functions per kind. */
import type { CallContext } from "#gateway/context.ts";
import { keyOf, putEntity, requireInstanceProfile, requireRole, requireUser } from "../entities.ts";
import { noSuch } from "../errors.ts";
import { requirePolicy } from "../managedPolicy.ts";
import { pageOfArray, type PageInput } from "../paging.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type IamState, type Tag } from "../state.ts";
import { addTags, readTags, removeTags, requireTagCount, sortedTags, type TagCase, type TagInput } from "../tags.ts";
import { putInstanceProfile } from "./instanceProfiles.ts";
import { requireOidcProvider } from "./oidcProviders.ts";
import { requireSamlProvider } from "./samlProviders.ts";
import { requireServerCertificate } from "./serverCertificates.ts";
import { isAwsManaged } from "../awsManagedPolicies.ts";

/** Something with tags, and how to store it with other ones. */
interface Tagged {
  tags: readonly Tag[];
  put(tags: Tag[]): void;
}

type Find = (state: IamState, name: string) => Promise<Tagged>;

const user: Find = async (state, name) => {
  const value = await requireUser(state, name);
  return { tags: value.tags, put: (tags) => putEntity(state, "user", { ...value, tags }) };
};
const role: Find = async (state, name) => {
  const value = await requireRole(state, name);
  return { tags: value.tags, put: (tags) => putEntity(state, "role", { ...value, tags }) };
};
const policy: Find = async (state, arn) => {
  const value = await requirePolicy(state, arn);
  if (isAwsManaged(arn)) throw noSuch.policy(arn);
  return { tags: value.tags, put: (tags) => state.put("policy", keyOf(value.name), { ...value, tags }) };
};
const instanceProfile: Find = async (state, name) => {
  const value = await requireInstanceProfile(state, name);
  return { tags: value.tags, put: (tags) => putInstanceProfile(state, { ...value, tags }) };
};
const oidcProvider: Find = async (state, arn) => {
  const value = await requireOidcProvider(state, arn);
  return { tags: value.tags, put: (tags) => state.put("oidcProvider", arn, { ...value, tags }) };
};
const samlProvider: Find = async (state, arn) => {
  const value = await requireSamlProvider(state, arn);
  return { tags: value.tags, put: (tags) => state.put("samlProvider", arn, { ...value, tags }) };
};
const serverCertificate: Find = async (state, name) => {
  const value = await requireServerCertificate(state, name);
  return { tags: value.tags, put: (tags) => state.put("serverCertificate", keyOf(name), { ...value, tags }) };
};
const mfaDevice: Find = async (state, serial) => {
  const value = await state.get("mfaDevice", serial);
  if (!value || value.retired) throw noSuch.mfaDevice(serial);
  return { tags: value.tags, put: (tags) => state.put("mfaDevice", serial, { ...value, tags }) };
};

async function tag(
  ctx: CallContext,
  find: Find,
  name: string,
  tags: readonly TagInput[] | undefined,
  tagCase: TagCase = "insensitive",
): Promise<Record<string, never>> {
  requireTagCount(tags);
  const target = await find(iamState(ctx), name);
  target.put(addTags(target.tags, readTags(tags, tagCase), tagCase));
  return {};
}

async function untag(
  ctx: CallContext,
  find: Find,
  name: string,
  keys: readonly string[] | undefined,
  tagCase: TagCase = "insensitive",
): Promise<Record<string, never>> {
  const target = await find(iamState(ctx), name);
  target.put(removeTags(target.tags, keys ?? [], tagCase));
  return {};
}

async function list(ctx: CallContext, find: Find, name: string, input: PageInput) {
  const { tags } = await find(iamState(ctx), name);
  const { items, paging } = pageOfArray(input, sortedTags(tags), (each) => each.Key);
  return { Tags: items, ...paging };
}

export const tagging = {
  TagUser: (input, ctx) => tag(ctx, user, input.UserName!, input.Tags),
  UntagUser: (input, ctx) => untag(ctx, user, input.UserName!, input.TagKeys),
  ListUserTags: (input, ctx) => list(ctx, user, input.UserName!, input),

  TagRole: (input, ctx) => tag(ctx, role, input.RoleName!, input.Tags),
  UntagRole: (input, ctx) => untag(ctx, role, input.RoleName!, input.TagKeys),
  ListRoleTags: (input, ctx) => list(ctx, role, input.RoleName!, input),

  TagPolicy: (input, ctx) => tag(ctx, policy, input.PolicyArn!, input.Tags, "sensitive"),
  UntagPolicy: (input, ctx) => untag(ctx, policy, input.PolicyArn!, input.TagKeys, "sensitive"),
  ListPolicyTags: (input, ctx) => list(ctx, policy, input.PolicyArn!, input),

  TagInstanceProfile: (input, ctx) => tag(ctx, instanceProfile, input.InstanceProfileName!, input.Tags),
  UntagInstanceProfile: (input, ctx) => untag(ctx, instanceProfile, input.InstanceProfileName!, input.TagKeys),
  ListInstanceProfileTags: (input, ctx) => list(ctx, instanceProfile, input.InstanceProfileName!, input),

  TagOpenIDConnectProvider: (input, ctx) => tag(ctx, oidcProvider, input.OpenIDConnectProviderArn!, input.Tags),
  UntagOpenIDConnectProvider: (input, ctx) => untag(ctx, oidcProvider, input.OpenIDConnectProviderArn!, input.TagKeys),
  ListOpenIDConnectProviderTags: (input, ctx) => list(ctx, oidcProvider, input.OpenIDConnectProviderArn!, input),

  TagSAMLProvider: (input, ctx) => tag(ctx, samlProvider, input.SAMLProviderArn!, input.Tags),
  UntagSAMLProvider: (input, ctx) => untag(ctx, samlProvider, input.SAMLProviderArn!, input.TagKeys),
  ListSAMLProviderTags: (input, ctx) => list(ctx, samlProvider, input.SAMLProviderArn!, input),

  TagServerCertificate: (input, ctx) => tag(ctx, serverCertificate, input.ServerCertificateName!, input.Tags),
  UntagServerCertificate: (input, ctx) => untag(ctx, serverCertificate, input.ServerCertificateName!, input.TagKeys),
  ListServerCertificateTags: (input, ctx) => list(ctx, serverCertificate, input.ServerCertificateName!, input),

  TagMFADevice: (input, ctx) => tag(ctx, mfaDevice, input.SerialNumber!, input.Tags),
  UntagMFADevice: (input, ctx) => untag(ctx, mfaDevice, input.SerialNumber!, input.TagKeys),
  ListMFADeviceTags: (input, ctx) => list(ctx, mfaDevice, input.SerialNumber!, input),
} satisfies IamHandlers;
