/**
 * Publishing destinations: buckets that findings are exported to, under a KMS key. GuardDuty acts as itself there, so the
 * bucket's and the key's policies decide; they are tried when a destination is made or changed.
 * Source: GuardDuty User Guide, "Exporting generated findings to Amazon S3 buckets"; API Reference,
 * CreatePublishingDestination.
 */
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import { hexId } from "#kernel/ids.ts";
import type { CallContext } from "#gateway/context.ts";
import { badRequest, invalidParameter, noSuchResource } from "../errors.ts";
import { bucketOf, folderOf, putExport } from "../exportTarget.ts";
import { pageOf } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import {
  putDetector,
  requireDetector,
  servicePrincipal,
  types,
  detectorArn,
  type Destination,
  type Detector,
} from "../state.ts";
import { requireTags } from "../tags.ts";
import { idempotent } from "../tokens.ts";

type Properties = NonNullable<Input<"CreatePublishingDestination">["DestinationProperties"]>;

async function destinationsOf(ctx: CallContext, detector: Detector): Promise<Destination[]> {
  const { items } = await ctx.state.list<Destination>(types.destination, { prefix: `${detector.id}/` });
  return items.map(({ value }) => value);
}

function requireProperties({ DestinationArn, KmsKeyArn, ExpectedBucketOwner }: Properties) {
  const arn = DestinationArn === undefined ? undefined : parseArn(DestinationArn);
  if (arn?.service !== "s3" || arn.resource === "") throw invalidParameter("destinationArn");
  const key = KmsKeyArn === undefined ? undefined : parseArn(KmsKeyArn);
  if (key?.service !== "kms" || !/^(key|alias)\/./.test(key.resource)) throw invalidParameter("kmsKeyArn");
  if (ExpectedBucketOwner !== undefined && !/^\d{12}$/.test(ExpectedBucketOwner)) {
    throw invalidParameter("expectedBucketOwner");
  }
  return {
    arn: DestinationArn!,
    kmsKeyArn: KmsKeyArn!,
    ...(ExpectedBucketOwner === undefined ? {} : { expectedBucketOwner: ExpectedBucketOwner }),
  };
}

/** Writes the folder that findings will be in, as they will be written. @throws BadRequestException */
async function tryOut(ctx: CallContext, detector: Detector, destination: Destination): Promise<void> {
  const { s3 } = ctx.asService(servicePrincipal, {
    sourceArn: detectorArn(detector),
    sourceAccount: detector.account,
  });
  await ctx.once(`destination ${destination.id}`, async () => {
    try {
      const owner = destination.expectedBucketOwner;
      await s3.GetBucketLocation({
        Bucket: bucketOf(destination),
        ...(owner === undefined ? {} : { ExpectedBucketOwner: owner }),
      });
      await putExport(s3, destination, folderOf(destination, detector.account, detector.region), new Uint8Array());
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      throw badRequest(
        "The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource specified by the resource parameter.",
      );
    }
  });
}

export async function createPublishingDestination(
  input: Input<"CreatePublishingDestination">,
  ctx: CallContext,
): Promise<Output<"CreatePublishingDestination">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  requireTags(input.Tags);
  const properties = requireProperties(input.DestinationProperties ?? {});
  const DestinationId = await idempotent(ctx, input.ClientToken, async () => {
    // Of each type there is one destination, and S3 is the only type.
    if ((await destinationsOf(ctx, detector)).length > 0) {
      throw badRequest("The request is rejected because a destination of this type already exists for the detector.");
    }
    const id = await ctx.once("destination id", async () => hexId("", 32, ctx.random));
    const destination: Destination = { id, detector: detector.id, ...properties, tags: { ...input.Tags } };
    await tryOut(ctx, detector, destination);
    ctx.state.put(types.destination, `${detector.id}/${id}`, destination);
    putDetector(ctx, detector);
    return id;
  });
  return { DestinationId };
}

async function requireDestination(ctx: CallContext, detector: Detector, id: string | undefined): Promise<Destination> {
  const document = await ctx.state.get<Destination>(types.destination, `${detector.id}/${id ?? ""}`);
  if (!document) throw noSuchResource();
  return document.value;
}

const statusOf = ({ failingSince }: Destination) =>
  failingSince === undefined ? ("PUBLISHING" as const) : ("UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY" as const);

export async function describePublishingDestination(
  input: Input<"DescribePublishingDestination">,
  ctx: CallContext,
): Promise<Output<"DescribePublishingDestination">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const destination = await requireDestination(ctx, detector, input.DestinationId);
  const { arn, kmsKeyArn, expectedBucketOwner } = destination;
  return {
    DestinationId: destination.id,
    DestinationType: "S3",
    Status: statusOf(destination),
    PublishingFailureStartTimestamp: destination.failingSince ?? 0,
    DestinationProperties: {
      DestinationArn: arn,
      KmsKeyArn: kmsKeyArn,
      ...(expectedBucketOwner === undefined ? {} : { ExpectedBucketOwner: expectedBucketOwner }),
    },
    Tags: destination.tags,
  };
}

export async function listPublishingDestinations(
  input: Input<"ListPublishingDestinations">,
  ctx: CallContext,
): Promise<Output<"ListPublishingDestinations">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const { items, next } = pageOf(input, await destinationsOf(ctx, detector));
  return {
    Destinations: items.map((destination) => ({
      DestinationId: destination.id,
      DestinationType: "S3" as const,
      Status: statusOf(destination),
    })),
    ...next,
  };
}

export async function updatePublishingDestination(
  input: Input<"UpdatePublishingDestination">,
  ctx: CallContext,
): Promise<Output<"UpdatePublishingDestination">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const { failingSince: _before, ...destination } = await requireDestination(ctx, detector, input.DestinationId);
  const sent = input.DestinationProperties ?? {};
  const properties = requireProperties({
    DestinationArn: sent.DestinationArn ?? destination.arn,
    KmsKeyArn: sent.KmsKeyArn ?? destination.kmsKeyArn,
    ExpectedBucketOwner: sent.ExpectedBucketOwner ?? destination.expectedBucketOwner,
  });
  const changed: Destination = { ...destination, ...properties };
  await tryOut(ctx, detector, changed);
  ctx.state.put(types.destination, `${detector.id}/${destination.id}`, changed);
  return {};
}

export async function deletePublishingDestination(
  input: Input<"DeletePublishingDestination">,
  ctx: CallContext,
): Promise<Output<"DeletePublishingDestination">> {
  const detector = await requireDetector(ctx, input.DetectorId);
  const destination = await requireDestination(ctx, detector, input.DestinationId);
  ctx.state.delete(types.destination, `${detector.id}/${destination.id}`);
  return {};
}
