/** A seeded stream of choices: the same seed makes the same requests, so that a failure can be made again. */
export class Choices {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** [0, 1). The generator is mulberry32. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Small numbers often, large ones sometimes. */
  size(limit: number): number {
    return Math.floor(limit ** this.unit());
  }

  bytes(count: number): Buffer {
    const out = Buffer.alloc(count);
    for (let i = 0; i < count; i++) out[i] = this.below(256);
    return out;
  }

  text(count: number, alphabet = "abcXYZ019-_.~%+&=/?#;:,'\"<>{}[]()\\ \t\u00e9"): string {
    let out = "";
    for (let i = 0; i < count; i++) out += alphabet[this.below(alphabet.length)];
    return out;
  }

  /** Changes a few bytes: flips, deletions, insertions, doubled stretches. */
  mutate(bytes: Buffer): Buffer {
    let out = Buffer.from(bytes);
    for (let n = 1 + this.below(4); n > 0; n--) {
      const at = this.below(out.length + 1);
      const length = 1 + this.size(32);
      const kind = this.below(5);
      if (kind === 0 && at < out.length) out[at] = this.below(256);
      else if (kind === 1) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
      else if (kind === 2) out = Buffer.concat([out.subarray(0, at), this.bytes(length), out.subarray(at)]);
      else if (kind === 3) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
      else out = Buffer.concat([out.subarray(0, at), Buffer.from(this.pick(nasty), "latin1"), out.subarray(at)]);
    }
    return out;
  }
}

/** Texts that parsers have stumbled over before. */
export const nasty: readonly string[] = [
  "\0",
  "\r\n",
  "\n",
  "\r",
  "%00",
  "%zz",
  "%",
  "../",
  "..%2f",
  "%2e%2e%2f",
  "//",
  "\\",
  "\xff\xfe",
  "\xc0\xaf",
  "\xed\xa0\x80",
  "\xf4\x90\x80\x80",
  "__proto__",
  "constructor",
  "{",
  "[",
  "]]>",
  "<!--",
  "<![CDATA[",
  "&lt;",
  "&#x0;",
  "&#xD800;",
  "-1",
  "1e999",
  "NaN",
  "9007199254740993",
  "99999999999999999999",
  "null",
  '"',
  "'",
  ";",
  ",",
  "=",
  "&",
  "?",
  "#",
  "\u00a0",
  "aws4_request",
];
