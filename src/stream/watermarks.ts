import { Watermark } from "#store/watermark.ts";

/** The highest offset known of each partition, and who waits for more. */
export class Watermarks {
  readonly #marks = new Map<string, Watermark>();

  of(stream: string, partition: number): Watermark {
    const name = `${stream}/${partition}`;
    let mark = this.#marks.get(name);
    if (!mark) {
      mark = new Watermark();
      this.#marks.set(name, mark);
    }
    return mark;
  }

  reset(): void {
    for (const mark of this.#marks.values()) mark.reset();
  }

  wakeAll(): void {
    for (const mark of this.#marks.values()) mark.wakeAll();
  }
}
