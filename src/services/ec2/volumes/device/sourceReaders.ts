/**
 * Which snapshots are being read for a volume or a copy: one that is deleted meanwhile is deleted after it, as on AWS a
 * volume does not need its snapshot once CreateVolume has answered.
 */
export class SourceReaders {
  readonly #sources = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  /** What a volume or copy reads; nothing when it is done or gone. */
  tell(readerId: string, snapshotId: string | undefined): void {
    if (snapshotId === undefined) this.#sources.delete(readerId);
    else this.#sources.set(readerId, snapshotId);
    for (const wake of this.#waiting) wake();
  }

  /** Everything is told anew. */
  forget(): void {
    this.#sources.clear();
  }

  /** @throws when `signal` is aborted first */
  async untilUnread(snapshotId: string, signal: AbortSignal): Promise<void> {
    while ([...this.#sources.values()].includes(snapshotId)) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
    }
  }
}
