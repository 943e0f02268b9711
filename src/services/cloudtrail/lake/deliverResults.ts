/**
 * Results in a bucket: a compressed CSV file and a signed list of its hash. Source: CloudTrail User Guide, "Find your
 * CloudTrail Lake saved query results", "Validate CloudTrail Lake saved query results" (the text that is signed is
 * the hashes, separated by spaces).
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { isoSeconds } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { trailPrincipal } from "../delivery.ts";
import { currentSigningKey, signDigest } from "../signingKeys.ts";
import type { DeliveryStatus, EventDataStore, LakeQuery } from "./state.ts";

const uriForm = /^s3:\/\/([^/]+)\/?(.*)$/;
const resultFile = "result_1.csv.gz";

export async function deliverResults(
  ctx: JobContext,
  query: LakeQuery,
  store: EventDataStore,
  csv: string,
): Promise<{ deliveryStatus: DeliveryStatus }> {
  const [, bucket = "", prefix = ""] = uriForm.exec(query.deliveryUri!) ?? [];
  const { s3 } = ctx.asService(trailPrincipal, { account: store.account, region: store.region, sourceArn: store.arn });
  const now = ctx.clock.now();
  const folder = resultFolder(query, prefix);
  const file = gzipSync(csv);
  const put = (name: string, body: Uint8Array) =>
    s3.PutObject({ Bucket: bucket, Key: `${folder}${name}`, Body: body, ACL: "bucket-owner-full-control" });
  const failure = await attempt(() => put(resultFile, file));
  if (failure) return { deliveryStatus: failure };
  const hash = createHash("sha256").update(file).digest("hex");
  const key = await currentSigningKey(ctx, store.region);
  const signed = {
    version: "1.0",
    region: store.region,
    files: [{ fileHashValue: hash, fileName: resultFile }],
    hashAlgorithm: "SHA-256",
    signatureAlgorithm: "SHA256withRSA",
    queryCompleteTime: isoSeconds(now),
    hashSignature: await signDigest(ctx, key, hash),
    publicKeyFingerprint: key.fingerprint,
  };
  const unsigned = await attempt(() => put("result_sign.json", Buffer.from(JSON.stringify(signed))));
  if (!unsigned) return { deliveryStatus: "SUCCESS" };
  return { deliveryStatus: unsigned === "ACCESS_DENIED" ? "ACCESS_DENIED_SIGNING_FILE" : "FAILED_SIGNING_FILE" };
}

/** `[prefix/]AWSLogs/account/CloudTrail-Lake/Query/year/month/day/query/`. */
export function resultFolder(query: Pick<LakeQuery, "account" | "createdAt" | "id">, prefix: string): string {
  const day = new Date(query.createdAt).toISOString().slice(0, 10).replaceAll("-", "/");
  const start = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  return `${start}AWSLogs/${query.account}/CloudTrail-Lake/Query/${day}/${query.id}/`;
}

async function attempt(work: () => Promise<unknown>): Promise<DeliveryStatus | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === "NoSuchBucket") return "RESOURCE_NOT_FOUND";
    return error.status === 403 ? "ACCESS_DENIED" : "FAILED";
  }
}
