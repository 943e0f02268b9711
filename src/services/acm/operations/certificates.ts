/** Looking at certificates, and deleting them. Source: ACM API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { PageTokens } from "#gateway/pageTokens.ts";
import { edgeDocument, edgeService } from "../../../edge/config.ts";
import { requireCertificate, usersOf } from "../certificates.ts";
import { inUse, invalidArgs, validation } from "../errors.ts";
import type { AcmHandlers } from "../sdk.ts";
import { certificateUse, types, type Certificate } from "../state.ts";

const statusOf = (certificate: Certificate, now: number) => (certificate.notAfter < now ? "EXPIRED" : "ISSUED");

function dates(certificate: Certificate) {
  const date = (milliseconds: number) => new Date(Math.floor(milliseconds / 1000) * 1000);
  return {
    CreatedAt: date(certificate.createdAt),
    ImportedAt: date(certificate.importedAt),
    NotBefore: date(certificate.notBefore),
    NotAfter: date(certificate.notAfter),
  };
}

/** "The default is to return only RSA_1024 and RSA_2048 certificates." Source: ListCertificates, Filters. */
const listedByDefault = ["RSA_1024", "RSA_2048"];
/** `RSA-2048` is asked for as `RSA_2048`, `EC-prime256v1` as `EC_prime256v1`. */
const asFilter = (algorithm: string): string => algorithm.replace("-", "_");

async function everyCertificate(ctx: CallContext): Promise<Certificate[]> {
  const found: Certificate[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.state.list<Certificate>(types.certificate, after === undefined ? {} : { after });
    found.push(...page.items.map(({ value }) => value));
    after = page.next;
  } while (after !== undefined);
  return found;
}

function summary(certificate: Certificate, now: number, used: boolean) {
  return {
    CertificateArn: certificate.arn,
    DomainName: certificate.domain,
    SubjectAlternativeNameSummaries: certificate.names.slice(0, 100),
    HasAdditionalSubjectAlternativeNames: certificate.names.length > 100,
    Status: statusOf(certificate, now) as "ISSUED",
    Type: "IMPORTED" as const,
    // ACM shows `RSA-2048` where its model says `RSA_2048`.
    KeyAlgorithm: certificate.keyAlgorithm as "RSA_2048",
    KeyUsages: certificate.keyUsages as "ANY"[],
    ExtendedKeyUsages: certificate.extendedKeyUsages.map(({ name }) => name) as "ANY"[],
    InUse: used,
    RenewalEligibility: "INELIGIBLE" as const,
    ...dates(certificate),
  };
}

export const certificateHandlers: AcmHandlers = {
  async DescribeCertificate(input, ctx) {
    const certificate = await requireCertificate(ctx, input.CertificateArn ?? "");
    return {
      Certificate: {
        CertificateArn: certificate.arn,
        DomainName: certificate.domain,
        SubjectAlternativeNames: certificate.names,
        Serial: certificate.serial,
        Subject: certificate.subject,
        Issuer: certificate.issuer,
        Status: statusOf(certificate, ctx.now),
        KeyAlgorithm: certificate.keyAlgorithm as "RSA_2048",
        SignatureAlgorithm: certificate.signatureAlgorithm,
        InUseBy: await usersOf(ctx, certificate.arn),
        Type: "IMPORTED",
        KeyUsages: certificate.keyUsages.map((Name) => ({ Name: Name as "ANY" })),
        ExtendedKeyUsages: certificate.extendedKeyUsages.map(({ name, oid }) => ({ Name: name as "ANY", OID: oid })),
        RenewalEligibility: "INELIGIBLE",
        Options: { CertificateTransparencyLoggingPreference: "DISABLED" },
        ...dates(certificate),
      },
    };
  },

  async GetCertificate(input, ctx) {
    const { body, chain } = await requireCertificate(ctx, input.CertificateArn ?? "");
    return { Certificate: body, ...(chain === "" ? {} : { CertificateChain: chain }) };
  },

  async ListCertificates(input, ctx) {
    if ((input.SortBy === undefined) !== (input.SortOrder === undefined)) {
      throw validation("SortBy and SortOrder must be specified together.");
    }
    const { CertificateStatuses: statuses, Includes: includes } = input;
    const algorithms: readonly string[] = includes?.keyTypes ?? listedByDefault;
    const wanted = (certificate: Certificate): boolean =>
      (!statuses?.length || statuses.includes(statusOf(certificate, ctx.now))) &&
      algorithms.includes(asFilter(certificate.keyAlgorithm)) &&
      every(includes?.keyUsage, certificate.keyUsages) &&
      every(
        includes?.extendedKeyUsage,
        certificate.extendedKeyUsages.map(({ name }) => name),
      ) &&
      includes?.exportOption !== "ENABLED" &&
      includes?.managedBy === undefined;
    const sign = input.SortOrder === "DESCENDING" ? -1 : 1;
    const order = (one: Certificate, other: Certificate) =>
      sign * (input.SortBy === undefined ? 0 : one.createdAt - other.createdAt) || (one.id < other.id ? -1 : 1);
    const sorted = (await everyCertificate(ctx)).filter(wanted).toSorted(order);
    const first = startOf(input.NextToken, sorted);
    const page = sorted.slice(first, first + (input.MaxItems ?? 1_000));
    const next = sorted[first + page.length];
    return {
      CertificateSummaryList: await Promise.all(
        page.map(async (each) => summary(each, ctx.now, (await usersOf(ctx, each.arn)).length > 0)),
      ),
      ...(next ? { NextToken: tokens.write(page.at(-1)!.id) } : {}),
    };
  },

  async DeleteCertificate(input, ctx) {
    const { arn, id } = await requireCertificate(ctx, input.CertificateArn ?? "");
    const at = { service: edgeService };
    await ctx.state.get(edgeDocument.certificate, arn, at);
    if ((await usersOf(ctx, arn)).length > 0) throw inUse(arn);
    ctx.state.checkNone(certificateUse, `${arn}/`, at);
    ctx.state.delete(edgeDocument.certificate, arn, { at });
    ctx.state.delete(types.certificate, id);
    return {};
  },

  /** What was imported is not given out again: whoever imported it has the key. */
  async ExportCertificate(input, ctx) {
    const { arn } = await requireCertificate(ctx, input.CertificateArn ?? "");
    throw validation(`Certificate ARN: ${arn} is not a private certificate`);
  },

  /** Certificates are issued by an authority; there is none here. */
  RequestCertificate() {
    throw validation("This installation issues no certificates: import one with ImportCertificate.");
  },
};

const tokens = new PageTokens("acm", () => invalidArgs("The NextToken is invalid."));

function startOf(token: string | undefined, sorted: readonly Certificate[]): number {
  const last = tokens.read(token);
  if (last === undefined) return 0;
  const at = sorted.findIndex(({ id }) => id === last);
  if (at < 0) throw invalidArgs("The NextToken is invalid.");
  return at + 1;
}

/** Every usage that was asked for is there; `ANY` asks for none. */
function every(wanted: readonly string[] | undefined, has: readonly string[]): boolean {
  return (wanted ?? []).every((usage) => usage === "ANY" || has.includes(usage));
}
