/** GHASH of GCM (NIST SP 800-38D, 6.4), for modules whose remoting has no GCM: the cipher is theirs, this is not secret. */

/** Remainders of shifting four bits out: of x⁷ + x² + x + 1, reflected, as the upper 16 bits of a word. */
const reduction = Array.from({ length: 16 }, (_, nibble) => {
  let value = 0;
  for (let bit = 0; bit < 4; bit++) if (nibble & (1 << bit)) value ^= 0xe100 >>> (3 - bit);
  return (value << 16) >>> 0;
});

export class Ghash {
  /** Multiples of the subkey by each polynomial of degree 3: four words each. */
  readonly #table = new Uint32Array(64);
  readonly #state = new Uint32Array(4);

  /** @param subkey the encryption of the block of zeros */
  constructor(subkey: Buffer) {
    const table = this.#table;
    for (let word = 0; word < 4; word++) table[32 + word] = subkey.readUInt32BE(word * 4);
    for (let index = 4; index > 0; index >>= 1) {
      const [from, to] = [index * 8, index * 4];
      const carry = table[from + 3]! & 1;
      for (let word = 3; word > 0; word--)
        table[to + word] = (table[from + word]! >>> 1) | (table[from + word - 1]! << 31);
      table[to] = (table[from]! >>> 1) ^ (carry ? 0xe1000000 : 0);
    }
    for (let high = 2; high < 16; high *= 2) {
      for (let low = 1; low < high; low++) {
        for (let word = 0; word < 4; word++)
          table[(high + low) * 4 + word] = table[high * 4 + word]! ^ table[low * 4 + word]!;
      }
    }
  }

  /** Takes data, padded with zeros to whole blocks. */
  update(data: Buffer): this {
    for (let at = 0; at < data.length; at += 16) {
      const block =
        data.length - at >= 16 ? data.subarray(at, at + 16) : Buffer.concat([data.subarray(at), Buffer.alloc(16)], 16);
      for (let word = 0; word < 4; word++) this.#state[word]! ^= block.readUInt32BE(word * 4);
      this.#multiply();
    }
    return this;
  }

  digest(): Buffer {
    const out = Buffer.alloc(16);
    this.#state.forEach((word, index) => out.writeUInt32BE(word, index * 4));
    return out;
  }

  #multiply(): void {
    const [table, state] = [this.#table, this.#state];
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let word = 3; word >= 0; word--) {
      for (let shift = 0; shift < 32; shift += 4) {
        const rest = d & 15;
        d = (d >>> 4) | (c << 28);
        c = (c >>> 4) | (b << 28);
        b = (b >>> 4) | (a << 28);
        a = (a >>> 4) ^ reduction[rest]!;
        const at = ((state[word]! >>> shift) & 15) * 4;
        a ^= table[at]!;
        b ^= table[at + 1]!;
        c ^= table[at + 2]!;
        d ^= table[at + 3]!;
      }
    }
    state.set([a, b, c, d]);
  }
}
