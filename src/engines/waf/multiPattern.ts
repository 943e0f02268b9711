/**
 * Which of many texts occur in a text: one pass over it, however many there are (Aho and Corasick, 1975), on typed
 * arrays with a full transition per class of bytes that no pattern tells apart.
 */
export class MultiPattern {
  /** Per node `#stride` successors. */
  readonly #next: Int32Array;
  readonly #stride: number;
  /** Class of each byte; 0: in no pattern. */
  readonly #classes: Uint8Array;
  /** Per node: first entry of its outputs, or -1; and for each entry the pattern and the next entry. */
  readonly #firstOutput: Int32Array;
  readonly #outputPattern: Int32Array;
  readonly #outputNext: Int32Array;
  readonly #words: number;

  /** With `ignoreCase` the patterns are in lower case. No pattern is empty. */
  constructor(patterns: readonly string[], ignoreCase: boolean) {
    [this.#classes, this.#stride] = classesOf(patterns, ignoreCase);
    this.#words = Math.ceil(patterns.length / 32);
    const size = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
    this.#next = new Int32Array(size * this.#stride);
    this.#firstOutput = new Int32Array(size).fill(-1);
    this.#outputPattern = Int32Array.from(patterns.keys());
    this.#outputNext = new Int32Array(patterns.length).fill(-1);
    const nodes = this.#grow(patterns);
    this.#link(nodes);
  }

  /** Bit `i` is set when pattern `i` occurs in one of the texts. */
  find(texts: readonly string[]): Uint32Array {
    const hits = new Uint32Array(this.#words);
    const next = this.#next;
    const classes = this.#classes;
    const stride = this.#stride;
    for (const text of texts) {
      let node = 0;
      for (let i = 0; i < text.length; i++) {
        node = next[node * stride + classes[text.charCodeAt(i) & 255]!]!;
        let output = this.#firstOutput[node]!;
        while (output >= 0) {
          const pattern = this.#outputPattern[output]!;
          hits[pattern >> 5]! |= 1 << (pattern & 31);
          output = this.#outputNext[output]!;
        }
      }
    }
    return hits;
  }

  #grow(patterns: readonly string[]): number {
    let nodes = 1;
    for (const [pattern, text] of patterns.entries()) {
      let node = 0;
      for (let i = 0; i < text.length; i++) {
        const slot = node * this.#stride + this.#classes[text.charCodeAt(i) & 255]!;
        if (this.#next[slot] === 0) this.#next[slot] = nodes++;
        node = this.#next[slot]!;
      }
      // Equal patterns are given once by the caller, so an end belongs to one pattern.
      this.#firstOutput[node] = pattern;
    }
    return nodes;
  }

  /** Breadth first: a node's failure link is shorter than itself, so it is finished before. */
  #link(nodes: number): void {
    const failure = new Int32Array(nodes);
    const queue: number[] = [];
    for (let each = 0; each < this.#stride; each++) if (this.#next[each]! > 0) queue.push(this.#next[each]!);
    for (let head = 0; head < queue.length; head++) {
      const node = queue[head]!;
      const fallback = failure[node]!;
      const own = this.#firstOutput[node]!;
      // Outputs of the failure link follow one's own; the chains share their tails.
      if (own >= 0) this.#outputNext[own] = this.#firstOutput[fallback]!;
      else this.#firstOutput[node] = this.#firstOutput[fallback]!;
      for (let each = 0; each < this.#stride; each++) {
        const slot = node * this.#stride + each;
        const child = this.#next[slot]!;
        const beside = this.#next[fallback * this.#stride + each]!;
        if (child > 0) {
          failure[child] = beside;
          queue.push(child);
        } else this.#next[slot] = beside;
      }
    }
  }
}

function classesOf(patterns: readonly string[], ignoreCase: boolean): [Uint8Array, number] {
  const classes = new Uint8Array(256);
  let count = 0;
  for (const pattern of patterns) {
    for (let i = 0; i < pattern.length; i++) {
      const byte = pattern.charCodeAt(i) & 255;
      // Patterns with all 256 bytes make two of them share a class: the caller looks again at what is found.
      if (classes[byte] === 0) classes[byte] = Math.min(++count, 255);
    }
  }
  if (ignoreCase) for (let upper = 65; upper <= 90; upper++) classes[upper] = classes[upper + 32]!;
  return [classes, Math.min(count, 255) + 1];
}
