/** CreateDetector … DeleteDetector. Source: GuardDuty API Reference; User Guide, "Suspending or disabling GuardDuty". */
import { AwsError } from "#kernel/errors.ts";
import { hexId } from "#kernel/ids.ts";
import { administrationTypes, membersOf } from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import { badRequest, memberForbidden } from "../errors.ts";
import { changedFeatures, defaultFeatures, shownDataSources, shownFeatures, statusOf } from "../features.ts";
import { pageOf } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import {
  administratorOf,
  ownDetector,
  putDetector,
  requireDetector,
  servicePrincipal,
  serviceRoleArn,
  types,
  type Detector,
} from "../state.ts";
import { requireTags } from "../tags.ts";
import { idempotent } from "../tokens.ts";

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

export async function createDetector(
  input: Input<"CreateDetector">,
  ctx: CallContext,
): Promise<Output<"CreateDetector">> {
  requireTags(input.Tags);
  const DetectorId = await idempotent(ctx, input.ClientToken, async () => {
    if (await ownDetector(ctx)) {
      throw badRequest("The request is rejected because a detector already exists for the current account.");
    }
    await ensureServiceRole(ctx);
    const detector = newDetector(ctx.account, ctx.region, ctx);
    putDetector(ctx, {
      ...detector,
      enabled: input.Enable === true,
      frequency: input.FindingPublishingFrequency ?? detector.frequency,
      features: changedFeatures(detector.features, input.Features, input.DataSources, ctx.now),
      tags: { ...input.Tags },
    });
    return detector.id;
  });
  return { DetectorId };
}

export function newDetector(
  account: string,
  region: string,
  { now, random }: Pick<CallContext, "now" | "random">,
): Detector {
  return {
    id: hexId("", 32, random),
    account,
    region,
    enabled: true,
    enabledAt: now,
    frequency: "SIX_HOURS",
    features: defaultFeatures(now),
    tags: {},
    createdAt: now,
    updatedAt: now,
  };
}

/** The role that GuardDuty reads with; the caller must be allowed to have it made. */
async function ensureServiceRole(ctx: CallContext): Promise<void> {
  if (await ctx.identity.role(serviceRoleArn(ctx.account, ctx.region))) return;
  await ctx.once("service role", async () => {
    try {
      await ctx.aws.iam.CreateServiceLinkedRole({
        AWSServiceName: servicePrincipal,
        Description: "A service-linked role required for Amazon GuardDuty to access your resources.",
      });
    } catch (error) {
      // Another call has made it meanwhile.
      if (!(error instanceof AwsError) || error.code !== "InvalidInput") throw error;
    }
  });
}

export async function getDetector(input: Input<"GetDetector">, ctx: CallContext): Promise<Output<"GetDetector">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  return {
    CreatedAt: iso(detector.createdAt),
    UpdatedAt: iso(detector.updatedAt),
    FindingPublishingFrequency: await frequencyOf(ctx, detector),
    ServiceRole: serviceRoleArn(ctx.account, ctx.region),
    Status: statusOf(detector.enabled),
    DataSources: shownDataSources(detector.features),
    Features: shownFeatures(detector.features),
    Tags: detector.tags,
  };
}

/** "GuardDuty member accounts inherit the setting from the administrator account." */
async function frequencyOf(ctx: CallContext, detector: Detector): Promise<Detector["frequency"]> {
  const administrator = await administratorOf(ctx);
  if (!administrator) return detector.frequency;
  const above = await ctx.state.get<Detector>(types.detector, types.detector, { account: administrator.account });
  return above?.value.frequency ?? detector.frequency;
}

export async function listDetectors(input: Input<"ListDetectors">, ctx: CallContext): Promise<Output<"ListDetectors">> {
  const detector = await ownDetector(ctx);
  const { items, next } = pageOf(input, detector ? [detector.id] : []);
  return { DetectorIds: [...items], ...next };
}

export async function updateDetector(
  input: Input<"UpdateDetector">,
  ctx: CallContext,
): Promise<Output<"UpdateDetector">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const administrator = await administratorOf(ctx);
  const frequency = input.FindingPublishingFrequency ?? detector.frequency;
  if (administrator && frequency !== (await frequencyOf(ctx, detector))) {
    throw memberForbidden("change the finding publishing frequency");
  }
  if (administrator?.byOrganization && input.Enable === false) throw memberForbidden("suspend GuardDuty");
  const enabled = input.Enable ?? detector.enabled;
  // Updates that wait go out by the new frequency too.
  if (frequency !== detector.frequency) ctx.state.put(types.reschedule, detector.id, { at: ctx.now });
  putDetector(ctx, {
    ...detector,
    enabled,
    enabledAt: enabled && !detector.enabled ? ctx.now : detector.enabledAt,
    frequency,
    features: changedFeatures(detector.features, input.Features, input.DataSources, ctx.now),
    updatedAt: ctx.now,
  });
  return {};
}

export async function deleteDetector(
  input: Input<"DeleteDetector">,
  ctx: CallContext,
): Promise<Output<"DeleteDetector">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const members = await membersOf(ctx.state, ctx.account);
  if (members.some(({ status }) => status === "Invited" || status === "Enabled" || status === "Disabled")) {
    throw badRequest(
      "The request is rejected because the current account cannot delete detector while it has invited or associated members.",
    );
  }
  if (await administratorOf(ctx)) {
    throw badRequest(
      "The request is rejected because the current account cannot delete detector while it is an associated member.",
    );
  }
  for (const { account } of members) ctx.state.delete(administrationTypes.member, account, { version: "any" });
  ctx.state.delete(types.detector, types.detector);
  ctx.state.delete(types.organization, types.organization, { version: "any" });
  ctx.state.delete(types.passwordPolicy, "policy", { version: "any" });
  // What the detector leaves behind may be much: a job takes it away. Nobody sees it meanwhile.
  ctx.state.put(types.removed, detector.id, { at: ctx.now });
  return {};
}
