/** Many at a time, or one alone. Whoever waits to be alone comes before those who come after it. */
export class SharedLock {
  #shared = 0;
  #alone = false;
  readonly #waiting: { alone: boolean; enter: () => void }[] = [];

  async shared<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alone || this.#waiting.length > 0) await this.#wait(false);
    else this.#shared++;
    try {
      return await work();
    } finally {
      this.#shared--;
      this.#admit();
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alone || this.#shared > 0 || this.#waiting.length > 0) await this.#wait(true);
    else this.#alone = true;
    try {
      return await work();
    } finally {
      this.#alone = false;
      this.#admit();
    }
  }

  #wait(alone: boolean): Promise<void> {
    return new Promise((enter) => this.#waiting.push({ alone, enter }));
  }

  /** Counts those whom it lets in, so that nobody gets between. */
  #admit(): void {
    for (let next = this.#waiting[0]; next && !this.#alone; next = this.#waiting[0]) {
      if (next.alone && this.#shared > 0) return;
      if (next.alone) this.#alone = true;
      else this.#shared++;
      this.#waiting.shift();
      next.enter();
    }
  }
}
