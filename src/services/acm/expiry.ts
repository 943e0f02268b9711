/**
 * Daily events about certificates that expire, to the default event bus of their account.
 * Source: ACM User Guide, "Amazon EventBridge support for ACM" (`ACM Certificate Approaching Expiration`, daily from
 * DaysBeforeExpiry on; `ACM Certificate Expired`).
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { edgeService } from "../../edge/config.ts";
import { defaultDays } from "./operations/configuration.ts";
import { certificateUse, serviceId, types, type Certificate, type Configuration } from "./state.ts";

const eventsStream = "events";
const dayMs = 86_400_000;

/** One turn over the certificates of all accounts. */
export async function tellOfExpiry(ctx: JobContext): Promise<void> {
  const today = Math.floor(ctx.clock.now() / dayMs);
  let after: string | undefined;
  do {
    const page = await ctx.store.list<Certificate>({
      service: serviceId,
      type: types.certificate,
      limit: 500,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) {
      if (ctx.signal.aborted) return;
      if (document.value.toldOn !== today) await tell(ctx, document, today);
    }
    after = page.next;
  } while (after !== undefined);
}

async function tell(ctx: JobContext, document: Document<Certificate>, today: number): Promise<void> {
  const { key, value: certificate, version } = document;
  const now = ctx.clock.now();
  const expired = certificate.notAfter < now;
  if (expired && certificate.toldExpired) return;
  if (!expired) {
    const days = (certificate.notAfter - now) / dayMs;
    if (days > 90) return;
    const configuration = await ctx.store.get<Configuration>({ ...key, type: types.configuration, id: "account" });
    if (days > (configuration?.value.daysBeforeExpiry ?? defaultDays)) return;
  }
  const event = {
    version: "0",
    id: ctx.random.uuid(),
    "detail-type": expired ? "ACM Certificate Expired" : "ACM Certificate Approaching Expiration",
    source: "aws.acm",
    account: key.account,
    time: isoSeconds(now),
    region: key.region,
    resources: [certificate.arn],
    detail: expired ? await expiredDetail(ctx, document) : approachingDetail(certificate, now),
  };
  const operations: Operation[] = [
    {
      op: "put",
      key,
      value: { ...certificate, toldOn: today, ...(expired ? { toldExpired: true } : {}) },
      ifVersion: version,
    },
    { op: "append", stream: eventsStream, key: key.account, id: event.id, event },
  ];
  try {
    await ctx.store.commit(operations);
  } catch (error) {
    // It was imported anew or deleted meanwhile: the next turn decides.
    if (!(error instanceof Conflict)) throw error;
  }
}

function approachingDetail(certificate: Certificate, now: number) {
  return { DaysToExpiry: Math.floor((certificate.notAfter - now) / dayMs), CommonName: certificate.domain };
}

async function expiredDetail(ctx: JobContext, { key, value }: Document<Certificate>) {
  const uses = { ...key, service: edgeService, type: certificateUse, prefix: `${value.arn}/` };
  const { account, region, service, type, prefix } = uses;
  return {
    CertificateType: "IMPORTED",
    CommonName: value.domain,
    CertificateCreatedDate: isoSeconds(value.createdAt),
    CertificateExpirationDate: isoSeconds(value.notAfter),
    InUse: (await ctx.store.count({ account, region, service, type, prefix })) > 0,
    Exported: false,
  };
}
