/**
 * Files of exported findings: where they lie and how they are written.
 * Source: GuardDuty User Guide, "Exporting generated findings to Amazon S3 buckets": `AWSLogs/<account>/GuardDuty/<Region>/
 * <year>/<month>/<day>/<unique>.jsonl.gz`, encrypted with the destination's KMS key.
 */
import { parseArn } from "#kernel/arn.ts";
import type { Clients } from "#gateway/clients.ts";
import type { Destination } from "./state.ts";

export function bucketOf({ arn }: Pick<Destination, "arn">): string {
  return parseArn(arn)!.resource.split("/")[0]!;
}

export function folderOf({ arn }: Pick<Destination, "arn">, account: string, region: string): string {
  const prefix = parseArn(arn)!
    .resource.split("/")
    .slice(1)
    .filter((part) => part !== "")
    .join("/");
  return `${prefix === "" ? "" : `${prefix}/`}AWSLogs/${account}/GuardDuty/${region}/`;
}

export async function putExport(
  s3: Clients["s3"],
  destination: Destination,
  key: string,
  body: Uint8Array,
): Promise<void> {
  await s3.PutObject({
    Bucket: bucketOf(destination),
    Key: key,
    Body: body,
    ServerSideEncryption: "aws:kms",
    SSEKMSKeyId: destination.kmsKeyArn,
    ...(destination.expectedBucketOwner === undefined ? {} : { ExpectedBucketOwner: destination.expectedBucketOwner }),
  });
}
