/** Tags of certificates, by the operations of old and by those that all services have. Source: ACM API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { requireCertificate } from "../certificates.ts";
import type { AcmHandlers } from "../sdk.ts";
import { types } from "../state.ts";
import { shownTags, withoutTags, withTags } from "../tags.ts";

type Tags = Record<string, string>;

async function change(ctx: CallContext, arn: string | undefined, apply: (tags: Tags) => Tags): Promise<object> {
  const certificate = await requireCertificate(ctx, arn ?? "");
  ctx.state.put(types.certificate, certificate.id, { ...certificate, tags: apply(certificate.tags) });
  return {};
}

async function list(ctx: CallContext, arn: string | undefined) {
  return { Tags: shownTags((await requireCertificate(ctx, arn ?? "")).tags) };
}

export const tagHandlers: AcmHandlers = {
  AddTagsToCertificate: (input, ctx) => change(ctx, input.CertificateArn, (tags) => withTags(tags, input.Tags ?? [])),
  RemoveTagsFromCertificate: (input, ctx) =>
    change(ctx, input.CertificateArn, (tags) => withoutTags(tags, input.Tags ?? [])),
  ListTagsForCertificate: (input, ctx) => list(ctx, input.CertificateArn),
  TagResource: (input, ctx) => change(ctx, input.ResourceArn, (tags) => withTags(tags, input.Tags ?? [])),
  UntagResource: (input, ctx) =>
    change(ctx, input.ResourceArn, (tags) =>
      withoutTags(
        tags,
        (input.TagKeys ?? []).map((Key) => ({ Key })),
      ),
    ),
  ListTagsForResource: (input, ctx) => list(ctx, input.ResourceArn),
};
