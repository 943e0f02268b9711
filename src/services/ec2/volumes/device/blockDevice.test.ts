import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { unitBytes, XtsCipher } from "#engines/xts/index.ts";
import { BlockDevice } from "./blockDevice.ts";
import { Image } from "./image.ts";
import { chunkBytes } from "./writtenMap.ts";

const size = 16 * chunkBytes;

/** The same numbers for the same seed. */
function numbers(seed: string): (below: number) => number {
  let count = 0;
  return (below) => {
    const digest = createHash("sha256").update(`${seed}/${count++}`).digest();
    return digest.readUInt32BE(0) % below;
  };
}

describe("the bytes of a volume", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-device-"));
  });
  after(() => rm(folder, { recursive: true }));

  test("are read and written at the pace of the volume", async () => {
    const drawn: number[] = [];
    const pace = { wait: (bytes: number) => Promise.resolve(void drawn.push(bytes)) };
    const image = await Image.create(join(folder, "paced"), size);
    const device = new BlockDevice(image, undefined, pace);
    await device.write(0, Buffer.alloc(4096, 1));
    await device.read(100, 50);
    assert.deepEqual(drawn, [4096, 50]);
    await image.close();
  });

  for (const encrypted of [false, true]) {
    test(`are what was written, in any order and alignment, ${encrypted ? "encrypted" : "as they are"}`, async () => {
      const path = join(folder, `random-${encrypted}`);
      const cipher = encrypted ? new XtsCipher(randomBytes(64)) : undefined;
      let image = await Image.create(path, size);
      let device = new BlockDevice(image, cipher);
      const model = Buffer.alloc(size);
      const next = numbers(`model-${encrypted}`);
      for (let round = 0; round < 40; round++) {
        // Several at once, each in a stripe of its own, so that the model knows the outcome; units are shared.
        const stripe = Math.floor(size / 8) - 1;
        const work = Array.from({ length: 8 }, async (_, n) => {
          const start = n * stripe;
          const offset = start + next(stripe - 1);
          const length = 1 + next(Math.min(3 * unitBytes, start + stripe - offset));
          if (next(4) === 0) {
            model.fill(0, offset, offset + length);
            return await device.zero(offset, length);
          }
          const data = Buffer.alloc(length, 1 + next(255));
          data.copy(model, offset);
          return await device.write(offset, data);
        });
        await Promise.all(work);
        const offset = next(size - 5000);
        assert.deepEqual(await device.read(offset, 5000), model.subarray(offset, offset + 5000));
        if (round % 10 === 9) {
          await image.close();
          image = await Image.open(path, size);
          device = new BlockDevice(image, cipher);
        }
      }
      assert.ok((await device.read(0, size)).equals(model));
      await image.close();
    });
  }

  test("neighbours of one unit keep what they have written at the same time", async () => {
    const image = await Image.create(join(folder, "neighbours"), size);
    const device = new BlockDevice(image, new XtsCipher(randomBytes(64)));
    const part = 128;
    const parts = Array.from({ length: unitBytes / part }, (_, n) => n);
    await Promise.all(parts.map((n) => device.write(n * part, Buffer.alloc(part, n + 1))));
    const whole = await device.read(0, unitBytes);
    for (const n of parts) assert.deepEqual(whole.subarray(n * part, (n + 1) * part), Buffer.alloc(part, n + 1));
    await image.close();
  });

  test("a cut shows its moment while everything is overwritten, and holds up no writer for good", async () => {
    const image = await Image.create(join(folder, "cut"), size);
    for (let chunk = 0; chunk < 12; chunk++) await image.write(chunk * chunkBytes, Buffer.alloc(chunkBytes, 1));
    let meanwhile = 0;
    const cut = await image.cut(async () => void meanwhile++);
    assert.equal(meanwhile, 1);
    assert.equal(cut.total, 12);
    const seen = new Map<number, number>();
    const overwriting = (async () => {
      for (let chunk = 15; chunk >= 0; chunk--) await image.write(chunk * chunkBytes, Buffer.alloc(unitBytes, 2));
    })();
    for await (const { chunk, data } of cut.chunks()) {
      assert.ok(!seen.has(chunk), `chunk ${chunk} twice`);
      seen.set(
        chunk,
        data.findIndex((byte) => byte !== 1),
      );
    }
    await overwriting;
    assert.deepEqual(
      [...seen.keys()].toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    );
    assert.ok(
      [...seen.values()].every((at) => at === -1),
      "the cut shows what came after it",
    );
    assert.equal((await image.read(0, unitBytes))[0], 2);

    // A cut that nobody reads to its end lets writers go.
    const given = await image.cut(async () => {});
    given.close();
    await image.write(0, Buffer.alloc(size, 3));
    await image.close();
  });

  test("what a crash of the system may have lost of the written chunks is looked for everywhere", async () => {
    const path = join(folder, "boot");
    const image = await Image.create(path, size);
    await image.write(3 * chunkBytes, Buffer.alloc(unitBytes, 7));
    await image.close();
    const chunks = async (): Promise<number> => {
      const opened = await Image.open(path, size);
      const cut = await opened.cut(async () => {});
      cut.close();
      await opened.close();
      return cut.total;
    };
    assert.equal(await chunks(), 1);
    const map = await readFile(`${path}.written`);
    // Not closed in order, by a system that has been started since.
    map[8] = 0;
    map.write("0".repeat(36), 9, "latin1");
    await writeFile(`${path}.written`, map);
    assert.equal(await chunks(), 16);
    await rm(`${path}.written`);
    assert.equal(await chunks(), 16);
    const noise = await open(`${path}.written`, "w");
    await noise.write(randomBytes(200));
    await noise.close();
    assert.equal(await chunks(), 16);
  });

  test("what is outside the volume is refused, and a volume that has grown is zeros behind", async () => {
    const image = await Image.create(join(folder, "grow"), size);
    await assert.rejects(image.write(size, Buffer.alloc(unitBytes)), RangeError);
    await image.write(size - unitBytes, Buffer.alloc(unitBytes, 9));
    await image.grow(2 * size);
    assert.deepEqual(await image.read(size, unitBytes), Buffer.alloc(unitBytes));
    await image.write(2 * size - unitBytes, Buffer.alloc(unitBytes, 8));
    const cut = await image.cut(async () => {});
    assert.equal(cut.total, 2);
    cut.close();
    await image.close();
  });

  test("whole chunks that are zeroed give their space back, and are none of a cut any more", async (t) => {
    const path = join(folder, "punched");
    const image = await Image.create(path, size);
    await image.write(0, Buffer.alloc(size, 6));
    await image.flush();
    const before = (await stat(path)).blocks;
    await image.zero(unitBytes, size - 2 * unitBytes);
    assert.deepEqual(
      await image.read(0, 3 * unitBytes),
      Buffer.concat([Buffer.alloc(unitBytes, 6), Buffer.alloc(2 * unitBytes)]),
    );
    assert.deepEqual((await image.read(size - unitBytes, unitBytes))[0], 6);
    assert.deepEqual(await image.read(5 * chunkBytes, unitBytes), Buffer.alloc(unitBytes));
    const cut = await image.cut(async () => {});
    cut.close();
    await image.write(5 * chunkBytes, Buffer.alloc(unitBytes, 7));
    assert.equal((await image.read(5 * chunkBytes, unitBytes))[0], 7);
    await image.close();
    if (cut.total === 16) return t.skip("no fallocate here: zeros were written");
    assert.equal(cut.total, 2);
    assert.ok((await stat(path)).blocks < before / 4);
  });

  test("an image may be larger than the file system has files", async () => {
    const path = join(folder, "huge");
    const huge = 2 ** 46;
    const image = await Image.create(path, huge);
    assert.deepEqual(await image.read(huge - unitBytes, unitBytes), Buffer.alloc(unitBytes));
    await image.write(2 ** 40, Buffer.alloc(unitBytes, 5));
    await image.close();
    await rm(`${path}.written`);
    const opened = await Image.open(path, huge);
    assert.equal((await opened.read(2 ** 40, unitBytes))[0], 5);
    assert.deepEqual(await opened.read(huge - unitBytes, unitBytes), Buffer.alloc(unitBytes));
    await opened.close();
  });
});
