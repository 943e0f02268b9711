/** What all work on volumes and snapshots is done with. */
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { BlobStore } from "#blob/contract.ts";
import type { JobContext } from "#gateway/context.ts";
import { XtsCipher } from "#engines/xts/index.ts";
import { unwrapped } from "../keys.ts";
import type { DataKey } from "../state.ts";
import type { Attachments } from "./attachments.ts";
import type { Documents } from "./documents.ts";
import type { OpenImages } from "./openImages.ts";
import type { Queues } from "./queues.ts";
import type { SourceReaders } from "./sourceReaders.ts";

export interface WorkContext {
  documents: Documents;
  images: OpenImages;
  attachments: Attachments;
  queues: Queues;
  readers: SourceReaders;
  blobs: BlobStore;
  clock: Clock;
  random: Random;
  log: Logger;
  aws: Pick<JobContext, "asService">;
  /** The data folder, by a name of its own. */
  host: string;
  signal: AbortSignal;
}

/** Both keys for as long as `work` takes; a key that is not given is none. */
export async function withKeys<T>(
  { aws }: Pick<WorkContext, "aws">,
  from: DataKey | undefined,
  to: DataKey | undefined,
  work: (from: XtsCipher | undefined, to: XtsCipher | undefined) => Promise<T>,
): Promise<T> {
  const source = from && (await cipherOf(aws, from));
  try {
    const target = to && (await cipherOf(aws, to));
    try {
      return await work(source, target);
    } finally {
      target?.destroy();
    }
  } finally {
    source?.destroy();
  }
}

async function cipherOf(aws: WorkContext["aws"], key: DataKey): Promise<XtsCipher> {
  const plaintext = await unwrapped(aws, key);
  const cipher = new XtsCipher(plaintext);
  plaintext.fill(0);
  return cipher;
}
