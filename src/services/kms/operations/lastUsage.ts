import type { CallContext } from "#gateway/context.ts";
import { keyAccess } from "../access.ts";
import { identify } from "../identify.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { lastUsage } from "../usage.ts";

/** "If the key has not been used since tracking began, this response element is an empty object." */
async function getKeyLastUsage(input: In<"GetKeyLastUsage">, ctx: CallContext) {
  const { key } = await identify(ctx, "GetKeyLastUsage", input.KeyId ?? "");
  const usage = await lastUsage(ctx, key);
  return {
    KeyId: key.arn,
    KeyLastUsage: usage
      ? {
          Operation: usage.operation,
          Timestamp: new Date(usage.at),
          CloudTrailEventId: usage.eventId,
          KmsRequestId: usage.requestId,
        }
      : {},
    // Use is followed from the key's first moment on.
    TrackingStartDate: new Date(key.createdAt),
    KeyCreationDate: new Date(key.createdAt),
  };
}

export const lastUsageHandlers = { GetKeyLastUsage: getKeyLastUsage } satisfies KmsHandlers;

export const lastUsageAccess = {
  GetKeyLastUsage: (input, ctx) => keyAccess(ctx, "GetKeyLastUsage", input.KeyId),
} satisfies KmsAccess;
