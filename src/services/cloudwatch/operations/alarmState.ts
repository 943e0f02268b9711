/** SetAlarmState, EnableAlarmActions, DisableAlarmActions. Source: CloudWatch API Reference. */
import type { CallContext } from "#gateway/context.ts";
import type { Alarm, AlarmState } from "../alarm.ts";
import { noAlarm, validation } from "../errors.ts";
import type { Input, Output } from "../sdk.ts";
import { eventsStream, types } from "../state.ts";
import { consequences } from "../transition.ts";

export async function setAlarmState(input: Input<"SetAlarmState">, ctx: CallContext): Promise<Output<"SetAlarmState">> {
  const document = await ctx.state.get<Alarm>(types.alarm, input.AlarmName!);
  if (!document) throw noAlarm();
  const before = document.value;
  const { StateReasonData: data } = input;
  if (data !== undefined) checkJson(data);
  const moved = before.state.value !== input.StateValue!;
  const state: AlarmState = {
    value: input.StateValue!,
    reason: input.StateReason!,
    ...(data === undefined ? {} : { reasonData: data }),
    updatedAt: ctx.now,
    transitionedAt: moved ? ctx.now : before.state.transitionedAt,
  };
  // Setting the state that it has changes the reason and does nothing else.
  if (!moved) {
    ctx.state.put(types.alarm, before.name, { ...before, state });
    return {};
  }
  const { alarm, writes, event } = consequences(before, state, ctx.random);
  ctx.state.put(types.alarm, alarm.name, alarm);
  for (const { type, id, value, ...options } of writes) ctx.state.put(type, id, value, options);
  ctx.state.emit(eventsStream, ctx.account, event);
  return {};
}

function checkJson(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw validation("StateReasonData was not valid JSON.");
  }
}

async function switchActions(
  ctx: CallContext,
  names: readonly string[] | undefined,
  actionsEnabled: boolean,
): Promise<void> {
  for (const document of await ctx.state.getMany<Alarm>(types.alarm, [...new Set(names ?? [])])) {
    // Alarms that are not there are passed over, as AWS does.
    if (document) ctx.state.put(types.alarm, document.value.name, { ...document.value, actionsEnabled });
  }
}

export async function enableAlarmActions(
  input: Input<"EnableAlarmActions">,
  ctx: CallContext,
): Promise<Output<"EnableAlarmActions">> {
  await switchActions(ctx, input.AlarmNames, true);
  return {};
}

export async function disableAlarmActions(
  input: Input<"DisableAlarmActions">,
  ctx: CallContext,
): Promise<Output<"DisableAlarmActions">> {
  await switchActions(ctx, input.AlarmNames, false);
  return {};
}
