import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#kernel/clock.ts";
import { blobConformance } from "./conformance.ts";
import { FilesystemBlobs } from "./filesystem.ts";
import { S3Blobs } from "./s3.ts";
import { startS3Fake } from "./s3-fake.ts";

blobConformance("filesystem", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-blob-"));
  const blobs = await FilesystemBlobs.open(folder);
  const find = (id: string): string => {
    const file = readdirSync(folder, { recursive: true, withFileTypes: true }).find((entry) => entry.name === id);
    return join(file!.parentPath, file!.name);
  };
  return {
    blobs,
    async age(id, milliseconds) {
      const { mtimeMs } = await stat(find(id));
      await utimes(find(id), new Date(), new Date(mtimeMs - milliseconds));
    },
    leftovers: async () => readdirSync(join(folder, ".incoming")).length,
    async dispose() {
      await blobs.close();
      rmSync(folder, { recursive: true });
    },
  };
});

blobConformance("s3", async () => {
  const fake = await startS3Fake();
  const blobs = new S3Blobs({
    endpoint: fake.endpoint,
    bucket: "bucket",
    prefix: "some/prefix/",
    region: "us-east-1",
    credentials: { accessKeyId: "AKID", secretAccessKey: "secret" },
    clock: systemClock,
    partSize: 5 * 1024 * 1024,
  });
  return {
    blobs,
    async age(id, milliseconds) {
      fake.objects.get(`some/prefix/${id}`)!.modified -= milliseconds;
    },
    leftovers: async () => fake.uploads.size,
    async dispose() {
      await blobs.close();
      await fake.close();
    },
  };
});
