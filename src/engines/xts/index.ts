/**
 * XTS-AES-256 over the data units of a block device, as dm-crypt's `aes-xts-plain64` with 4096-byte sectors has it:
 * the tweak is the number of the unit, little-endian. Source: IEEE Std 1619-2018; NIST SP 800-38E.
 *
 * A unit that was never written lies in the image as zeros and reads as zeros: no unit of plaintext encrypts to 4096
 * zeros, other than by a chance of 2^-32768.
 *
 * XTS hides contents and does not authenticate them: whoever can write the image can put an older unit, or noise, in
 * the place of a unit.
 *
 * A context of OpenSSL for each unit is half of the cost. XTS over one context of ECB, with the masks made here, takes 1.3
 * times as much.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

/** Bytes of a data unit. */
export const unitBytes = 4096;
/** Bytes of a key: two of AES-256. */
export const xtsKeyBytes = 64;

const algorithm = "aes-256-xts";
const zeroBytes = 16 * unitBytes;
const zeros = Buffer.alloc(zeroBytes);
const zeroUnit = zeros.subarray(0, unitBytes);

export class XtsCipher {
  readonly #key: Buffer;
  readonly #tweak = Buffer.alloc(16);
  #destroyed = false;

  /** Keeps a copy of the key, which `destroy` overwrites; the caller overwrites its own. */
  constructor(key: Uint8Array) {
    if (key.length !== xtsKeyBytes) throw new RangeError(`a key of XTS-AES-256 has ${xtsKeyBytes} bytes`);
    this.#key = Buffer.alloc(xtsKeyBytes);
    this.#key.set(key);
  }

  /** @param data whole units, of which the first has the number `first` */
  encrypt(data: Uint8Array, first: number): Buffer {
    return this.#each(data, first, (unit, tweak) => createCipheriv(algorithm, this.#key, tweak).update(unit));
  }

  /** Units of zeros stay what they are: they have not been written. */
  decrypt(data: Uint8Array, first: number): Buffer {
    return this.#each(data, first, (unit, tweak) =>
      zeroUnit.equals(unit) ? zeroUnit : createDecipheriv(algorithm, this.#key, tweak).update(unit),
    );
  }

  destroy(): void {
    this.#destroyed = true;
    this.#key.fill(0);
  }

  #each(data: Uint8Array, first: number, convert: (unit: Uint8Array, tweak: Buffer) => Uint8Array): Buffer {
    if (this.#destroyed) throw new Error("the key of this cipher has been destroyed");
    if (data.length % unitBytes !== 0) throw new RangeError("only whole data units are converted");
    const out = Buffer.allocUnsafeSlow(data.length);
    for (let at = 0, unit = first; at < data.length; at += unitBytes, unit++) {
      this.#tweak.writeUInt32LE(unit % 2 ** 32, 0);
      this.#tweak.writeUInt32LE(Math.floor(unit / 2 ** 32), 4);
      out.set(convert(data.subarray(at, at + unitBytes), this.#tweak), at);
    }
    return out;
  }
}

export function isZero(data: Uint8Array): boolean {
  for (let at = 0; at < data.length; at += zeroBytes) {
    const part = data.subarray(at, at + zeroBytes);
    if (!zeros.subarray(0, part.length).equals(part)) return false;
  }
  return true;
}
