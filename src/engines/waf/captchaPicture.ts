/**
 * The picture of a CAPTCHA: characters, each turned, sheared and shifted by chance, under a wave, with lines and specks,
 * as a grey PNG. It keeps out simple programs; one that reads such pictures gets by, as with any CAPTCHA.
 */
import { crc32, deflateSync } from "node:zlib";
import type { Random } from "#kernel/ids.ts";

export const captchaLength = 6;
const width = 240;
const height = 80;

/** Five columns by seven rows, as rows of bits. Characters that are taken for each other are left out. */
const glyphs: Readonly<Record<string, readonly number[]>> = {
  A: [14, 17, 17, 31, 17, 17, 17],
  C: [14, 17, 16, 16, 16, 17, 14],
  E: [31, 16, 16, 30, 16, 16, 31],
  F: [31, 16, 16, 30, 16, 16, 16],
  H: [17, 17, 17, 31, 17, 17, 17],
  J: [7, 2, 2, 2, 2, 18, 12],
  K: [17, 18, 20, 24, 20, 18, 17],
  L: [16, 16, 16, 16, 16, 16, 31],
  M: [17, 27, 21, 21, 17, 17, 17],
  N: [17, 25, 21, 19, 17, 17, 17],
  P: [30, 17, 17, 30, 16, 16, 16],
  R: [30, 17, 17, 30, 20, 18, 17],
  T: [31, 4, 4, 4, 4, 4, 4],
  U: [17, 17, 17, 17, 17, 17, 14],
  W: [17, 17, 17, 21, 21, 21, 10],
  X: [17, 17, 10, 4, 10, 17, 17],
  Y: [17, 17, 10, 4, 4, 4, 4],
  3: [31, 2, 4, 2, 1, 17, 14],
  4: [2, 6, 10, 18, 31, 2, 2],
  7: [31, 1, 2, 4, 8, 8, 8],
  9: [14, 17, 17, 15, 1, 2, 12],
};

export const captchaAlphabet: readonly string[] = Object.keys(glyphs);

/** `answer` of characters of the alphabet. */
export function captchaPicture(answer: string, random: Random): Buffer {
  const pixels = new Uint8Array(width * height).fill(235);
  // One call for all of the chance: each number is a byte of it.
  const chance = random.bytes(1_024);
  let at = 0;
  const next = (low: number, high: number): number => low + (chance[at++ % chance.length]! / 255) * (high - low);

  const wave = { size: next(2, 5), length: next(25, 45), phase: next(0, 6.28) };
  const step = width / (answer.length + 0.6);
  for (let i = 0; i < answer.length; i++) {
    const rows = glyphs[answer[i]!]!;
    const turn = next(-0.4, 0.4);
    const shear = next(-0.3, 0.3);
    const scale = next(6, 7.5);
    const x = step * (i + 0.8) + next(-3, 3);
    const y = height / 2 + next(-8, 8);
    const shade = next(20, 90);
    drawGlyph(pixels, rows, { x, y, turn, shear, scale, shade, wave });
  }
  for (let i = 0; i < 4; i++)
    drawLine(pixels, next(0, 40), next(0, height), next(200, width), next(0, height), next(60, 140));
  for (let i = 0; i < 250; i++)
    pixels[Math.floor(next(0, height - 1)) * width + Math.floor(next(0, width - 1))] = next(60, 200);
  return png(pixels);
}

interface Placement {
  x: number;
  y: number;
  turn: number;
  shear: number;
  scale: number;
  shade: number;
  wave: { size: number; length: number; phase: number };
}

/** For each pixel near the glyph, which of its cells it comes from. */
function drawGlyph(
  pixels: Uint8Array,
  rows: readonly number[],
  { x, y, turn, shear, scale, shade, wave }: Placement,
): void {
  const reach = Math.ceil(scale * 6);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  for (let py = Math.max(0, Math.floor(y - reach)); py < Math.min(height, y + reach); py++) {
    for (let px = Math.max(0, Math.floor(x - reach)); px < Math.min(width, x + reach); px++) {
      const dx = px - x;
      const dy = py - y + wave.size * Math.sin(px / wave.length + wave.phase);
      const u = (dx * cos + dy * sin - shear * dy) / scale + 2.5;
      const v = (-dx * sin + dy * cos) / scale + 3.5;
      if (u < 0 || u >= 5 || v < 0 || v >= 7) continue;
      if ((rows[Math.floor(v)]! >> (4 - Math.floor(u))) & 1) pixels[py * width + px] = shade;
    }
  }
}

function drawLine(pixels: Uint8Array, x0: number, y0: number, x1: number, y1: number, shade: number): void {
  for (let i = 0; i <= width; i++) {
    const x = Math.round(x0 + ((x1 - x0) * i) / width);
    const y = Math.round(y0 + ((y1 - y0) * i) / width);
    if (x >= 0 && x < width && y >= 0 && y < height) pixels[y * width + x] = shade;
  }
}

/** Eight-bit grey. Source: W3C, Portable Network Graphics. */
function png(pixels: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  frame.set(body, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}
