/** Which accounts of an organization become members by themselves, and with which features. */
import { linkOf, memberOf } from "#gateway/administration.ts";
import type { JobContext, State } from "#gateway/context.ts";
import type { Enrolment, OrganizationAccount } from "#gateway/enrolment.ts";
import { changedFeatures } from "./features.ts";
import { detectorOf, enableByOrganization } from "./membership.ts";
import { serviceId, servicePrincipal, types, type Detector, type OrganizationSettings } from "./state.ts";

export const enrolment: Enrolment = {
  service: serviceId,
  principal: servicePrincipal,
  async join(state: State, at: { account: string; region: string }, account: OrganizationAccount, ctx: JobContext) {
    const settings = await state.get<OrganizationSettings>(types.organization, types.organization);
    if (!settings) return;
    const { autoEnable, features, knownAccounts } = settings.value;
    const member = await memberOf(state, at.account, account.account);
    const link = await linkOf(state, account.account);
    // An account that another administrator has, or that was removed on purpose, is left alone.
    if (link && link.account !== at.account) return;
    const isNew = !knownAccounts.includes(account.account);
    const joins = !member && (autoEnable === "ALL" || (autoEnable === "NEW" && isNew));
    const now = ctx.clock.now();
    if (joins) await enableByOrganization(state, at, account, { now, random: ctx.random });
    else if (member?.status !== "Enabled") return;
    const detector = await detectorOf(state, account.account);
    if (!detector) return;
    const wanted = Object.entries(features).filter(([, whom]) => whom === "ALL" || (whom === "NEW" && joins));
    const sent = wanted.map(([Name]) => ({ Name: Name as "S3_DATA_EVENTS", Status: "ENABLED" as const }));
    const changed = changedFeatures(detector.features, sent, undefined, now);
    if (JSON.stringify(changed) === JSON.stringify(detector.features)) return;
    const value: Detector = { ...detector, features: changed };
    state.put(types.detector, types.detector, value, { at: { account: account.account } });
  },
};
