import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { pageOfNamed } from "#gateway/pageTokens.ts";
import { keyAccess } from "../access.ts";
import { holding, invalidState, limitExceeded, unsupported, validation } from "../errors.ts";
import { identify } from "../identify.ts";
import { expirationOf } from "../metadata.ts";
import { relatives, withVersion } from "../multiRegion.ts";
import { pageFields, pagingOf } from "../paging.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import {
  currentVersion,
  isPendingDeletion,
  type KeyDocument,
  type MaterialVersion,
  newestVersion,
  newVersion,
  timeIndex,
  writeKey,
} from "../state.ts";
import { customerKey } from "./keys.ts";

const dayMs = 86_400_000;
const defaultPeriodDays = 365;
/** On-demand rotations of one key: KMS Developer Guide, "Resource quotas"; not adjustable. */
const maxOnDemand = 25;
/** RotateKeyOnDemand, ConflictException: "scheduled to begin within the next 20 minutes". */
const quietMs = 20 * 60_000;

/** Only symmetric encryption keys rotate, and none of a custom key store. @throws UnsupportedOperationException */
function requireRotatable(key: KeyDocument): void {
  if (key.external || key.hsm)
    throw unsupported(`${key.arn} origin is ${key.origin} which is not valid for this operation.`);
  if (key.spec !== "SYMMETRIC_DEFAULT") {
    throw unsupported(`${key.arn} key spec is ${key.spec} which is not valid for this operation.`);
  }
}

/** Imported material does not rotate by the clock, and replicas follow their primary. */
function requireSchedule(key: KeyDocument): void {
  requireRotatable(key);
  if (key.origin === "EXTERNAL") {
    throw unsupported(`${key.arn} origin is EXTERNAL which is not valid for this operation.`);
  }
  requireNoReplica(key);
}

function requireNoReplica(key: KeyDocument): void {
  if (key.multiRegion?.type === "REPLICA") {
    throw unsupported(`${key.arn} is a multi-Region replica key: rotation is managed on its primary key.`);
  }
}

/** The schedule is a property that multi-Region keys share. */
async function writeSchedule(ctx: CallContext, key: KeyDocument, rotation: KeyDocument["rotation"]): Promise<void> {
  for (const each of [key, ...(await relatives(ctx, key))]) {
    const { rotation: _, ...rest } = each;
    writeKey(ctx, { ...rest, ...(rotation ? { rotation } : {}) });
  }
}

async function enableKeyRotation(input: In<"EnableKeyRotation">, ctx: CallContext) {
  const key = await customerKey(ctx, "EnableKeyRotation", input.KeyId);
  requireSchedule(key);
  const periodDays = input.RotationPeriodInDays ?? defaultPeriodDays;
  if (!Number.isInteger(periodDays) || periodDays < 90 || periodDays > 2560) {
    throw validation("RotationPeriodInDays must be between 90 and 2560.");
  }
  // Enabling again with the same period does not move the date.
  if (key.rotation?.periodDays !== periodDays) {
    await writeSchedule(ctx, key, { periodDays, nextAt: ctx.now + periodDays * dayMs });
  }
  return {};
}

async function disableKeyRotation(input: In<"DisableKeyRotation">, ctx: CallContext) {
  const key = await customerKey(ctx, "DisableKeyRotation", input.KeyId);
  requireSchedule(key);
  if (key.rotation) await writeSchedule(ctx, key, undefined);
  return {};
}

async function getKeyRotationStatus(input: In<"GetKeyRotationStatus">, ctx: CallContext) {
  // Of keys that cannot rotate it is false, not refused. Source: floci#618; Terraform asks it of signing keys.
  const { key } = await identify(ctx, "GetKeyRotationStatus", input.KeyId ?? "");
  // "While the KMS key is pending deletion, its key rotation status is false"; it returns when that is cancelled.
  const rotation = isPendingDeletion(key) ? undefined : key.rotation;
  return {
    KeyId: key.keyId,
    KeyRotationEnabled: rotation !== undefined,
    ...(rotation ? { RotationPeriodInDays: rotation.periodDays, NextRotationDate: new Date(rotation.nextAt) } : {}),
  };
}

async function rotateKeyOnDemand(input: In<"RotateKeyOnDemand">, ctx: CallContext) {
  const key = await customerKey(ctx, "RotateKeyOnDemand", input.KeyId);
  requireRotatable(key);
  requireNoReplica(key);
  if (key.rotation && key.rotation.nextAt - ctx.now < quietMs) {
    throw new AwsError(
      "ConflictException",
      "An automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.",
    );
  }
  if (key.versions.filter(({ rotation }) => rotation === "ON_DEMAND").length >= maxOnDemand) {
    throw limitExceeded(`You can perform on-demand rotation at most ${maxOnDemand} times for each KMS key.`);
  }
  const others = await relatives(ctx, key);
  const rotated = key.origin === "EXTERNAL" ? importedNext(key, others, ctx.now) : await madeNext(ctx, key, others);
  for (const each of rotated) writeKey(ctx, each);
  ctx.audit({ additionalEventData: { keyMaterialId: currentVersion(rotated[0]!).materialId } });
  return { KeyId: key.keyId };
}

/** The key and its relatives with new material. */
async function madeNext(ctx: CallContext, key: KeyDocument, others: readonly KeyDocument[]): Promise<KeyDocument[]> {
  const regions = others.map(({ region }) => region).join(" ");
  return ctx.once(`version ${key.versions.length + 1} ${regions}`, async () => {
    const version = await holding(newVersion(ctx, key, ctx.now, "ON_DEMAND"), key.arn);
    return holding(withVersion(ctx.keys, key, others, version), key.arn);
  });
}

/** The same with the material that was imported for it, which must be in every Region. @throws KMSInvalidStateException */
function importedNext(key: KeyDocument, others: readonly KeyDocument[], now: number): KeyDocument[] {
  return [key, ...others].map((each) => {
    const last = each.versions.at(-1);
    if (!last?.pending || last.wrapped === undefined) {
      throw invalidState(`${each.arn} has no imported key material that is pending rotation.`);
    }
    const { pending: _, ...rest } = last;
    const next: MaterialVersion = { ...rest, createdAt: now, rotation: "ON_DEMAND" };
    return { ...each, versions: [...each.versions.slice(0, -1), next] };
  });
}

async function listKeyRotations(input: In<"ListKeyRotations">, ctx: CallContext) {
  const { key } = await identify(ctx, "ListKeyRotations", input.KeyId ?? "");
  requireRotatable(key);
  const all = input.IncludeKeyMaterial === "ALL_KEY_MATERIAL";
  const current = newestVersion(key);
  const waiting = await isAwaited(ctx, key);
  const shown = key.versions.filter(({ rotation }) => all || rotation !== undefined);
  const page = pageOfNamed(shown, pagingOf(input, { limit: 100, max: 1000 }), ({ version }) => timeIndex(version));
  return {
    Rotations: page.items.map((version) => ({
      KeyId: key.keyId,
      KeyMaterialId: version.materialId,
      KeyMaterialState: stateOf(version, current, waiting),
      ...(key.origin === "EXTERNAL" ? importOf(version) : {}),
      ...(version.rotation ? { RotationDate: new Date(version.createdAt), RotationType: version.rotation } : {}),
    })),
    ...pageFields(page),
  };
}

/** Whether a Region still lacks the material that waits for a rotation. */
async function isAwaited(ctx: CallContext, key: KeyDocument): Promise<boolean> {
  if (!key.versions.at(-1)?.pending) return false;
  return [key, ...(await relatives(ctx, key))].some(({ versions }) => versions.at(-1)?.wrapped === undefined);
}

function stateOf(version: MaterialVersion, current: MaterialVersion | undefined, awaited: boolean) {
  if (version.pending) {
    return awaited ? ("PENDING_MULTI_REGION_IMPORT_AND_ROTATION" as const) : ("PENDING_ROTATION" as const);
  }
  return version === current ? ("CURRENT" as const) : ("NON_CURRENT" as const);
}

function importOf(version: MaterialVersion) {
  const here = version.wrapped !== undefined;
  return {
    ImportState: here ? ("IMPORTED" as const) : ("PENDING_IMPORT" as const),
    ...(version.description === undefined ? {} : { KeyMaterialDescription: version.description }),
    ...(here ? expirationOf(version) : {}),
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
