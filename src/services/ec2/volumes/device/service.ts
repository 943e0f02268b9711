/** The volumes of one data folder: follows what the documents want, does it, and serves the block devices. */
import { readFile } from "node:fs/promises";
import type { JobContext } from "#gateway/context.ts";
import { createDurably, isErrno, makeFolder } from "#keys/files.ts";
import type { Document, DocumentKey } from "#store/contract.ts";
import { ebsTypes, type Snapshot, type SnapshotRemains, type Volume } from "../state.ts";
import { Attachments } from "./attachments.ts";
import { Documents } from "./documents.ts";
import { Follow, type Followed } from "./follow.ts";
import { NbdServer } from "./nbd/server.ts";
import { OpenImages } from "./openImages.ts";
import { Queues } from "./queues.ts";
import { SourceReaders } from "./sourceReaders.ts";
import { SnapshotWork } from "./snapshotWork.ts";
import { VolumeWork } from "./volumeWork.ts";
import type { WorkContext } from "./workContext.ts";

export interface VolumesPaths {
  /** Folder of the images. */
  images: string;
  /** File with the name of this data folder; it goes into backups, so that a restored folder knows its volumes. */
  host: string;
  socket: string;
  /** Images that no document names are removed: of an installation that keeps nothing, and is emptied while it runs. */
  keepsNothing: boolean;
}

/** How long work under way may take once everything stops. */
const stopMs = 15_000;

export type VolumesContext = Pick<JobContext, "store" | "blobs" | "clock" | "random" | "log" | "asService">;

export async function openVolumes(ctx: VolumesContext, paths: VolumesPaths): Promise<{ close(): Promise<void> }> {
  await makeFolder(paths.images);
  const stopping = new AbortController();
  const { store, blobs, clock, random, log } = ctx;
  const host = await hostName(paths.host, () => random.uuid());
  const documents = new Documents(store, stopping.signal);
  const images = new OpenImages(paths.images);
  const queues = new Queues();
  const closing = new AbortController();
  const { signal } = stopping;
  const attachments = new Attachments({
    documents,
    images,
    queues,
    clock,
    random,
    log,
    aws: ctx,
    host,
    signal: closing.signal,
  });
  const readers = new SourceReaders();
  const work: WorkContext = {
    readers,
    documents,
    images,
    attachments,
    queues,
    blobs,
    clock,
    random,
    log,
    aws: ctx,
    host,
    signal,
  };
  const volumes = new VolumeWork(work);
  const snapshots = new SnapshotWork(work);
  const follow = new Follow(
    store,
    log,
    followed(volumes, snapshots, attachments, readers, async (ids) => {
      if (paths.keepsNothing) await images.removeOthers(ids);
    }),
  );
  const server = new NbdServer(attachments, log);
  // INVARIANT: who connects is not told that a volume does not exist because its document has not been read yet.
  const listening = follow.start().then(() => (closing.signal.aborted ? undefined : server.listen(paths.socket)));
  listening.catch((error: unknown) => log.error({ err: error }, "volumes cannot be attached"));
  return {
    async close() {
      // What cannot be told any more, because everything stops, is put right at the next start.
      closing.abort();
      await follow.close();
      await server.close();
      const patience = setTimeout(() => stopping.abort(), stopMs);
      await Promise.all([snapshots.idle(), queues.idle()]);
      clearTimeout(patience);
      stopping.abort();
    },
  };
}

function followed(
  volumes: VolumeWork,
  snapshots: SnapshotWork,
  attachments: Attachments,
  readers: SourceReaders,
  onlyThese: (volumeIds: ReadonlySet<string>) => Promise<void>,
): Followed {
  const tell = (key: DocumentKey, document: Document | undefined): void => {
    const value = document?.value;
    if (key.type !== ebsTypes.remains) readers.tell(key.id, readBy(value as Volume | Snapshot | undefined));
    if (key.type === "volume") {
      attachments.tell(key, value as Volume | undefined);
      if (value) volumes.tell(key, value as Volume);
    } else if (key.type === "snapshot") snapshots.tell(key, value as Snapshot | undefined);
    else if (key.type === ebsTypes.remains && value) snapshots.tellRemains(key, value as SnapshotRemains);
  };
  return {
    one: tell,
    async all(documents) {
      const ids = new Set(documents.filter(({ key }) => key.type === "volume").map(({ key }) => key.id));
      attachments.retain(ids);
      readers.forget();
      await onlyThese(ids);
      for (const { key, value } of documents) if (key.type === "volume") await volumes.settle(key, value as Volume);
      // A snapshot that waits for its moment comes before the end of its volume.
      const order = ["snapshot", "volume", ebsTypes.remains] as const;
      for (const type of order) for (const each of documents) if (each.key.type === type) tell(each.key, each);
    },
  };
}

/** The snapshot that a volume or copy is still being made from. */
function readBy(value: Volume | Snapshot | undefined): string | undefined {
  return value?.state === "creating" || value?.state === "pending" ? value.source?.snapshotId : undefined;
}

async function hostName(path: string, fresh: () => string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  const name = fresh();
  await createDurably(path, Buffer.from(name));
  return name;
}
