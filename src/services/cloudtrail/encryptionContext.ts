import type { Trail } from "./state.ts";

/**
 * The encryption context of log files, base64 of JSON as S3 takes it: key policies name the trail by
 * `kms:EncryptionContext:aws:cloudtrail:arn`. Source: CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail".
 */
export function encryptionContext(trail: Pick<Trail, "arn">): string {
  return Buffer.from(JSON.stringify({ "aws:cloudtrail:arn": trail.arn })).toString("base64");
}
