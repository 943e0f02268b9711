/** IP sets. Source: AWS WAF API Reference. */
import type { IpSetDocument } from "#engines/waf/model.ts";
import { checkedScope } from "../errors.ts";
import { nextMarker, pageQuery } from "../paging.ts";
import { create, remove, summaryOf, update } from "../resources.ts";
import type { WafHandlers } from "../sdk.ts";
import { pathOfScope, requireNamed, types } from "../state.ts";
import { checkAddresses } from "../validation/addresses.ts";

export const ipSetHandlers = {
  async CreateIPSet(input, ctx) {
    const version = input.IPAddressVersion!;
    const set = await create(ctx, "ipset", input, { version, addresses: checkAddresses(input.Addresses, version) });
    return { Summary: summaryOf(set) };
  },

  async GetIPSet(input, ctx) {
    const set = await requireNamed(ctx, "ipset", input);
    return {
      IPSet: {
        Name: set.name,
        Id: set.id,
        ARN: set.arn,
        ...(set.description === undefined ? {} : { Description: set.description }),
        IPAddressVersion: set.version,
        Addresses: set.addresses,
      },
      LockToken: set.lockToken,
    };
  },

  async UpdateIPSet(input, ctx) {
    const before = await requireNamed(ctx, "ipset", input);
    const addresses = checkAddresses(input.Addresses, before.version);
    const { description: _, ...rest } = before;
    const changed: IpSetDocument = {
      ...rest,
      addresses,
      ...(input.Description === undefined ? {} : { description: input.Description }),
    };
    return { NextLockToken: await update(ctx, "ipset", before, input.LockToken, changed) };
  },

  async DeleteIPSet(input, ctx) {
    await remove(ctx, "ipset", await requireNamed(ctx, "ipset", input), input.LockToken);
    return {};
  },

  async ListIPSets(input, ctx) {
    checkedScope(input.Scope, ctx.region, "read");
    const page = await ctx.state.list<IpSetDocument>(types.ipSet, pageQuery(input, `${pathOfScope(input.Scope)}/`));
    return { IPSets: page.items.map(({ value }) => summaryOf(value)), ...nextMarker(page.next) };
  },
} satisfies WafHandlers;
