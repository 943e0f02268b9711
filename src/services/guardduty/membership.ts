/** The member's half that is GuardDuty's own: a detector. The rest is the gateway's. */
import { joinByOrganization, type Moment } from "#gateway/administration.ts";
import type { State } from "#gateway/context.ts";
import { newDetector } from "./operations/detectors.ts";
import { types, type Detector } from "./state.ts";

export async function detectorOf(state: State, account: string): Promise<Detector | undefined> {
  return (await state.get<Detector>(types.detector, types.detector, { account }))?.value;
}

/** Makes an account of the organization a member, with a detector where it has none. */
export async function enableByOrganization(
  state: State,
  where: { account: string; region: string },
  account: { account: string; email: string },
  moment: Moment,
): Promise<void> {
  const before = await detectorOf(state, account.account);
  const detector = before ?? newDetector(account.account, where.region, moment);
  const enabledAt = detector.enabled ? detector.enabledAt : moment.now;
  const enabled: Detector = { ...detector, enabled: true, enabledAt };
  state.put(types.detector, types.detector, enabled, { at: { account: account.account } });
  await joinByOrganization(state, where.account, account, moment);
}
