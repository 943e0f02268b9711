/**
 * Digest files: every hour one per series of log files, signed, each naming the one before it.
 * Source: CloudTrail User Guide, "CloudTrail digest file structure", "Custom implementations of CloudTrail log
 * file integrity validation" (the string that is signed).
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { isoSeconds } from "#kernel/clock.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Document, Operation } from "#store/contract.ts";
import { everyTrail, putFile, reportFailure, updateStatus } from "./delivery.ts";
import { digestFileKey } from "./paths.ts";
import { currentSigningKey, signDigest } from "./signingKeys.ts";
import { trailScope, type Delivered, type DigestChain, type Trail } from "./state.ts";

const hourMs = 3600_000;
const mostFilesInDigest = 10_000;

/** One turn of the digest job. */
export async function digestAll(ctx: JobContext): Promise<void> {
  for (const trail of await everyTrail(ctx)) {
    for (const series of await seriesOf(ctx, trail)) {
      if (ctx.signal.aborted) return;
      await digestSeries(ctx, trail, series);
    }
  }
}

/** Series with a chain, or with files that no digest names yet. */
async function seriesOf(ctx: JobContext, trail: Trail): Promise<string[]> {
  const scope = trailScope(trail);
  const prefix = `${trail.name}/`;
  const chains = await ctx.store.list<DigestChain>({ ...scope, type: "digest", prefix, limit: 10_000 });
  const found = new Set(chains.items.map(({ key }) => key.id));
  let from = prefix;
  for (;;) {
    const { items } = await ctx.store.list<Delivered>({ ...scope, type: "delivered", prefix, from, limit: 1 });
    const [first] = items;
    if (!first) return [...found];
    const series = first.key.id.split("/").slice(0, 3).join("/");
    found.add(series);
    from = `${series}0`;
  }
}

async function digestSeries(ctx: JobContext, trail: Trail, series: string): Promise<void> {
  const scope = trailScope(trail);
  const chainKey = { ...scope, type: "digest", id: series };
  const chain = await ctx.store.get<DigestChain>(chainKey);
  const now = ctx.clock.now();
  const { items: files } = await ctx.store.list<Delivered>({
    ...scope,
    type: "delivered",
    prefix: `${series}/`,
    limit: mostFilesInDigest,
  });
  if (!chain) {
    // The chain starts with the hour of its first file.
    const from = Math.floor(files[0]!.value.at / 1000) * 1000;
    await ctx.store.commit([{ op: "put", key: chainKey, value: { from } satisfies DigestChain, ifVersion: 0 }]);
    return;
  }
  const end = endOf(chain.value.from, files, now);
  if (end === undefined) return;
  const named = files.filter(({ value }) => value.at < end);
  if (named.length === 0 && !(trail.logging && trail.logFileValidation)) {
    // Logging or validation was switched off: the chain ends here, and a new one starts without a predecessor.
    await ctx.store.commit([{ op: "delete", key: chainKey, ifVersion: chain.version }]);
    return;
  }
  await deliverDigest(ctx, trail, series, chain, end, named);
}

/**
 * The end of the next digest: an hour after the last one. Hours without any file that lie far back (the
 * installation was off, or its clock was moved) become one long, empty period.
 */
function endOf(from: number, files: readonly Document<Delivered>[], now: number): number | undefined {
  const next = from + hourMs;
  if (now < next) return undefined;
  const hours = Math.floor((now - from) / hourMs);
  const firstFile = files[0]?.value.at ?? now;
  const emptyHours = Math.min(hours, Math.floor((firstFile - from) / hourMs));
  return emptyHours > 24 ? from + emptyHours * hourMs : next;
}

async function deliverDigest(
  ctx: JobContext,
  trail: Trail,
  series: string,
  chain: Document<DigestChain>,
  end: number,
  files: readonly Document<Delivered>[],
): Promise<void> {
  const [, account, region] = series.split("/") as [string, string, string];
  const key = digestFileKey(trail, account, region, end);
  const signingKey = await currentSigningKey(ctx, trail.homeRegion);
  const { previous, from } = chain.value;
  const text = Buffer.from(
    JSON.stringify({
      awsAccountId: account,
      digestStartTime: isoSeconds(from),
      digestEndTime: isoSeconds(end),
      digestS3Bucket: trail.bucket,
      digestS3Object: key,
      digestPublicKeyFingerprint: signingKey.fingerprint,
      digestSignatureAlgorithm: "SHA256withRSA",
      newestEventTime: latest(files.map(({ value }) => value.newest)),
      oldestEventTime: earliest(files.map(({ value }) => value.oldest)),
      previousDigestS3Bucket: previous?.bucket ?? null,
      previousDigestS3Object: previous?.key ?? null,
      previousDigestHashValue: previous?.hash ?? null,
      previousDigestHashAlgorithm: previous ? "SHA-256" : null,
      previousDigestSignature: previous?.signature ?? null,
      logFiles: files.map(({ value }) => ({
        s3Bucket: value.bucket,
        s3Object: value.key,
        hashValue: value.hash,
        hashAlgorithm: "SHA-256",
        newestEventTime: value.newest,
        oldestEventTime: value.oldest,
      })),
    }),
  );
  const hash = createHash("sha256").update(text).digest("hex");
  const toSign = `${isoSeconds(end)}\n${trail.bucket}/${key}\n${hash}\n${previous?.signature ?? "null"}`;
  const signature = await signDigest(ctx, signingKey, toSign);
  try {
    await putFile(ctx, trail, key, gzipSync(text), { signature, "signature-algorithm": "SHA256withRSA" });
  } catch (error) {
    await reportFailure(ctx, trail, "digestError", error);
    return;
  }
  const next: DigestChain = { from: end, previous: { bucket: trail.bucket, key, hash, signature } };
  await ctx.store.commit([
    { op: "put", key: chain.key, value: next, ifVersion: chain.version },
    ...files.map((file): Operation => ({ op: "delete", key: file.key })),
  ]);
  const now = ctx.clock.now();
  await updateStatus(ctx, trail, ({ digestError: _cleared, ...status }) => ({ ...status, digestAt: now }));
}

function latest(times: string[]): string | null {
  return times.toSorted().at(-1) ?? null;
}

function earliest(times: string[]): string | null {
  return times.toSorted()[0] ?? null;
}
