/** Certificates and attributes of listeners. Source: Elastic Load Balancing API Reference; User Guide, "HTTP header modification". */
import type { CallContext } from "#gateway/context.ts";
import { listenerAttributes, shownAttributes, withAttributes } from "../attributes.ts";
import { invalidConfiguration, notPermitted, tooMany, validation } from "../errors.ts";
import { listenersOf, requireListener } from "../find.ts";
import { paged } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { saveListener } from "../save.ts";
import type { ElbHandlers, In } from "../sdk.ts";
import type { Listener } from "../state.ts";

/** Certificates of a request, of an HTTPS listener. @throws ValidationError */
function given(listener: Listener, input: Pick<In<"AddListenerCertificates">, "Certificates">): string[] {
  if (listener.protocol !== "HTTPS") throw validation("Certificates cannot be specified for HTTP listeners");
  const certificates = input.Certificates ?? [];
  if (certificates.length === 0) throw validation("A certificate must be specified");
  if (certificates.some(({ IsDefault }) => IsDefault !== undefined)) {
    throw validation("'IsDefault' cannot be specified: modify the listener to change its default certificate");
  }
  return [...new Set(certificates.map(({ CertificateArn }) => CertificateArn ?? ""))];
}

async function requireRoom(ctx: CallContext, listener: Listener): Promise<void> {
  const siblings = (await listenersOf(ctx, listener.loadBalancer)).filter(({ arn }) => arn !== listener.arn);
  const count = [listener, ...siblings].reduce((sum, each) => sum + Math.max(0, each.certificates.length - 1), 0);
  const most = quotas["certificates-per-application-load-balancer"];
  if (count > most) {
    throw tooMany(
      "Certificates",
      `A load balancer can have at most '${most}' certificates, not counting default certificates`,
    );
  }
}

export const listenerSettingHandlers: ElbHandlers = {
  async AddListenerCertificates(input, ctx) {
    const before = await requireListener(ctx, input.ListenerArn ?? "");
    const added = given(before, input).filter((arn) => !before.certificates.includes(arn));
    const after = { ...before, certificates: [...before.certificates, ...added] };
    await requireRoom(ctx, after);
    await saveListener(ctx, after, before);
    return { Certificates: given(before, input).map((CertificateArn) => ({ CertificateArn, IsDefault: false })) };
  },

  async RemoveListenerCertificates(input, ctx) {
    const before = await requireListener(ctx, input.ListenerArn ?? "");
    const removed = given(before, input);
    if (removed.includes(before.certificates[0]!)) {
      throw notPermitted("The default certificate of a listener cannot be removed");
    }
    const after = { ...before, certificates: before.certificates.filter((arn) => !removed.includes(arn)) };
    await saveListener(ctx, after, before);
    return {};
  },

  async DescribeListenerCertificates(input, ctx) {
    const { certificates } = await requireListener(ctx, input.ListenerArn ?? "");
    const rows = certificates.map((arn, index) => ({ arn, isDefault: index === 0 }));
    const { items, NextMarker } = paged(rows, input);
    return {
      Certificates: items.map(({ arn, isDefault }) => ({ CertificateArn: arn, IsDefault: isDefault })),
      ...(NextMarker === undefined ? {} : { NextMarker }),
    };
  },

  async DescribeListenerAttributes(input, ctx) {
    const { attributes } = await requireListener(ctx, input.ListenerArn ?? "");
    return { Attributes: shownAttributes(listenerAttributes, attributes) };
  },

  async ModifyListenerAttributes(input, ctx) {
    const before = await requireListener(ctx, input.ListenerArn ?? "");
    const attributes = withAttributes(listenerAttributes, before.attributes, input.Attributes ?? []);
    const tls = Object.keys(attributes).find((key) => key.startsWith("routing.http.request.x_amzn_tls"));
    if (tls !== undefined && before.protocol === "HTTP") {
      throw invalidConfiguration(`Attribute '${tls}' is supported only on HTTPS listeners`);
    }
    await saveListener(ctx, { ...before, attributes }, before);
    return { Attributes: shownAttributes(listenerAttributes, attributes) };
  },
};
