/** Keeping a thing and, in the same batch, what the edge serves of it. */
import type { CallContext } from "#gateway/context.ts";
import { edgeDocument, type CertificateDocument } from "../../edge/config.ts";
import { currentTraffic, atEdge, edgeListener, edgeTargetGroup, putFrontEnd } from "./edgeDocuments.ts";
import { noCertificate } from "./errors.ts";
import { listenerId } from "./find.ts";
import { certificateUse, types, type Listener, type LoadBalancer, type TargetGroup } from "./state.ts";

export async function saveLoadBalancer(ctx: CallContext, loadBalancer: LoadBalancer): Promise<void> {
  const traffic = await currentTraffic(ctx, loadBalancer.arn);
  ctx.state.put(types.loadBalancer, loadBalancer.name, loadBalancer);
  putFrontEnd(ctx, loadBalancer, traffic);
}

export function saveTargetGroup(ctx: CallContext, group: TargetGroup): void {
  ctx.state.put(types.targetGroup, group.name, group);
  ctx.state.put(edgeDocument.targetGroup, group.arn, edgeTargetGroup(group), { at: atEdge });
}

const useId = (certificate: string, listener: string): string => `${certificate}/${listener}`;

/** @throws CertificateNotFound for a certificate that has come in since `before`. */
export async function saveListener(ctx: CallContext, listener: Listener, before?: Listener): Promise<void> {
  const had = new Set(before?.certificates);
  for (const arn of listener.certificates) {
    if (had.delete(arn)) continue;
    const found = await ctx.state.get<CertificateDocument>(edgeDocument.certificate, arn, atEdge);
    if (!found) throw noCertificate(arn);
    ctx.state.check(edgeDocument.certificate, arn, atEdge);
    ctx.state.put(certificateUse, useId(arn, listener.arn), { resource: listener.loadBalancer }, { at: atEdge });
  }
  for (const arn of had) ctx.state.delete(certificateUse, useId(arn, listener.arn), { at: atEdge });
  ctx.state.put(types.listener, listenerId(listener.arn), listener);
  ctx.state.put(edgeDocument.listener, listener.arn, edgeListener(listener), { at: atEdge });
}

export function removeListener(ctx: CallContext, listener: Listener): void {
  for (const arn of listener.certificates) ctx.state.delete(certificateUse, useId(arn, listener.arn), { at: atEdge });
  ctx.state.delete(types.listener, listenerId(listener.arn));
  ctx.state.delete(edgeDocument.listener, listener.arn, { at: atEdge });
  // What became of it is no longer of interest; the edge writes it, we only take it away.
  ctx.state.delete(edgeDocument.status, listener.arn, { at: atEdge, version: "any" });
}
