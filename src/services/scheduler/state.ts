/**
 * What EventBridge Scheduler keeps, in the account and Region of the schedule.
 *
 * | type | id | what |
 * |---|---|---|
 * | group | name | settings and tags; the default group is always there and has a document only with tags |
 * | schedule | group/name | a schedule |
 * | due | group/name | when an enabled schedule is invoked next; index `due` |
 * | execution | execution id | one invocation on its way; index `due`: when it is tried next |
 *
 * INVARIANT: an execution and the next due time are one batch, so a due time is invoked once, whoever else looks at it; an
 * execution is removed only after its target or its dead-letter queue has taken it, or for good reason.
 */
import { timeText } from "#kernel/clock.ts";
import type { DeadLetter } from "#engines/delivery/deadLetter.ts";
import type { State } from "#gateway/context.ts";
import { nextZoned, parseZoned } from "#engines/schedule/zoned.ts";
import type { Target } from "./sdk.ts";

export const serviceId = "scheduler";
export const schedulerPrincipal = "scheduler.amazonaws.com";
export const defaultGroup = "default";

export const types = { group: "group", schedule: "schedule", due: "due", execution: "execution" } as const;

export interface Place {
  account: string;
  region: string;
}

export function scopeOf({ account, region }: Place): Place & { service: string } {
  return { account, region, service: serviceId };
}

export interface Group {
  name: string;
  arn: string;
  createdAt?: number;
  modifiedAt?: number;
  clientToken?: string;
  tags: Record<string, string>;
}

/** As the SDK has it, without what is refused. */
export type KeptTarget = Pick<
  Target,
  "Arn" | "RoleArn" | "Input" | "DeadLetterConfig" | "RetryPolicy" | "SqsParameters" | "EventBridgeParameters"
>;

export interface Schedule {
  name: string;
  group: string;
  arn: string;
  uid: string;
  expression: string;
  zone: string;
  /** Given, epoch milliseconds. */
  startAt?: number;
  endAt?: number;
  description?: string;
  state: "ENABLED" | "DISABLED";
  target: KeptTarget;
  /** 0: no flexible window. */
  windowMinutes: number;
  afterCompletion: "NONE" | "DELETE";
  createdAt: number;
  modifiedAt: number;
  clientToken?: string;
}

export interface Due {
  uid: string;
  /** By the schedule. */
  scheduledAt: number;
}

export interface Execution {
  schedule: Pick<Schedule, "name" | "group" | "arn" | "uid" | "afterCompletion">;
  target: KeptTarget;
  scheduledAt: number;
  /** When it was first due, within the window: retries count from it. */
  startedAt: number;
  attempts: number;
  dueAt: number;
  /** No other will follow. */
  last: boolean;
  dead?: DeadLetter;
}

export const scheduleId = (group: string, name: string): string => `${group}/${name}`;

/** The first time after `after` at which a schedule is to be invoked: within its start and end. */
export function nextTime(schedule: Schedule, after: number): number | undefined {
  const { expression, zone, startAt, endAt, createdAt } = schedule;
  const parsed = parseZoned(expression, zone);
  // "StartDate … is ignored for one-time schedules"; so is the end.
  if (parsed.kind === "at") return nextZoned(parsed, after, createdAt);
  const since = startAt ?? createdAt;
  const next = nextZoned(parsed, Math.max(after, (startAt ?? 0) - 1), since);
  return next === undefined || (endAt !== undefined && next > endAt) ? undefined : next;
}

/** When the schedule is looked at for it: somewhere in its flexible window. */
export function dueIndex(at: number, windowMinutes: number, below: (max: number) => number): Record<string, string> {
  return { due: timeText(at + (windowMinutes === 0 ? 0 : below(windowMinutes * 60_000))) };
}

/** Writes down when a schedule is due next, or that it is not. */
export async function putDue(
  state: State,
  schedule: Schedule,
  after: number,
  below: (max: number) => number,
): Promise<void> {
  const id = scheduleId(schedule.group, schedule.name);
  const at = schedule.state === "ENABLED" ? nextTime(schedule, after) : undefined;
  const before = await state.get<Due>(types.due, id);
  if (at === undefined) {
    if (before) state.delete(types.due, id);
    return;
  }
  const indexes = dueIndex(at, schedule.windowMinutes, below);
  state.put<Due>(types.due, id, { uid: schedule.uid, scheduledAt: at }, { indexes });
}
