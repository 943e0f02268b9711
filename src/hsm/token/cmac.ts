/** AES-CMAC (NIST SP 800-38B): the last block of CBC, with a subkey in the last block. */
import { createCipheriv, type KeyObject } from "node:crypto";

const block = 16;

export function cmac(key: KeyObject, data: Buffer): Buffer {
  const bits = key.symmetricKeySize! * 8;
  const zero = createCipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false).update(Buffer.alloc(block));
  const first = doubled(zero);
  const whole = data.length > 0 && data.length % block === 0;
  const padded = whole
    ? Buffer.from(data)
    : Buffer.concat([data, Buffer.of(0x80), Buffer.alloc(block - 1 - (data.length % block))]);
  const subkey = whole ? first : doubled(first);
  const last = padded.length - block;
  for (let i = 0; i < block; i++) padded[last + i]! ^= subkey[i]!;
  const chain = createCipheriv(`aes-${bits}-cbc`, key, Buffer.alloc(block)).setAutoPadding(false).update(padded);
  return Buffer.from(chain.subarray(-block));
}

/** Multiplication by x in GF(2¹²⁸). */
function doubled(value: Buffer): Buffer {
  const out = Buffer.alloc(block);
  for (let i = 0; i < block; i++) out[i] = ((value[i]! << 1) | ((value[i + 1] ?? 0) >> 7)) & 0xff;
  if (value[0]! & 0x80) out[block - 1]! ^= 0x87;
  return out;
}
