/**
 * How fast a volume is: what its type, size, IOPS and throughput give, as buckets of tokens that reads and writes draw on.
 * A bucket holds what was saved up, and whoever draws more than is in it waits, in the order of arrival.
 * Source: EBS User Guide, "Amazon EBS volume types", "General Purpose SSD volumes" (I/O credits of gp2), "Throughput
 * Optimized HDD" (credits of st1 and sc1), "I/O characteristics" (an operation is 256 KiB on SSD, 1 MiB on HDD).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { shownIops } from "../kinds.ts";
import type { Shape } from "../state.ts";

const kib = 1024;
const mib = 2 ** 20;
const gibPerTib = 1024;

/** @property rate tokens a second @property saved the most that lies in it */
interface Bucket {
  rate: number;
  saved: number;
}

interface Speed {
  /** Bytes of one operation at most; a longer one counts as several. */
  operationBytes: number;
  /** In operations. */
  iops: readonly Bucket[];
  /** In bytes. */
  throughput: readonly Bucket[];
}

/** A steady rate, of which a second is saved. */
const steady = (rate: number): Bucket => ({ rate, saved: rate });

/** @param shape of the volume now */
export function speedOf(shape: Shape): Speed {
  const iops = shownIops(shape) ?? 0;
  const tib = shape.size / gibPerTib;
  const ssd = { operationBytes: 256 * kib };
  switch (shape.kind) {
    case "gp3":
      return { ...ssd, iops: [steady(iops)], throughput: [steady((shape.throughput ?? 125) * mib)] };
    case "io1":
      return { ...ssd, iops: [steady(iops)], throughput: [steady(Math.min(1000 * mib, iops * 256 * kib))] };
    case "io2":
      return { ...ssd, iops: [steady(iops)], throughput: [steady(Math.min(4000 * mib, iops * 256 * kib))] };
    case "gp2":
      return {
        ...ssd,
        // 5.4 million credits: 3,000 a second for half an hour, on a volume whose own rate is below that.
        iops: iops < 3000 ? [steady(3000), { rate: iops, saved: 5_400_000 }] : [steady(iops)],
        throughput: [steady((shape.size <= 170 ? 128 : 250) * mib)],
      };
    case "st1":
      return hdd(tib, { base: 40, burst: 250, most: 500 });
    case "sc1":
      return hdd(tib, { base: 12, burst: 80, most: shape.size >= 12.5 * gibPerTib ? 192 : 250 });
    case "standard":
      return { ...ssd, iops: [steady(200)], throughput: [steady(90 * mib)] };
  }
}

/** MiB/s for each TiB; as many bytes are saved as the volume is long. */
function hdd(tib: number, { base, burst, most }: { base: number; burst: number; most: number }): Speed {
  const rate = Math.min(most, base * tib) * mib;
  return {
    operationBytes: mib,
    iops: [steady(500)],
    throughput: [steady(Math.min(most, burst * tib) * mib), { rate, saved: tib * gibPerTib * gibPerTib * mib }],
  };
}

/** Draws on one bucket. Time is in seconds. */
class Drawn {
  readonly #bucket: Bucket;
  /** When it would be full again. */
  #fullAt = -Infinity;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Takes `tokens`, also when they are not there yet. @returns when they are */
  draw(tokens: number, now: number): number {
    const { rate, saved } = this.#bucket;
    this.#fullAt = Math.max(this.#fullAt, now) + tokens / rate;
    return this.#fullAt - saved / rate;
  }
}

export class Pace {
  #operationBytes = 1;
  #iops: Drawn[] = [];
  #throughput: Drawn[] = [];
  #shape: Shape | undefined;
  readonly #now: () => number;

  /** @param now seconds, of a clock that nobody sets */
  constructor(shape: Shape, now: () => number = () => performance.now() / 1000) {
    this.#now = now;
    this.follow(shape);
  }

  /** Goes on at the speed of this shape. What was saved up begins anew when the speed is another. */
  follow(shape: Shape): void {
    const before = this.#shape;
    this.#shape = shape;
    if (before && speedKey(before) === speedKey(shape)) return;
    const speed = speedOf(shape);
    this.#operationBytes = speed.operationBytes;
    this.#iops = speed.iops.map((bucket) => new Drawn(bucket));
    this.#throughput = speed.throughput.map((bucket) => new Drawn(bucket));
  }

  /** @returns seconds from now until `bytes` may be read or written; they are counted */
  draw(bytes: number): number {
    const now = this.#now();
    const operations = Math.max(1, Math.ceil(bytes / this.#operationBytes));
    const times = [
      ...this.#iops.map((drawn) => drawn.draw(operations, now)),
      ...this.#throughput.map((drawn) => drawn.draw(bytes, now)),
    ];
    return Math.max(0, ...times.map((time) => time - now));
  }

  async wait(bytes: number): Promise<void> {
    const seconds = this.draw(bytes);
    // A timer is no finer than a millisecond; what is shorter is paid by those who come next.
    if (seconds >= 0.001) await sleep(seconds * 1000);
  }
}

const speedKey = ({ kind, size, iops, throughput }: Shape): string => [kind, size, iops, throughput].join();
