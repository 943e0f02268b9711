/** Tags of certificates. Source: ACM API Reference. */
import { requireCertificate } from "../certificates.ts";
import type { AcmHandlers } from "../sdk.ts";
import { types } from "../state.ts";
import { shownTags, withoutTags, withTags } from "../tags.ts";

export const tagHandlers: AcmHandlers = {
  async AddTagsToCertificate(input, ctx) {
    const certificate = await requireCertificate(ctx, input.CertificateArn ?? "");
    const tags = withTags(certificate.tags, input.Tags ?? []);
    ctx.state.put(types.certificate, certificate.id, { ...certificate, tags });
    return {};
  },

  async RemoveTagsFromCertificate(input, ctx) {
    const certificate = await requireCertificate(ctx, input.CertificateArn ?? "");
    const tags = withoutTags(certificate.tags, input.Tags ?? []);
    ctx.state.put(types.certificate, certificate.id, { ...certificate, tags });
    return {};
  },

  async ListTagsForCertificate(input, ctx) {
    return { Tags: shownTags((await requireCertificate(ctx, input.CertificateArn ?? "")).tags) };
  },
};
