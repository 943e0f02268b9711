/**
 * Which connections have which volume. A data key is unwrapped by KMS for each of them, and its plaintext is here as
 * long as one of them is.
 *
 * INVARIANT: a volume is attached once, or as often as its Multi-Attach allows, and its document says so before the
 * client may write.
 */
import type { Logger } from "#kernel/log.ts";
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { DocumentKey } from "#store/contract.ts";
import { XtsCipher } from "#engines/xts/index.ts";
import type { JobContext } from "#gateway/context.ts";
import { volumeEvent } from "../events.ts";
import { isKeyRefusal, unwrapped } from "../keys.ts";
import type { DataKey, Volume } from "../state.ts";
import { BlockDevice } from "./blockDevice.ts";
import type { Documents } from "./documents.ts";
import { type Export, ExportRefused, type Offers } from "./nbd/handshake.ts";
import type { Attached } from "./nbd/server.ts";
import type { OpenImages } from "./openImages.ts";
import { Pace } from "./pace.ts";
import type { Queues } from "./queues.ts";
import { untilDone } from "./retrying.ts";

/** Source: EBS User Guide, "Amazon EBS Multi-Attach". */
const mostAttachments = 16;
const gib = 2 ** 30;

interface Session {
  device: BlockDevice;
  pace: Pace;
  cipher?: XtsCipher;
  connections: Map<string, () => void>;
}

export interface AttachmentsContext {
  documents: Documents;
  images: OpenImages;
  queues: Queues;
  clock: Clock;
  random: Random;
  log: Logger;
  aws: Pick<JobContext, "asService">;
  host: string;
  signal: AbortSignal;
}

export class Attachments implements Offers<Attached> {
  readonly #ctx: AttachmentsContext;
  /** Volumes of this host. */
  readonly #known = new Map<string, DocumentKey>();
  readonly #sessions = new Map<string, Session>();

  constructor(ctx: AttachmentsContext) {
    this.#ctx = ctx;
  }

  /** A volume as its document says: one that was modified is as fast as it says now, one to be detached loses its connections. */
  tell(key: DocumentKey, volume: Volume | undefined): void {
    if (volume?.host === this.#ctx.host) this.#known.set(key.id, key);
    // A document without a host is older than the one that made it this host's.
    else if (!volume || volume.host !== undefined) this.#known.delete(key.id);
    if (volume) this.#sessions.get(key.id)?.pace.follow(volume);
    if (volume && !volume.detach) return;
    for (const end of this.#sessions.get(key.id)?.connections.values() ?? []) end();
  }

  /** Volumes that are not in this list are gone. */
  retain(ids: ReadonlySet<string>): void {
    for (const [id, key] of this.#known) if (!ids.has(id)) this.tell(key, undefined);
  }

  isAttached(volumeId: string): boolean {
    return this.#sessions.has(volumeId);
  }

  async list(): Promise<readonly string[]> {
    return [...this.#known.keys()].toSorted();
  }

  async look(name: string): Promise<Export> {
    const { volume } = await this.#need(name);
    return { size: volume.size * gib, multiple: volume.multiAttach };
  }

  attach(name: string): Promise<Attached> {
    return this.#ctx.queues.run(name, async () => {
      const { key, volume } = await this.#need(name);
      this.#requireFree(volume);
      const session = await this.#session(key, volume);
      const id = this.#ctx.random.uuid();
      session.connections.set(id, () => {});
      try {
        const at = this.#ctx.clock.now();
        const now = await this.#ctx.documents.change<Volume>(key, (value) =>
          value.state === "available" || value.state === "in-use"
            ? { value: { ...value, state: "in-use", attachments: [...value.attachments, { id, at }] } }
            : undefined,
        );
        if (now?.attachments.some((each) => each.id === id) !== true) throw gone(name);
      } catch (error) {
        await this.#leave(key, session, id);
        throw error;
      }
      return {
        size: session.device.size,
        multiple: volume.multiAttach,
        device: session.device,
        onAttached: (end) => void session.connections.set(id, end),
        release: () => this.#ctx.queues.run(name, () => this.#release(key, session, id)),
      };
    });
  }

  async #need(name: string): Promise<{ key: DocumentKey; volume: Volume }> {
    const key = this.#known.get(name);
    const volume = key && (await this.#ctx.documents.get<Volume>(key));
    if (!key || volume?.host !== this.#ctx.host) throw gone(name);
    return { key, volume };
  }

  #requireFree({ id, state, multiAttach, attachments, detach }: Volume): void {
    if (state !== "available" && state !== "in-use") {
      throw new ExportRefused("policy", `Volume '${id}' is in the '${state}' state.`);
    }
    if (detach) throw new ExportRefused("policy", `Volume '${id}' is being detached.`);
    if (attachments.length >= (multiAttach ? mostAttachments : 1)) {
      throw new ExportRefused("policy", `${id} is already attached to a host`);
    }
  }

  /** KMS is asked for each connection, also where the key is here already: a key that was disabled opens nothing new. */
  async #session(key: DocumentKey, volume: Volume): Promise<Session> {
    const cipher = volume.encryption && (await this.#unwrap(key, volume, volume.encryption));
    const before = this.#sessions.get(volume.id);
    if (before) {
      cipher?.destroy();
      return before;
    }
    try {
      const image = await this.#ctx.images.acquire(volume.id, volume.size * gib);
      const pace = new Pace(volume);
      const device = new BlockDevice(image, cipher, pace);
      const session: Session = { device, pace, connections: new Map(), ...(cipher ? { cipher } : {}) };
      this.#sessions.set(volume.id, session);
      return session;
    } catch (error) {
      cipher?.destroy();
      this.#ctx.log.error({ err: error, volume: volume.id }, "the image of a volume cannot be opened");
      throw new ExportRefused("policy", `The data of volume '${volume.id}' cannot be opened.`);
    }
  }

  async #unwrap(key: DocumentKey, volume: Volume, dataKey: DataKey): Promise<XtsCipher> {
    try {
      // INVARIANT: a volume opens with its own key: one that was moved here in the database has another context.
      const plaintext = await unwrapped(this.#ctx.aws, { ...dataKey, context: volume.id });
      const cipher = new XtsCipher(plaintext);
      plaintext.fill(0);
      return cipher;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      if (isKeyRefusal(error)) await this.#tellFailure(key, volume, cause);
      else this.#ctx.log.error({ err: error, volume: volume.id }, "KMS cannot be asked for the key of a volume");
      throw new ExportRefused(
        "policy",
        `Volume ${volume.id} cannot be attached. The encrypted volume was unable to access the KMS key: ${cause}`,
      );
    }
  }

  async #tellFailure(key: DocumentKey, volume: Volume, cause: string): Promise<void> {
    const { clock, random } = this.#ctx;
    const news = { event: "attachVolume", result: "failed", cause, kmsKeyArn: volume.encryption?.kmsKeyArn } as const;
    await this.#ctx.documents.change<Volume>(key, (value) => ({
      value,
      events: [volumeEvent(key, volume.id, news, clock.now(), random)],
    }));
  }

  async #release(key: DocumentKey, session: Session, id: string): Promise<void> {
    try {
      await this.#leave(key, session, id);
    } finally {
      const { documents, signal, log } = this.#ctx;
      const tell = () => documents.change<Volume>(key, (value) => ({ value: without(value, id) }));
      // While the store is out of reach the volume stays attached in its document: who comes next waits for this.
      await untilDone(tell, { isFinal: () => false, signal, log, what: "a volume was released" });
    }
  }

  /** The last one takes the key with it. */
  async #leave(key: DocumentKey, session: Session, id: string): Promise<void> {
    session.connections.delete(id);
    if (session.connections.size > 0) return;
    this.#sessions.delete(key.id);
    session.cipher?.destroy();
    await this.#ctx.images.release(key.id);
  }
}

const gone = (name: string): ExportRefused => new ExportRefused("unknown", `The volume '${name}' does not exist.`);

/** Without one connection, or without any. */
export function without(volume: Volume, id?: string): Volume {
  const attachments = id === undefined ? [] : volume.attachments.filter((each) => each.id !== id);
  if (attachments.length > 0) return { ...volume, attachments };
  const { detach: _done, ...rest } = volume;
  return { ...rest, attachments, state: volume.state === "in-use" ? "available" : volume.state };
}
