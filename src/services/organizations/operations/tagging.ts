/** Tags of roots, units, accounts, policies and the resource policy. Source: AWS Organizations API Reference. */
import { fault, invalidInput } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { kindOf } from "../documents.ts";
import type { Operations } from "../sdk.ts";
import { callersOrganization, changeOrganization, type OrganizationState } from "../state.ts";
import { addTags, tagsOf } from "../tags.ts";

async function requireTaggable(organization: OrganizationState, id: string | undefined): Promise<string> {
  if (kindOf(id ?? "") !== undefined) {
    if (!(await organization.exists(id!))) throw fault("TargetNotFoundException");
    return id!;
  }
  if (/^p-[0-9a-zA-Z_]{8,128}$/.test(id ?? "")) {
    if (!(await organization.get("policy", id!))) throw fault("TargetNotFoundException");
    return id!;
  }
  if (!/^rp-[0-9a-zA-Z_]{4,128}$/.test(id ?? "")) throw invalidInput("INVALID_PATTERN");
  const policy = await organization.get("resourcePolicy", "resourcePolicy");
  if (policy?.id !== id) throw fault("TargetNotFoundException");
  return id!;
}

export const taggingOperations: Operations = {
  async TagResource(input, ctx) {
    const organization = await changeOrganization(ctx);
    await addTags(organization, await requireTaggable(organization, input.ResourceId), input.Tags);
    return {};
  },

  async UntagResource(input, ctx) {
    const organization = await changeOrganization(ctx);
    const id = await requireTaggable(organization, input.ResourceId);
    const tags = (await tagsOf(organization, id)).filter(({ Key }) => !input.TagKeys!.includes(Key));
    organization.put("tags", id, { tags });
    return {};
  },

  async ListTagsForResource(input, ctx) {
    const organization = await callersOrganization(ctx);
    const id = await requireTaggable(organization, input.ResourceId);
    const { items, next } = pageOf(input, await tagsOf(organization, id), ({ Key }) => Key);
    return { Tags: items, ...next };
  },
};
