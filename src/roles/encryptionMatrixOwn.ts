/** What the installation keeps for itself: streams, files of the data folder. For its operator. */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { auditStream } from "#gateway/auditRecord.ts";
import { isSealed } from "#store/sealing.ts";
import { accessLogStream } from "../edge/config.ts";
import { ownKeys, type Cell, type MatrixRow, type MatrixSources } from "./encryptionMatrixShape.ts";
import { ciphertextProof, fromBase64, isReadable, plaintextProof, secretProof } from "./encryptionMatrixBytes.ts";
import type { MatrixKind, Why } from "./encryptionMatrixTexts.ts";
import { cellOf, sealedBytes } from "./encryptionMatrixStored.ts";

interface OwnFile {
  kind: MatrixKind;
  /** Below the data folder; the first file of a folder where it ends in "/". */
  path: string;
  /** Why it can be read, where it can. */
  why: Why;
  key: string;
  /** Nothing of it is shown. */
  secret?: true;
}

const files: readonly OwnFile[] = [
  { kind: "keyring", path: "keys/keyring.json", why: "readable", key: ownKeys.seal },
  { kind: "tombstone", path: "keys/tombstones/", why: "readable", key: ownKeys.keyHolder },
  { kind: "developmentKey", path: "keys/development.key", why: "developmentSeal", key: "", secret: true },
  { kind: "portKey", path: "tls/server.key", why: "neededBeforeKeys", key: "", secret: true },
  { kind: "authorityKey", path: "tls/ca.key", why: "neededBeforeKeys", key: "", secret: true },
  { kind: "administratorKey", path: "credentials", why: "firstCredentials", key: "", secret: true },
  { kind: "edgeConfiguration", path: "edge/configuration", why: "readable", key: ownKeys.keyHolder },
  { kind: "processLog", path: "logs/api.log", why: "processLog", key: "" },
];

export async function ownAtRest(sources: MatrixSources): Promise<MatrixRow[]> {
  const { config } = sources;
  const rows = await Promise.all(files.map((file) => fileRow(config.dataDir, file)));
  return [...rows.flat(), ...(await streams(sources)), configuration(sources)];
}

async function fileRow(dataDir: string, { kind, path, why, key, secret }: OwnFile): Promise<MatrixRow[]> {
  const found = path.endsWith("/") ? await firstIn(join(dataDir, path)) : join(dataDir, path);
  const read = found === undefined ? undefined : await head(found);
  if (found === undefined || !read || read.total === 0) return [];
  // The key ring is JSON around wrapped keys: those are what counts.
  const bytes = kind === "keyring" ? wrappedKeys(read.bytes) : read.bytes;
  const atRest: Cell =
    key === "" || isReadable(bytes)
      ? {
          state: "plain",
          why,
          proof: secret ? secretProof(found, read.total) : plaintextProof(found, bytes, read.total),
        }
      : { state: "encrypted", key, proof: ciphertextProof(found, bytes, read.total) };
  return [{ kind, resource: found, atRest }];
}

function wrappedKeys(file: Uint8Array): Uint8Array {
  const text = Buffer.from(file).toString("utf8");
  const longest = [...text.matchAll(/"([A-Za-z0-9+/]{40,}={0,2})"/g)].map(([, word]) => word!);
  const wrapped = longest.toSorted((a, b) => b.length - a.length)[0];
  return wrapped === undefined ? file : fromBase64(wrapped);
}

async function firstIn(folder: string): Promise<string | undefined> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const file = entries.find((entry) => entry.isFile());
  return file && join(file.parentPath, file.name);
}

async function head(path: string): Promise<{ bytes: Uint8Array; total: number } | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4_096), 0, 4_096, 0);
    return { bytes: buffer.subarray(0, bytesRead), total: size };
  } finally {
    await file.close();
  }
}

const ownStreams: readonly { kind: MatrixKind; stream: string }[] = [
  { kind: "auditStream", stream: auditStream },
  { kind: "accessLogStream", stream: accessLogStream },
  { kind: "eventStream", stream: "events" },
  { kind: "metricStream", stream: "metrics" },
];

async function streams({ stream }: MatrixSources): Promise<MatrixRow[]> {
  return await Promise.all(
    ownStreams.map(async ({ kind, stream: name }): Promise<MatrixRow> => {
      const event = await firstEvent(stream, name);
      return { kind, resource: name, atRest: event === undefined ? { state: "empty" } : eventCell(name, event) };
    }),
  );
}

async function firstEvent(stream: MatrixSources["stream"], name: string): Promise<unknown> {
  for (let partition = 0; partition < stream.partitions; partition++) {
    const [first] = await stream.read(name, partition, 0, 1);
    if (first) return first.event;
  }
  return undefined;
}

function eventCell(name: string, event: unknown): Cell {
  const medium = `stream ${name}`;
  if (isSealed(event)) return cellOf(medium, sealedBytes(event), ownKeys.documents);
  return { state: "plain", why: "streamInClear", proof: plaintextProof(medium, Buffer.from(JSON.stringify(event))) };
}

/** Documents of settings are in the clear, and so is what a backup has of them. */
function configuration({ config }: MatrixSources): MatrixRow {
  return {
    kind: "configuration",
    resource: config.storeUrl.replace(/\/\/[^@/]*@/, "//"),
    atRest: { state: "plain", why: "configuration" },
  };
}
