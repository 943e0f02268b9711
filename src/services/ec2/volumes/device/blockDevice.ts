/**
 * The bytes of a volume, at any offset and of any length, over an image that holds units, encrypted or not.
 *
 * INVARIANT: a part of a unit is changed by nobody else meanwhile: reading, changing and writing it back is one step.
 */
import { unitBytes, type XtsCipher } from "#engines/xts/index.ts";
import type { Image } from "./image.ts";
import type { Pace } from "./pace.ts";
import { SharedLock } from "./sharedLock.ts";
import { chunkBytes } from "./writtenMap.ts";

export class BlockDevice {
  readonly #image: Image;
  readonly #cipher: XtsCipher | undefined;
  readonly #pace: Pick<Pace, "wait"> | undefined;
  readonly #units = new SharedLock();

  /** @param pace of reads and writes; without one, they are as fast as the host */
  constructor(image: Image, cipher?: XtsCipher, pace?: Pick<Pace, "wait">) {
    this.#image = image;
    this.#cipher = cipher;
    this.#pace = pace;
  }

  get size(): number {
    return this.#image.size;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    await this.#pace?.wait(length);
    const from = down(offset);
    const data = await this.#readUnits(from, up(offset + length) - from);
    return data.subarray(offset - from, offset - from + length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#pace?.wait(data.length);
    if (offset % unitBytes === 0 && data.length % unitBytes === 0) {
      return await this.#units.shared(() => this.#writeUnits(offset, data));
    }
    return await this.#units.alone(() => this.#patch(offset, data));
  }

  async zero(offset: number, length: number): Promise<void> {
    const from = up(offset);
    const to = down(offset + length);
    if (from >= to) return await this.write(offset, Buffer.alloc(length));
    if (offset < from) await this.write(offset, Buffer.alloc(from - offset));
    await this.#units.shared(() => this.#image.zero(from, to - from));
    if (offset + length > to) await this.write(to, Buffer.alloc(offset + length - to));
  }

  /** Whether nothing was ever written there. */
  isHole(offset: number, length: number): boolean {
    return length > 0 && !this.#image.isWritten(offset, length);
  }

  /** Runs of what may be written and what is not, without a gap. */
  *extents(offset: number, length: number): Generator<{ bytes: number; hole: boolean }> {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const hole = this.isHole(at, 1);
      let next = at;
      do next = Math.min(end, next - (next % chunkBytes) + chunkBytes);
      while (next < end && this.isHole(next, 1) === hole);
      yield { bytes: next - at, hole };
      at = next;
    }
  }

  flush(): Promise<void> {
    return this.#image.flush();
  }

  async #patch(offset: number, data: Uint8Array): Promise<void> {
    const from = down(offset);
    const whole = await this.#readUnits(from, up(offset + data.length) - from);
    whole.set(data, offset - from);
    await this.#writeUnits(from, whole);
  }

  async #readUnits(offset: number, length: number): Promise<Buffer> {
    const data = await this.#image.read(offset, length);
    return this.#cipher ? this.#cipher.decrypt(data, offset / unitBytes) : data;
  }

  async #writeUnits(offset: number, data: Uint8Array): Promise<void> {
    await this.#image.write(offset, this.#cipher ? this.#cipher.encrypt(data, offset / unitBytes) : data);
  }
}

const down = (offset: number): number => offset - (offset % unitBytes);
const up = (offset: number): number => down(offset + unitBytes - 1);
