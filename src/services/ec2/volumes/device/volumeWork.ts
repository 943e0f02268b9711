/** What becomes of a volume whose document says that it is to be made, changed or deleted. One thing at a time for each. */
import type { DocumentKey } from "#store/contract.ts";
import { volumeEvent, type VolumeNews } from "../events.ts";
import { retire } from "../keys.ts";
import type { Volume } from "../state.ts";
import { without } from "./attachments.ts";
import { Image } from "./image.ts";
import { recoded } from "./recode.ts";
import { finalCause, untilDone } from "./retrying.ts";
import { snapshotChunks } from "./snapshotBlobs.ts";
import { withKeys, type WorkContext } from "./workContext.ts";
import { chunkBytes } from "./writtenMap.ts";

const gib = 2 ** 30;

export class VolumeWork {
  readonly #ctx: WorkContext;

  constructor(ctx: WorkContext) {
    this.#ctx = ctx;
  }

  /** Does what the document asks for, if anything. */
  tell(key: DocumentKey, volume: Volume): void {
    const { host } = this.#ctx;
    if (volume.host !== undefined && volume.host !== host) return;
    if (volume.state === "creating") this.#queue(key, "making a volume", () => this.#make(key));
    else if (volume.host !== host) return;
    else if (volume.state === "deleting") this.#queue(key, "deleting a volume", () => this.#remove(key));
    else if (volume.modification?.state === "modifying") this.#queue(key, "changing a volume", () => this.#modify(key));
  }

  /** After a start: nobody is connected yet, and what has an image should have one. */
  async settle(key: DocumentKey, volume: Volume): Promise<void> {
    if (volume.host !== this.#ctx.host || this.#ctx.attachments.isAttached(key.id)) return;
    if (volume.state !== "available" && volume.state !== "in-use") return;
    const lost = !(await Image.exists(this.#ctx.images.pathOf(key.id)));
    if (!lost && volume.attachments.length === 0 && volume.state === "available") return;
    if (lost) this.#ctx.log.error({ volume: key.id }, "the image of a volume is missing");
    await this.#ctx.documents.change<Volume>(key, (value) => ({
      value: { ...without(value), ...(lost ? { state: "error" as const } : {}) },
    }));
  }

  #queue(key: DocumentKey, what: string, work: () => Promise<void>): void {
    const { queues, signal, log } = this.#ctx;
    const isFinal = (error: unknown): boolean => finalCause(error) !== undefined;
    queues
      .run(key.id, () => untilDone(work, { isFinal, signal, log, what }))
      .catch((error: unknown) => {
        if (!signal.aborted) log.error({ err: error, volume: key.id }, `${what} failed`);
      });
  }

  #event(key: DocumentKey, news: VolumeNews) {
    return volumeEvent(key, key.id, news, this.#ctx.clock.now(), this.#ctx.random);
  }

  /** Takes the volume as this host's, makes its image, and says so. A half made image is made anew. */
  async #make(key: DocumentKey): Promise<void> {
    const { documents, host, attachments } = this.#ctx;
    const volume = await documents.change<Volume>(key, (value) =>
      value.state === "creating" && value.host === undefined ? { value: { ...value, host } } : undefined,
    );
    if (volume?.state !== "creating" || volume.host !== host) return;
    // INVARIANT: a volume that is said to be available can be attached: the change feed comes later than the answer of
    // DescribeVolumes.
    attachments.tell(key, volume);
    try {
      await this.#fill(volume);
    } catch (error) {
      const cause = finalCause(error);
      if (cause === undefined) throw error;
      await this.#giveUp(key, volume, cause);
      throw error;
    }
    await documents.change<Volume>(key, (value) => {
      const { source: _filled, ...rest } = value;
      const news = { event: "createVolume", result: "available", requestId: value.requestId } as const;
      return { value: { ...rest, state: "available" }, events: [this.#event(key, news)] };
    });
    await retire(this.#ctx.aws, volume.source?.key);
  }

  async #fill(volume: Volume): Promise<void> {
    const { images, blobs, signal } = this.#ctx;
    const image = await Image.create(images.pathOf(volume.id), volume.size * gib);
    try {
      const { source, encryption } = volume;
      if (!source) return;
      // Under one and the same data key, what is kept is what is wanted.
      const recodes = source.key !== undefined || source.plain;
      await withKeys(this.#ctx, source.key, recodes ? encryption : undefined, async (from, to) => {
        for await (const { chunk, data } of recoded(snapshotChunks(blobs, source.snapshotId), from, to)) {
          signal.throwIfAborted();
          await image.write(chunk * chunkBytes, data);
        }
      });
      await image.flush();
    } finally {
      await image.close();
    }
  }

  /** The volume is gone again, as on AWS; the event says why. */
  async #giveUp(key: DocumentKey, volume: Volume, cause: string): Promise<void> {
    const { documents, images, aws } = this.#ctx;
    await Image.remove(images.pathOf(key.id));
    await retire(aws, volume.encryption);
    await retire(aws, volume.source?.key);
    const news = { event: "createVolume", result: "failed", cause, requestId: volume.requestId } as const;
    await documents.change<Volume>(key, () => ({ value: undefined, events: [this.#event(key, news)] }));
  }

  async #remove(key: DocumentKey): Promise<void> {
    const { documents, images, aws } = this.#ctx;
    const volume = await documents.get<Volume>(key);
    if (volume?.state !== "deleting") return;
    await Image.remove(images.pathOf(key.id));
    await retire(aws, volume.encryption);
    const news = { event: "deleteVolume", result: "deleted", requestId: volume.requestId } as const;
    await documents.change<Volume>(key, () => ({ value: undefined, events: [this.#event(key, news)] }));
  }

  async #modify(key: DocumentKey): Promise<void> {
    const { documents, images, clock } = this.#ctx;
    const volume = await documents.get<Volume>(key);
    const to = volume?.modification?.state === "modifying" ? volume.modification.to : undefined;
    if (!volume || !to) return;
    await images.using(key.id, volume.size * gib, (image) => image.grow(to.size * gib));
    await documents.change<Volume>(key, (value) => {
      if (value.modification?.state !== "modifying") return undefined;
      const { iops: _iops, throughput: _throughput, ...rest } = value;
      const modification = { ...value.modification, state: "completed" as const, endedAt: clock.now() };
      const news = (result: "optimizing" | "completed"): VolumeNews => ({
        event: "modifyVolume",
        result,
        requestId: value.requestId,
      });
      return {
        value: { ...rest, ...value.modification.to, modification },
        events: [this.#event(key, news("optimizing")), this.#event(key, news("completed"))],
      };
    });
  }
}
