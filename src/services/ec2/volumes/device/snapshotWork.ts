/**
 * Taking, copying and removing snapshots.
 *
 * INVARIANT: a snapshot is what its volume held at one moment. Its document says `cut` from that moment on; one that says
 * so and is not under way here was cut short, and fails, because its moment cannot be had again.
 */
import type { DocumentKey } from "#store/contract.ts";
import { snapshotArn, snapshotEvent, volumeArn } from "../events.ts";
import { retire } from "../keys.ts";
import type { Snapshot, SnapshotRemains, Source, Volume } from "../state.ts";
import type { Cut } from "./cut.ts";
import { recoded } from "./recode.ts";
import { finalCause, untilDone } from "./retrying.ts";
import { countChunks, keepSnapshot, removeSnapshotBlobs, snapshotChunks } from "./snapshotBlobs.ts";
import { withKeys, type WorkContext } from "./workContext.ts";

/** The document tells of progress no more often. Milliseconds. */
const progressMs = 500;
const gib = 2 ** 30;
const cutShortText = "The snapshot was cut short.";

/** It was deleted, or this process stops. */
class Abandoned extends Error {}

class VolumeGone extends Error {}

export class SnapshotWork {
  readonly #ctx: WorkContext;
  readonly #underWay = new Map<string, { done: Promise<void>; deleted: boolean }>();

  constructor(ctx: WorkContext) {
    this.#ctx = ctx;
  }

  tell(key: DocumentKey, snapshot: Snapshot | undefined): void {
    const running = this.#underWay.get(key.id);
    if (running && !snapshot) running.deleted = true;
    if (running || snapshot?.state !== "pending") return;
    const mine = snapshot.host === this.#ctx.host || (snapshot.source !== undefined && snapshot.host === undefined);
    if (!mine) return;
    const entry = { done: Promise.resolve(), deleted: false };
    this.#underWay.set(key.id, entry);
    entry.done = this.#run(key, snapshot)
      .catch((error: unknown) => {
        if (!(error instanceof Abandoned) && !this.#ctx.signal.aborted) {
          this.#ctx.log.error({ err: error, snapshot: key.id }, "a snapshot failed");
        }
      })
      .finally(() => this.#underWay.delete(key.id));
  }

  tellRemains(key: DocumentKey, remains: SnapshotRemains): void {
    const { host, signal, log, queues, readers } = this.#ctx;
    if (remains.host !== undefined && remains.host !== host) return;
    const what = "removing a snapshot";
    queues
      .run(key.id, async () => {
        await readers.untilUnread(key.id, signal);
        await untilDone(() => this.#remove(key, remains), { isFinal: () => false, signal, log, what });
      })
      .catch(() => {
        // It stops; the document stays.
      });
  }

  /** What is under way comes to its end, as far as there is time. */
  async idle(): Promise<void> {
    await Promise.all([...this.#underWay.values()].map(({ done }) => done));
  }

  async #run(key: DocumentKey, snapshot: Snapshot): Promise<void> {
    const { signal, log } = this.#ctx;
    const isFinal = (error: unknown): boolean => error instanceof Abandoned || finalCause(error) !== undefined;
    try {
      if (snapshot.source) await untilDone(() => this.#copy(key), { isFinal, signal, log, what: "copying a snapshot" });
      else await this.#take(key, snapshot);
    } catch (error) {
      await removeSnapshotBlobs(this.#ctx.blobs, key.id);
      if (error instanceof Abandoned || signal.aborted) throw error;
      const cause = error instanceof VolumeGone ? "The volume is gone." : finalCause(error);
      const failing = (): Promise<void> => this.#fail(key, cause ?? "The snapshot could not be kept.");
      await untilDone(failing, { isFinal: () => false, signal, log, what: "a snapshot has failed" });
      throw error;
    }
  }

  async #take(key: DocumentKey, snapshot: Snapshot): Promise<void> {
    if (snapshot.cut) {
      await removeSnapshotBlobs(this.#ctx.blobs, key.id);
      return await this.#fail(key, cutShortText);
    }
    const { images, queues, blobs, signal, log } = this.#ctx;
    const isFinal = (error: unknown): boolean => error instanceof Abandoned || error instanceof VolumeGone;
    // INVARIANT: the turn is taken at once, before that of a deletion of the volume.
    const cut = await queues.run(snapshot.volumeId, () =>
      untilDone(() => this.#cut(key, snapshot.volumeId), { isFinal, signal, log, what: "taking a snapshot" }),
    );
    try {
      const bytes = await keepSnapshot(blobs, key.id, cut.chunks(), this.#progress(key, cut.total));
      await this.#complete(key, bytes);
    } finally {
      cut.close();
      await images.release(snapshot.volumeId);
    }
  }

  /** The image stays open until the snapshot is kept. */
  async #cut(key: DocumentKey, volumeId: string): Promise<Cut> {
    const { images, documents, blobs } = this.#ctx;
    await removeSnapshotBlobs(blobs, key.id);
    const volume = await documents.get<Volume>({ ...key, type: "volume", id: volumeId });
    if (!volume) throw new VolumeGone();
    const image = await images.acquire(volumeId, volume.size * gib);
    try {
      return await image.cut(async () => {
        const marked = await documents.change<Snapshot>(key, (value) => ({ value: { ...value, cut: true } }));
        if (!marked) throw new Abandoned();
      });
    } catch (error) {
      await images.release(volumeId);
      throw error;
    }
  }

  async #copy(key: DocumentKey): Promise<void> {
    const { documents, host, blobs } = this.#ctx;
    const claimed = await documents.change<Snapshot>(key, (value) =>
      value.host === undefined ? { value: { ...value, host } } : undefined,
    );
    if (!claimed) throw new Abandoned();
    const { source, encryption } = claimed;
    if (claimed.host !== host || !source) throw new Abandoned();
    await removeSnapshotBlobs(blobs, key.id);
    const total = await countChunks(blobs, source.snapshotId);
    const recodes = source.key !== undefined || source.plain;
    const bytes = await withKeys(this.#ctx, source.key, recodes ? encryption : undefined, (from, to) =>
      keepSnapshot(
        blobs,
        key.id,
        recoded(snapshotChunks(blobs, source.snapshotId), from, to),
        this.#progress(key, total),
      ),
    );
    await this.#complete(key, bytes);
    await this.#retire(claimed);
  }

  async #retire({ source, encryption }: Pick<Snapshot, "source" | "encryption">): Promise<void> {
    await retire(this.#ctx.aws, source?.key);
    await retire(this.#ctx.aws, encryption);
  }

  #progress(key: DocumentKey, total: number): () => void {
    const { documents, signal, log } = this.#ctx;
    let done = 0;
    let toldAt = performance.now();
    return () => {
      done++;
      if (signal.aborted || this.#underWay.get(key.id)?.deleted) throw new Abandoned();
      if (performance.now() - toldAt < progressMs) return;
      toldAt = performance.now();
      const progress = Math.min(99, Math.floor((100 * done) / Math.max(1, total)));
      documents
        .change<Snapshot>(key, (value) => (value.state === "pending" ? { value: { ...value, progress } } : undefined))
        .catch((error: unknown) => log.warn({ err: error }, "the progress of a snapshot was not told"));
    };
  }

  async #complete(key: DocumentKey, bytes: number): Promise<void> {
    const now = this.#ctx.clock.now();
    const kept = await this.#ctx.documents.change<Snapshot>(key, (value) => {
      if (value.state !== "pending") return undefined;
      const { cut: _taken, source: _copied, encryption, ...rest } = value;
      return {
        value: { ...rest, ...ungranted(encryption), state: "completed", progress: 100, completedAt: now, bytes },
        events: [this.#event(key, value, "succeeded")],
      };
    });
    if (kept?.state !== "completed") throw new Abandoned();
  }

  async #fail(key: DocumentKey, cause: string): Promise<void> {
    let before: Snapshot | undefined;
    await this.#ctx.documents.change<Snapshot>(key, (value) => {
      if (value.state !== "pending") return undefined;
      before = value;
      const { cut: _taken, source: _copied, encryption, ...rest } = value;
      return {
        value: { ...rest, ...ungranted(encryption), state: "error", stateMessage: cause },
        events: [this.#event(key, value, "failed", cause)],
      };
    });
    if (before?.source) await this.#retire(before);
  }

  #event(key: DocumentKey, snapshot: Snapshot, result: "succeeded" | "failed", cause = "") {
    const { source, startedAt, volumeId } = snapshot;
    const news = {
      event: source ? ("copySnapshot" as const) : ("createSnapshot" as const),
      result,
      cause,
      source: source ? arnOfSource(source) : volumeArn(key, volumeId),
      startedAt,
    };
    return snapshotEvent(key, key.id, news, this.#ctx.clock.now(), this.#ctx.random);
  }

  /** What was under way ends first; the blobs go after it, the document last. */
  async #remove(key: DocumentKey, remains: SnapshotRemains): Promise<void> {
    const running = this.#underWay.get(key.id);
    if (running) {
      running.deleted = true;
      await running.done;
    }
    await removeSnapshotBlobs(this.#ctx.blobs, key.id);
    for (const grant of remains.grants) await retire(this.#ctx.aws, grant);
    await this.#ctx.documents.change<SnapshotRemains>(key, () => ({ value: undefined }));
  }
}

const arnOfSource = ({ region, snapshotId }: Source): string => snapshotArn(region, snapshotId);

/** Snapshots have no grant of their own. */
function ungranted(encryption: Snapshot["encryption"]): Pick<Snapshot, "encryption"> {
  if (!encryption) return {};
  const { grantId: _retired, ...rest } = encryption;
  return { encryption: rest };
}
