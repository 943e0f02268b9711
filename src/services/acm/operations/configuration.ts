/** When ACM tells of certificates that expire. Source: ACM API Reference, PutAccountConfiguration. */
import type { AcmHandlers } from "../sdk.ts";
import { validation } from "../errors.ts";
import { types, type Configuration } from "../state.ts";

/** "By default, accounts receive events starting 45 days before certificate expiration." */
export const defaultDays = 45;

export const configurationHandlers: AcmHandlers = {
  async GetAccountConfiguration(_input, ctx) {
    const kept = await ctx.state.get<Configuration>(types.configuration, "account");
    return { ExpiryEvents: { DaysBeforeExpiry: kept?.value.daysBeforeExpiry ?? defaultDays } };
  },

  async PutAccountConfiguration(input, ctx) {
    const days = input.ExpiryEvents?.DaysBeforeExpiry;
    if (days === undefined) return {};
    if (days < 1 || days > 90) throw validation("DaysBeforeExpiry must be between 1 and 90");
    ctx.state.put<Configuration>(types.configuration, "account", { daysBeforeExpiry: days });
    return {};
  },
};
