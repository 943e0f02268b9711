import type { CallContext } from "#gateway/context.ts";
import { keyAccess } from "../access.ts";
import { invalidState, validation } from "../errors.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { writeKey } from "../state.ts";
import { customerKey } from "./keys.ts";

const dayMs = 86_400_000;

async function enableKey(input: In<"EnableKey">, ctx: CallContext) {
  const key = await customerKey(ctx, "EnableKey", input.KeyId);
  if (key.state !== "Enabled") writeKey(ctx, { ...key, state: "Enabled" });
  return {};
}

async function disableKey(input: In<"DisableKey">, ctx: CallContext) {
  const key = await customerKey(ctx, "DisableKey", input.KeyId);
  if (key.state !== "Disabled") writeKey(ctx, { ...key, state: "Disabled" });
  return {};
}

async function scheduleKeyDeletion(input: In<"ScheduleKeyDeletion">, ctx: CallContext) {
  const days = input.PendingWindowInDays ?? 30;
  if (days < 7 || days > 30) throw validation(`PendingWindowInDays should be between 7 and 30, but it is ${days}`);
  const key = await customerKey(ctx, "ScheduleKeyDeletion", input.KeyId);
  const deletionDate = ctx.now + days * dayMs;
  writeKey(ctx, { ...key, state: "PendingDeletion", deletionDate });
  return {
    KeyId: key.arn,
    DeletionDate: new Date(deletionDate),
    KeyState: "PendingDeletion" as const,
    PendingWindowInDays: days,
  };
}

async function cancelKeyDeletion(input: In<"CancelKeyDeletion">, ctx: CallContext) {
  const key = await customerKey(ctx, "CancelKeyDeletion", input.KeyId);
  if (key.state !== "PendingDeletion") throw invalidState(`${key.arn} is not pending deletion.`);
  const { deletionDate: _, ...rest } = key;
  writeKey(ctx, { ...rest, state: "Disabled" });
  return { KeyId: key.arn };
}

export const keyStateHandlers = {
  EnableKey: enableKey,
  DisableKey: disableKey,
  ScheduleKeyDeletion: scheduleKeyDeletion,
  CancelKeyDeletion: cancelKeyDeletion,
} satisfies KmsHandlers;

export const keyStateAccess = {
  EnableKey: (input, ctx) => keyAccess(ctx, "EnableKey", input.KeyId),
  DisableKey: (input, ctx) => keyAccess(ctx, "DisableKey", input.KeyId),
  ScheduleKeyDeletion: (input, ctx) =>
    keyAccess(ctx, "ScheduleKeyDeletion", input.KeyId, {
      context: { "kms:ScheduleKeyDeletionPendingWindowInDays": String(input.PendingWindowInDays ?? 30) },
    }),
  CancelKeyDeletion: (input, ctx) => keyAccess(ctx, "CancelKeyDeletion", input.KeyId),
} satisfies KmsAccess;
