/**
 * Where a list lies in S3. "You can specify the location URL in the following formats: https://s3.amazonaws.com/bucket/file,
 * https://s3-region.amazonaws.com/bucket/file, http://bucket.s3.amazonaws.com/file, http://bucket.s3-region.amazonaws.com/file,
 * s3://bucket/file", and those of today's Regions with a dot.
 * Source: GuardDuty User Guide, "Adding and activating an entity list or IP list".
 */
import { invalidParameter } from "./errors.ts";

const pathStyle = /^https?:\/\/s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?\/([^/]+)\/(.+)$/;
const hostStyle = /^https?:\/\/([a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?\/(.+)$/;
const uri = /^s3:\/\/([^/]+)\/(.+)$/;

/** @throws BadRequestException */
export function parseLocation(location: string): { bucket: string; key: string } {
  const [, bucket, key] = pathStyle.exec(location) ?? uri.exec(location) ?? hostStyle.exec(location) ?? [];
  if (bucket === undefined || key === undefined) throw invalidParameter("location");
  try {
    return { bucket, key: location.startsWith("s3:") ? key : decodeURIComponent(key) };
  } catch {
    throw invalidParameter("location");
  }
}
