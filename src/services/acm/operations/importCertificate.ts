/** Taking a certificate in, or another one under the ARN of the first. Source: ACM API Reference, ImportCertificate. */
import type { CallContext } from "#gateway/context.ts";
import { edgeDocument, edgeService, type CertificateDocument } from "../../../edge/config.ts";
import { checkCertificate, type Checked } from "../certificate.ts";
import { requireCertificate } from "../certificates.ts";
import { invalidParameter, limitExceeded } from "../errors.ts";
import type { AcmHandlers } from "../sdk.ts";
import { keyPurpose, types, type Certificate } from "../state.ts";
import { withTags } from "../tags.ts";

/** Source: ACM User Guide, "Quotas": imported certificates. */
const mostCertificates = 2_500;

const text = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");

export const importHandlers: AcmHandlers = {
  async ImportCertificate(input, ctx) {
    const before = input.CertificateArn === undefined ? undefined : await requireCertificate(ctx, input.CertificateArn);
    if (before && input.Tags?.length) throw invalidParameter("Tagging is not permitted on re-import.");
    const checked = checkCertificate(
      {
        certificate: text(input.Certificate),
        privateKey: text(input.PrivateKey),
        chain: input.CertificateChain === undefined ? undefined : text(input.CertificateChain),
      },
      ctx.now,
    );
    if (!before && (await ctx.state.count(types.certificate)) >= mostCertificates) throw limitExceeded();
    const id = before?.id ?? ctx.random.uuid();
    const certificate: Certificate = {
      ...checked.facts,
      id,
      arn: before?.arn ?? `arn:${ctx.partition}:acm:${ctx.region}:${ctx.account}:certificate/${id}`,
      body: checked.body,
      chain: checked.chain,
      createdAt: before?.createdAt ?? ctx.now,
      importedAt: ctx.now,
      tags: before?.tags ?? withTags({}, input.Tags ?? []),
    };
    ctx.state.put(types.certificate, id, certificate);
    await serve(ctx, certificate, checked);
    return { CertificateArn: certificate.arn };
  },
};

/** Whatever serves the certificate serves the new one from its next handshake on. */
async function serve(ctx: CallContext, certificate: Certificate, { privateKey }: Checked): Promise<void> {
  const sealed = await ctx.keys.protect(keyPurpose, certificate.arn, Buffer.from(privateKey));
  const document: CertificateDocument = {
    arn: certificate.arn,
    certificate: certificate.body,
    chain: certificate.chain,
    privateKey: { purpose: keyPurpose, bound: certificate.arn, value: Buffer.from(sealed).toString("base64") },
    names: certificate.names,
    notAfter: certificate.notAfter,
  };
  ctx.state.put(edgeDocument.certificate, certificate.arn, document, { at: { service: edgeService } });
}
