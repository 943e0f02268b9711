/**
 * Where an S3 request names its bucket: in the host (virtual-hosted style, access points) or first in the path.
 * Sources: Amazon S3 User Guide, "Virtual hosting of general purpose buckets" and "Referencing access points".
 */
import { decodeLabel } from "./restMatch.ts";

export interface S3Address {
  bucket: string | undefined;
  /** Path without the bucket, still percent-encoded, beginning with "/". */
  path: string;
  virtualHost: boolean;
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}

/** `{name}-{account}.s3-accesspoint.{region}.{suffix}`. */
const accessPointHost = /^(.+)-(\d{12})\.s3-accesspoint(?:-fips)?\.(?:dualstack\.)?([a-z0-9-]+)\./;
/** `{bucket}.s3.{…}`, `{bucket}.s3-{region}.{…}`; the bucket itself may hold dots. */
const virtualHost = /^(.+?)\.s3(?:-fips|-external-1|-accelerate|-[a-z]{2}(?:-[a-z]+)+-\d)?\.(?!.*\.s3\.)/;
const s3Itself = /^s3(?:[.-]|$)/;

/** Whether the host is that of S3 Control: `{account}.s3-control.{region}.{suffix}`. */
export function isS3ControlHost(host: string): boolean {
  return /(?:^|\.)s3-control(?:-fips)?\./.test(hostName(host));
}

/** `baseHosts`: names under which the installation answers, e.g. "localhost"; `{bucket}.localhost` names a bucket. */
export function addressBucket(host: string, path: string, baseHosts: readonly string[], partition = "aws"): S3Address {
  const name = hostName(host);
  const accessPoint = accessPointHost.exec(name);
  if (accessPoint) {
    const [, point, account, region] = accessPoint;
    return { bucket: `arn:${partition}:s3:${region}:${account}:accesspoint/${point}`, path, virtualHost: true };
  }
  const bucket = s3Itself.test(name) ? undefined : bucketOfHost(name, baseHosts);
  if (bucket !== undefined) return { bucket, path, virtualHost: true };
  const slash = path.indexOf("/", 1);
  const first = slash === -1 ? path.slice(1) : path.slice(1, slash);
  if (first === "") return { bucket: undefined, path, virtualHost: false };
  return { bucket: decodeLabel(first), path: slash === -1 ? "/" : path.slice(slash), virtualHost: false };
}

function bucketOfHost(name: string, baseHosts: readonly string[]): string | undefined {
  const named = virtualHost.exec(`${name}.`);
  if (named) return named[1]!;
  for (const base of baseHosts) {
    if (name.endsWith(`.${base}`)) return name.slice(0, -base.length - 1);
  }
  return undefined;
}
