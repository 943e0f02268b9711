import type { CallContext } from "#gateway/context.ts";
import { keyAccess } from "../access.ts";
import { invalidState, validation } from "../errors.ts";
import { identify } from "../identify.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { hasMaterial, isPendingDeletion, writeKey } from "../state.ts";
import { trailingDays } from "../usage.ts";
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
  // "The waiting period begins when the last of its replica keys is deleted."
  if (key.multiRegion?.type === "PRIMARY" && key.multiRegion.replicaRegions.length > 0) {
    writeKey(ctx, {
      ...key,
      state: "PendingReplicaDeletion",
      deletionScheduledAt: ctx.now,
      pendingWindowDays: days,
    });
    return { KeyId: key.arn, KeyState: "PendingReplicaDeletion" as const, PendingWindowInDays: days };
  }
  const deletionDate = ctx.now + days * dayMs;
  writeKey(ctx, { ...key, state: "PendingDeletion", deletionScheduledAt: ctx.now, deletionDate });
  return {
    KeyId: key.arn,
    DeletionDate: new Date(deletionDate),
    KeyState: "PendingDeletion" as const,
    PendingWindowInDays: days,
  };
}

async function cancelKeyDeletion(input: In<"CancelKeyDeletion">, ctx: CallContext) {
  const key = await customerKey(ctx, "CancelKeyDeletion", input.KeyId);
  if (!isPendingDeletion(key)) throw invalidState(`${key.arn} is not pending deletion.`);
  const { deletionDate: _date, deletionScheduledAt: _at, pendingWindowDays: _days, ...rest } = key;
  // Without its material it is as unusable as it was.
  writeKey(ctx, { ...rest, state: hasMaterial(key) ? "Disabled" : "PendingImport" });
  return { KeyId: key.arn };
}

export const keyStateHandlers = {
  EnableKey: enableKey,
  DisableKey: disableKey,
  ScheduleKeyDeletion: scheduleKeyDeletion,
  CancelKeyDeletion: cancelKeyDeletion,
} satisfies KmsHandlers;

async function usageKeys(ctx: CallContext, action: "DisableKey" | "ScheduleKeyDeletion", name: string | undefined) {
  const { key } = await identify(ctx, action, name ?? "");
  return { "kms:TrailingDaysWithoutKeyUsage": await trailingDays(ctx, key) };
}

export const keyStateAccess = {
  EnableKey: (input, ctx) => keyAccess(ctx, "EnableKey", input.KeyId),
  async DisableKey(input, ctx) {
    return keyAccess(ctx, "DisableKey", input.KeyId, { context: await usageKeys(ctx, "DisableKey", input.KeyId) });
  },
  async ScheduleKeyDeletion(input, ctx) {
    const window = { "kms:ScheduleKeyDeletionPendingWindowInDays": String(input.PendingWindowInDays ?? 30) };
    const usage = await usageKeys(ctx, "ScheduleKeyDeletion", input.KeyId);
    return keyAccess(ctx, "ScheduleKeyDeletion", input.KeyId, { context: { ...window, ...usage } });
  },
  CancelKeyDeletion: (input, ctx) => keyAccess(ctx, "CancelKeyDeletion", input.KeyId),
} satisfies KmsAccess;
