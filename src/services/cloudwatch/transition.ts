/**
 * One change of an alarm's state and everything that follows from it, as one batch: the alarm, its history, the event
 * for EventBridge, and the actions that have to be taken.
 */
import type { Random } from "#kernel/ids.ts";
import type { Document, Operation } from "#store/contract.ts";
import { actionsOf, type Alarm, type AlarmState } from "./alarm.ts";
import { messageOf, stamp, stateChange, subjectOf } from "./notifications.ts";
import { eventsStream, historyKeptMs, type HistoryItem, pad, type PendingAction, serviceId, types } from "./state.ts";

export interface Write {
  type: string;
  id: string;
  value: unknown;
  expiresAt?: number;
  indexes?: Record<string, string>;
}

export interface Consequences {
  alarm: Alarm;
  writes: Write[];
  event: Record<string, unknown> & { id: string };
}

export function historyWrite(item: HistoryItem, random: Random): Write {
  return {
    type: types.history,
    id: `${item.alarm}\n${pad(item.at)}\n${random.uuid()}`,
    value: item,
    expiresAt: item.at + historyKeptMs,
    indexes: { at: `${pad(item.at)}` },
  };
}

export function consequences(before: Alarm, state: AlarmState, random: Random): Consequences {
  const alarm: Alarm = { ...before, state };
  const item: HistoryItem = {
    alarm: alarm.name,
    kind: alarm.kind,
    at: state.updatedAt,
    type: "StateUpdate",
    summary: `Alarm updated from ${before.state.value} to ${state.value}`,
    data: JSON.stringify({
      version: "1.0",
      oldState: historyState(before.state),
      newState: historyState(state),
    }),
  };
  const actions = actionsOf(alarm, state.value).map((target): Write => {
    const action: PendingAction = {
      alarm: alarm.name,
      alarmArn: alarm.arn,
      kind: alarm.kind,
      account: alarm.account,
      region: alarm.region,
      target,
      subject: subjectOf(alarm, state),
      message: messageOf(alarm, before.state, state),
      state: state.value,
      attempts: 0,
      dueAt: state.updatedAt,
    };
    return { type: types.action, id: `${alarm.name}\n${pad(state.updatedAt)}\n${random.uuid()}`, value: action };
  });
  return {
    alarm,
    writes: [historyWrite(item, random), ...actions],
    event: stateChange(alarm, before.state, state, random.uuid()),
  };
}

function historyState({ value, reason, reasonData, updatedAt }: AlarmState) {
  return {
    stateValue: value,
    stateReason: reason,
    ...(reasonData === undefined ? {} : { stateReasonData: parsed(reasonData) }),
    stateUpdatedTimestamp: stamp(updatedAt),
  };
}

/** SetAlarmState takes any text as reason data. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The batch of a change that a job makes. */
export function transitionOperations(document: Document<Alarm>, state: AlarmState, random: Random): Operation[] {
  const { alarm, writes, event } = consequences(document.value, state, random);
  const scope = { account: alarm.account, region: alarm.region, service: serviceId };
  return [
    { op: "put", key: document.key, value: alarm, ifVersion: document.version },
    ...writes.map(({ type, id, ...rest }): Operation => ({ op: "put", key: { ...scope, type, id }, ...rest })),
    { op: "append", stream: eventsStream, key: alarm.account, id: event.id, event },
  ];
}
