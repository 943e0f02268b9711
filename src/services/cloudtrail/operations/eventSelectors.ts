/** PutEventSelectors, GetEventSelectors. Source: CloudTrail API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { advancedOf, advancedView } from "../advancedSelectors.ts";
import { invalidCombination, invalidSelectors } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { checkAdvanced, checkBasic, defaultSelector, type BasicSelector } from "../selectors.ts";
import { putTrail, requireTrail, type Trail } from "../state.ts";

export async function putEventSelectors(
  input: Input<"PutEventSelectors">,
  ctx: CallContext,
): Promise<Output<"PutEventSelectors">> {
  const trail = await requireTrail(ctx, input.TrailName!);
  const { selectors: _basic, advancedSelectors: _advanced, ...rest } = trail;
  if (input.EventSelectors && input.AdvancedEventSelectors) {
    throw invalidCombination("You can use either event selectors or advanced event selectors, but not both.");
  }
  let changed: Trail;
  if (input.EventSelectors) {
    const selectors = input.EventSelectors.map(basicOf);
    checkBasic(selectors);
    changed = { ...rest, selectors };
  } else if (input.AdvancedEventSelectors) {
    const advancedSelectors = input.AdvancedEventSelectors.map(advancedOf);
    checkAdvanced(advancedSelectors);
    changed = { ...rest, advancedSelectors };
  } else {
    throw invalidSelectors("Event selectors or advanced event selectors are required.");
  }
  putTrail(ctx, changed);
  return shown(changed);
}

export async function getEventSelectors(
  input: Input<"GetEventSelectors">,
  ctx: CallContext,
): Promise<Output<"GetEventSelectors">> {
  return shown(await requireTrail(ctx, input.TrailName!));
}

type SentBasic = NonNullable<Input<"PutEventSelectors">["EventSelectors"]>[number];

function basicOf(sent: SentBasic): BasicSelector {
  return {
    readWriteType: sent.ReadWriteType ?? "All",
    managementEvents: sent.IncludeManagementEvents ?? true,
    excludedSources: sent.ExcludeManagementEventSources ?? [],
    dataResources: (sent.DataResources ?? []).map(({ Type: type = "", Values: values = [] }) => ({ type, values })),
  };
}

function shown(trail: Trail) {
  if (trail.advancedSelectors) {
    return {
      TrailARN: trail.arn,
      AdvancedEventSelectors: trail.advancedSelectors.map(advancedView),
    };
  }
  return {
    TrailARN: trail.arn,
    EventSelectors: (trail.selectors ?? [defaultSelector]).map((selector) => ({
      ReadWriteType: selector.readWriteType,
      IncludeManagementEvents: selector.managementEvents,
      ExcludeManagementEventSources: selector.excludedSources,
      DataResources: selector.dataResources.map(({ type, values }) => ({ Type: type, Values: values })),
    })),
  };
}
