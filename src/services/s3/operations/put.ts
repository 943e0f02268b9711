/** PutObject. */
import type { CallContext } from "#gateway/context.ts";
import { naming, writeBody } from "../body.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { checksumOutput, requestedChecksum } from "../checksums.ts";
import { declaredLength, describe } from "../description.ts";
import { chooseEncryption, encryptionContextOutput, encryptionOutput, newObjectKeys } from "../encryption.ts";
import { invalidRequest } from "../errors.ts";
import { emitEvent } from "../events.ts";
import { History } from "../history.ts";
import { expirationHeader } from "../lifecycle.ts";
import { checkKey } from "../names.ts";
import { quoted, writtenVersionOutput } from "../output.ts";
import { checkWrite } from "../preconditions.ts";
import type { In, Out } from "../sdk.ts";
import { installation } from "../state.ts";

export async function putObject(input: In<"PutObject">, ctx: CallContext): Promise<Out<"PutObject">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const description = await describe(ctx, bucket, input);
  const choice = chooseEncryption(ctx, bucket, key, input);
  const checksum = requestedChecksum(input, ctx.payload?.claimed);
  // Over the wire a locked object must have been guarded on its way.
  const locks = input.ObjectLockMode !== undefined || input.ObjectLockLegalHoldStatus !== undefined;
  if (locks && ctx.payload && !checksum.asked && input.ContentMD5 === undefined) {
    throw invalidRequest(
      "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
    );
  }
  const history = new History(ctx, bucket, key);
  const conditional = input.IfMatch !== undefined || input.IfNoneMatch !== undefined;
  // Before the body is read, so that a refusal costs no upload. The look that counts comes after it.
  if (conditional) checkWrite(input, key, await history.peek());

  const stored = await ctx.once("body", async () => {
    const { encryption, keys } = await newObjectKeys(ctx, bucket, key, choice);
    const body = await writeBody(ctx, keys, input.Body, {
      contentLength: declaredLength(ctx, input.ContentLength),
      contentMd5: input.ContentMD5,
      checksum,
      encryption,
    });
    return { encryption, body };
  });
  if (conditional) await naming(ctx, stored.body, async () => checkWrite(input, key, await history.current()));
  const version = await history.place({
    kind: "object",
    ...description,
    modified: ctx.now,
    size: stored.body.size,
    etag: stored.body.etag,
    encryption: stored.encryption,
    checksum: { algorithm: checksum.algorithm, type: "FULL_OBJECT", value: stored.body.checksum },
    bodies: [{ blob: stored.body.blob, size: stored.body.size }],
  });
  ctx.state.check("bucket", bucket.name, installation);
  emitEvent(ctx, bucket, "ObjectCreated:Put", key, version);
  return {
    ETag: quoted(version.etag),
    ...checksumOutput(version.checksum),
    ...writtenVersionOutput(bucket, version),
    ...encryptionOutput(version.encryption),
    ...encryptionContextOutput(version.encryption),
    ...expirationHeader(bucket.lifecycle, key, version),
    ...requestCharged(ctx, bucket),
  };
}
