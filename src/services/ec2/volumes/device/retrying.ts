/** Work that is tried again until it is done, was refused for good, or everything stops. */
import { BlobMissing } from "#blob/contract.ts";
import { pause } from "#kernel/pause.ts";
import type { Logger } from "#kernel/log.ts";
import { isKeyRefusal } from "../keys.ts";
import { SnapshotDamaged } from "./snapshotBlobs.ts";

const firstPauseMs = 200;
const longestPauseMs = 30_000;
const fullDisk: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Trying again would not help. Words for the one who asked for it; `undefined` when it might. */
export function finalCause(error: unknown): string | undefined {
  if (isKeyRefusal(error)) return error.message;
  if (error instanceof SnapshotDamaged) return error.message;
  if (error instanceof BlobMissing) return "The data of the source snapshot is gone.";
  return fullDisk.has(rootCode(error)) ? "There is no space left for the data." : undefined;
}

function rootCode(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return cause === undefined ? code : rootCode(cause);
}

/** @throws what `isFinal` says is final, and anything once `signal` is aborted */
export async function untilDone<T>(
  work: () => Promise<T>,
  {
    isFinal,
    signal,
    log,
    what,
  }: { isFinal: (error: unknown) => boolean; signal: AbortSignal; log: Logger; what: string },
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await work();
    } catch (error) {
      if (isFinal(error) || signal.aborted) throw error;
      log.warn({ err: error }, `${what}: tried again in ${pauseMs} ms`);
      await pause(pauseMs, signal);
    }
  }
}
