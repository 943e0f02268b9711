/** IAM resources of ACM's operations. Source: Service Authorization Reference, AWS Certificate Manager. */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { findCertificate } from "./certificates.ts";
import type { AcmAccess } from "./sdk.ts";
import { tagContext } from "./tags.ts";

type ContextValues = Record<string, string | readonly string[]>;

async function on(
  ctx: CallContext,
  action: string,
  arn: string | undefined,
  context: ContextValues = {},
): Promise<Access> {
  const resource = arn ?? `arn:${ctx.partition}:acm:${ctx.region}:${ctx.account}:certificate/*`;
  const found = arn === undefined ? undefined : await findCertificate(ctx, arn);
  const tags = Object.entries(found?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
  if (arn !== undefined)
    ctx.audit({ resources: [{ ARN: arn, accountId: ctx.account, type: "AWS::ACM::Certificate" }] });
  return { action: `acm:${action}`, resource, context: { ...Object.fromEntries(tags), ...context } };
}

const byArn =
  (action: string) =>
  (input: { CertificateArn: string | undefined }, ctx: CallContext): Promise<Access> =>
    on(ctx, action, input.CertificateArn);

const all = (action: string) => (): Access => ({ action: `acm:${action}`, resource: "*" });

export const access: AcmAccess = {
  AddTagsToCertificate: (input, ctx) => on(ctx, "AddTagsToCertificate", input.CertificateArn, tagContext(input.Tags)),
  DeleteCertificate: byArn("DeleteCertificate"),
  DescribeCertificate: byArn("DescribeCertificate"),
  GetAccountConfiguration: all("GetAccountConfiguration"),
  GetCertificate: byArn("GetCertificate"),
  async ImportCertificate(input, ctx) {
    const context = tagContext(input.Tags);
    const question = await on(ctx, "ImportCertificate", input.CertificateArn, context);
    if (Object.keys(context).length === 0) return question;
    return [question, await on(ctx, "AddTagsToCertificate", input.CertificateArn, context)];
  },
  ListCertificates: all("ListCertificates"),
  ListTagsForCertificate: byArn("ListTagsForCertificate"),
  ListTagsForResource: (input, ctx) => on(ctx, "ListTagsForResource", input.ResourceArn),
  PutAccountConfiguration: all("PutAccountConfiguration"),
  RemoveTagsFromCertificate: (input, ctx) =>
    on(ctx, "RemoveTagsFromCertificate", input.CertificateArn, {
      "aws:TagKeys": (input.Tags ?? []).map(({ Key = "" }) => Key),
    }),
  TagResource: (input, ctx) => on(ctx, "TagResource", input.ResourceArn, tagContext(input.Tags)),
  UntagResource: (input, ctx) => on(ctx, "UntagResource", input.ResourceArn, { "aws:TagKeys": input.TagKeys ?? [] }),
  ExportCertificate: byArn("ExportCertificate"),
  RequestCertificate: (input, ctx) => on(ctx, "RequestCertificate", undefined, tagContext(input.Tags)),
};
