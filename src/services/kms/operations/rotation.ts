import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { keyAccess } from "../access.ts";
import { holding, limitExceeded, unsupported, validation } from "../errors.ts";
import { identify } from "../identify.ts";
import { pageFields, pageOfList, pagingOf } from "../paging.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { currentVersion, type KeyDocument, newVersion, timeIndex, writeKey } from "../state.ts";
import { customerKey } from "./keys.ts";

const dayMs = 86_400_000;
const defaultPeriodDays = 365;
/** On-demand rotations of one key: KMS Developer Guide, "Resource quotas"; not adjustable. */
const maxOnDemand = 25;
/** RotateKeyOnDemand, ConflictException: "scheduled to begin within the next 20 minutes". */
const quietMs = 20 * 60_000;

/** Only symmetric encryption keys rotate. @throws UnsupportedOperationException */
function requireRotatable(key: KeyDocument): void {
  if (key.spec !== "SYMMETRIC_DEFAULT") {
    throw unsupported(`${key.arn} key spec is ${key.spec} which is not valid for this operation.`);
  }
}

async function enableKeyRotation(input: In<"EnableKeyRotation">, ctx: CallContext) {
  const key = await customerKey(ctx, "EnableKeyRotation", input.KeyId);
  requireRotatable(key);
  const periodDays = input.RotationPeriodInDays ?? defaultPeriodDays;
  if (!Number.isInteger(periodDays) || periodDays < 90 || periodDays > 2560) {
    throw validation("RotationPeriodInDays must be between 90 and 2560.");
  }
  // Enabling again with the same period does not move the date.
  if (key.rotation?.periodDays !== periodDays) {
    writeKey(ctx, { ...key, rotation: { periodDays, nextAt: ctx.now + periodDays * dayMs } });
  }
  return {};
}

async function disableKeyRotation(input: In<"DisableKeyRotation">, ctx: CallContext) {
  const key = await customerKey(ctx, "DisableKeyRotation", input.KeyId);
  requireRotatable(key);
  const { rotation, ...rest } = key;
  if (rotation) writeKey(ctx, rest);
  return {};
}

async function getKeyRotationStatus(input: In<"GetKeyRotationStatus">, ctx: CallContext) {
  const { key } = await identify(ctx, "GetKeyRotationStatus", input.KeyId ?? "");
  requireRotatable(key);
  // "While the KMS key is pending deletion, its key rotation status is false"; it returns when that is cancelled.
  const rotation = key.state === "PendingDeletion" ? undefined : key.rotation;
  return {
    KeyId: key.keyId,
    KeyRotationEnabled: rotation !== undefined,
    ...(rotation ? { RotationPeriodInDays: rotation.periodDays, NextRotationDate: new Date(rotation.nextAt) } : {}),
  };
}

async function rotateKeyOnDemand(input: In<"RotateKeyOnDemand">, ctx: CallContext) {
  const key = await customerKey(ctx, "RotateKeyOnDemand", input.KeyId);
  requireRotatable(key);
  if (key.rotation && key.rotation.nextAt - ctx.now < quietMs) {
    throw new AwsError(
      "ConflictException",
      "An automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.",
    );
  }
  if (key.versions.filter(({ rotation }) => rotation === "ON_DEMAND").length >= maxOnDemand) {
    throw limitExceeded(`You can perform on-demand rotation at most ${maxOnDemand} times for each KMS key.`);
  }
  const count = key.versions.length;
  const version = await ctx.once(`version ${count + 1}`, () =>
    holding(newVersion(ctx, key, ctx.now, "ON_DEMAND"), key.arn),
  );
  writeKey(ctx, { ...key, versions: [...key.versions, version] });
  ctx.audit({ additionalEventData: { keyMaterialId: version.materialId } });
  return { KeyId: key.keyId };
}

async function listKeyRotations(input: In<"ListKeyRotations">, ctx: CallContext) {
  const { key } = await identify(ctx, "ListKeyRotations", input.KeyId ?? "");
  requireRotatable(key);
  const all = input.IncludeKeyMaterial === "ALL_KEY_MATERIAL";
  const current = currentVersion(key).version;
  const shown = key.versions.filter(({ rotation }) => all || rotation !== undefined);
  const page = pageOfList(shown, pagingOf(input, { limit: 100, max: 1000 }), ({ version }) => timeIndex(version));
  return {
    Rotations: page.items.map(({ version, materialId, createdAt, rotation }) => ({
      KeyId: key.keyId,
      KeyMaterialId: materialId,
      KeyMaterialState: version === current ? ("CURRENT" as const) : ("NON_CURRENT" as const),
      ...(rotation ? { RotationDate: new Date(createdAt), RotationType: rotation } : {}),
    })),
    ...pageFields(page),
  };
}

export const rotationHandlers = {
  EnableKeyRotation: enableKeyRotation,
  DisableKeyRotation: disableKeyRotation,
  GetKeyRotationStatus: getKeyRotationStatus,
  RotateKeyOnDemand: rotateKeyOnDemand,
  ListKeyRotations: listKeyRotations,
} satisfies KmsHandlers;

export const rotationAccess = {
  EnableKeyRotation: (input, ctx) =>
    keyAccess(ctx, "EnableKeyRotation", input.KeyId, {
      context: { "kms:RotationPeriodInDays": String(input.RotationPeriodInDays ?? defaultPeriodDays) },
    }),
  DisableKeyRotation: (input, ctx) => keyAccess(ctx, "DisableKeyRotation", input.KeyId),
  GetKeyRotationStatus: (input, ctx) => keyAccess(ctx, "GetKeyRotationStatus", input.KeyId),
  RotateKeyOnDemand: (input, ctx) => keyAccess(ctx, "RotateKeyOnDemand", input.KeyId),
  ListKeyRotations: (input, ctx) => keyAccess(ctx, "ListKeyRotations", input.KeyId),
} satisfies KmsAccess;
