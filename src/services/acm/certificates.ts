/** Finding the certificate that an ARN names, and who uses it. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { edgeService } from "../../edge/config.ts";
import { invalidArn, noCertificate } from "./errors.ts";
import { certificateUse, types, type Certificate, type CertificateUse } from "./state.ts";

export function idOf(arn: string): string | undefined {
  const parsed = parseArn(arn);
  const id = /^certificate\/([A-Za-z0-9-]{1,64})$/.exec(parsed?.resource ?? "")?.[1];
  return parsed?.service === "acm" ? id : undefined;
}

/** Certificates of other accounts and Regions are not found. */
export async function findCertificate(ctx: CallContext, arn: string): Promise<Certificate | undefined> {
  const id = idOf(arn);
  const found = id === undefined ? undefined : await ctx.state.get<Certificate>(types.certificate, id);
  return found?.value.arn === arn ? found.value : undefined;
}

/** @throws InvalidArnException, ResourceNotFoundException */
export async function requireCertificate(ctx: CallContext, arn: string): Promise<Certificate> {
  if (idOf(arn) === undefined) throw invalidArn(arn);
  const certificate = await findCertificate(ctx, arn);
  if (!certificate) throw noCertificate(arn);
  return certificate;
}

/** ARNs of what serves the certificate, each once. */
export async function usersOf(ctx: CallContext, arn: string): Promise<string[]> {
  const users = new Set<string>();
  let after: string | undefined;
  do {
    const query = { prefix: `${arn}/`, ...(after === undefined ? {} : { after }) };
    const page = await ctx.state.list<CertificateUse>(certificateUse, query, { service: edgeService });
    for (const { value } of page.items) users.add(value.resource);
    after = page.next;
  } while (after !== undefined);
  return [...users];
}
