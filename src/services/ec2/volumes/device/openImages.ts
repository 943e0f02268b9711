/** One `Image` for everybody who uses a volume at the same time: what writes and what takes a cut meet in it. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Image } from "./image.ts";

interface Open {
  users: number;
  image: Promise<Image>;
}

export class OpenImages {
  readonly #folder: string;
  readonly #open = new Map<string, Open>();
  readonly #closing = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  pathOf(volumeId: string): string {
    return join(this.#folder, `${volumeId}.image`);
  }

  async removeOthers(volumeIds: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const [id = ""] = name.split(".");
      if (!volumeIds.has(id)) await Image.remove(this.pathOf(id));
    }
  }

  /** @param size of the volume, in bytes. @throws ENOENT when there is none */
  async acquire(volumeId: string, size: number): Promise<Image> {
    await this.#closing.get(volumeId);
    let open = this.#open.get(volumeId);
    if (!open) this.#open.set(volumeId, (open = { users: 0, image: Image.open(this.pathOf(volumeId), size) }));
    open.users++;
    try {
      return await open.image;
    } catch (error) {
      this.#open.delete(volumeId);
      throw error;
    }
  }

  /** The last one closes it. */
  async release(volumeId: string): Promise<void> {
    const open = this.#open.get(volumeId);
    if (!open || --open.users > 0) return;
    this.#open.delete(volumeId);
    const closing = open.image.then((image) => image.close()).finally(() => this.#closing.delete(volumeId));
    this.#closing.set(volumeId, closing);
    await closing;
  }

  async using<T>(volumeId: string, size: number, work: (image: Image) => Promise<T>): Promise<T> {
    const image = await this.acquire(volumeId, size);
    try {
      return await work(image);
    } finally {
      await this.release(volumeId);
    }
  }
}
