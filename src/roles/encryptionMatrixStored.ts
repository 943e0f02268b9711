/** What accounts have, at rest: of each kind some resources, with the bytes as they lie in the store, in a blob or an image. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Document, Store } from "#store/contract.ts";
import { isSealed, keyIdOf, type SealedValue } from "#store/sealing.ts";
import { edgeDocument, edgeService, type CertificateDocument } from "../edge/config.ts";
import type { Snapshot, Volume } from "../services/ec2/volumes/state.ts";
import { types as kmsTypes, type KeyDocument } from "../services/kms/state.ts";
import { types as logTypes, type Batch, type Group } from "../services/logs/state.ts";
import { keyOfObjectId } from "../services/s3/ids.ts";
import type { Bucket, ObjectVersion, Version } from "../services/s3/state.ts";
import { types as queueTypes, type Message, type Queue } from "../services/sqs/state.ts";
import { ownKeys, type Cell, type MatrixRow, type MatrixScope, type MatrixSources } from "./encryptionMatrixShape.ts";
import { ciphertextProof, fromBase64, isReadable, plaintextProof } from "./encryptionMatrixBytes.ts";
import type { MatrixKind } from "./encryptionMatrixTexts.ts";
import { sealedKinds } from "./sealedKinds.ts";

/** Resources of one kind that are looked at; those without a key come first where there may be some. */
const mostShown = 20;
const mostRead = 500;

export async function storedResources(sources: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const kinds = [objects, queues, logEvents, volumes, keyMaterial, secretKeys, sessions, certificates, sealedContent];
  return (await Promise.all(kinds.map((kind) => kind(sources, scope)))).flat();
}

/** The cell of bytes that are said to be encrypted under a key. */
export function cellOf(medium: string, bytes: Uint8Array, key: string, total?: number): Cell {
  if (isReadable(bytes)) return { state: "plain", why: "readable", proof: plaintextProof(medium, bytes, total) };
  return { state: "encrypted", key, proof: ciphertextProof(medium, bytes, total) };
}

const nothing: Cell = { state: "empty" };

async function some<T>(
  store: Store,
  scope: { account?: string },
  service: string,
  type: string,
  options: { prefix?: string; limit?: number } = {},
): Promise<Document<T>[]> {
  const page = await store.list<T>({
    service,
    type,
    limit: mostShown,
    ...(scope.account === undefined ? {} : { account: scope.account }),
    ...options,
  });
  return page.items;
}

const mediumOf = ({ key: { service, type, id } }: Document): string => `store ${service}/${type}/${id}`;

async function objects({ store, runtime }: MatrixSources, { account }: MatrixScope): Promise<MatrixRow[]> {
  const buckets = (await some<Bucket>(store, {}, "s3", "bucket", { limit: mostRead })).filter(
    ({ value }) => account === undefined || value.owner === account,
  );
  const rows: MatrixRow[] = [];
  for (const { value: bucket } of buckets.slice(0, mostShown)) {
    const at = { account: bucket.owner };
    const logs = await someObjects(store, at, bucket, "AWSLogs/");
    const [first] = await someObjects(store, at, bucket, "");
    const log = logs.find(({ key }) => /\/CloudTrail\//.test(keyOfObjectId(key.id)));
    for (const [kind, found] of [
      ["object", first],
      ["trailLog", log],
    ] as const) {
      if (!found) continue;
      const resource = `arn:aws:s3:::${bucket.name}/${keyOfObjectId(found.key.id)}`;
      rows.push({ kind, resource, atRest: await objectCell(found.value, runtime.blobs) });
    }
  }
  for (const kind of ["object", "trailLog"] as const)
    if (!rows.some((row) => row.kind === kind)) rows.push({ kind, atRest: nothing });
  return rows;
}

async function someObjects(
  store: Store,
  at: { account: string },
  bucket: Bucket,
  prefix: string,
): Promise<Document<ObjectVersion>[]> {
  const found = await some<Version>(store, at, "s3", "object", { prefix: `${bucket.uid}/${prefix}` });
  return found.filter((each): each is Document<ObjectVersion> => {
    return each.value.kind === "object" && each.value.size > 0 && each.value.bodies.length > 0;
  });
}

async function objectCell(
  { encryption, bodies }: ObjectVersion,
  blobs: MatrixSources["runtime"]["blobs"],
): Promise<Cell> {
  const blob = bodies[0]!.blob;
  const info = await blobs.info(blob);
  if (!info) return nothing;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.get(blob, { start: 0, end: 4_095 })) chunks.push(chunk);
  const key =
    encryption.kind === "SSE-S3"
      ? ownKeys.keyHolder
      : encryption.kind === "SSE-C"
        ? ownKeys.customer
        : encryption.kmsKeyArn;
  return cellOf(`blob ${blob}`, Buffer.concat(chunks), key, info.size);
}

async function queues({ store }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const found = await some<Queue>(store, scope, "sqs", queueTypes.queue, { limit: mostRead });
  const open = found.filter(({ value }) => value.encryption.kind === "none");
  const closed = found.filter(({ value }) => value.encryption.kind !== "none");
  const rows = [...open, ...closed].slice(0, mostShown).map(async (queue): Promise<MatrixRow> => {
    const { account, region } = queue.key;
    const { items } = await store.list<Message>({
      account,
      region,
      service: "sqs",
      type: queueTypes.message,
      prefix: `${queue.value.epoch}/`,
      limit: 1,
    });
    return { kind: "queue", resource: queue.value.arn, atRest: await queueCell(store, queue.value, items[0]) };
  });
  return rows.length > 0 ? await Promise.all(rows) : [{ kind: "queue", atRest: nothing }];
}

async function queueCell(store: Store, queue: Queue, message: Document<Message> | undefined): Promise<Cell> {
  const content = message && (message.value.content ?? (await longContent(store, message)));
  const { encryption } = queue;
  if (!message || content === undefined) {
    return encryption.kind === "none" ? { state: "plain", why: "noKeyChosen" } : nothing;
  }
  const { seal } = message.value;
  const medium = mediumOf(message);
  if (seal.kind === "none") {
    return { state: "plain", why: "noKeyChosen", proof: plaintextProof(medium, Buffer.from(content)) };
  }
  return cellOf(medium, fromBase64(content), seal.kind === "SSE-KMS" ? seal.keyArn : ownKeys.keyHolder);
}

async function longContent(store: Store, { key, value }: Document<Message>): Promise<string | undefined> {
  const body = await store.get<{ content: string }>({ ...key, type: queueTypes.body, id: value.messageId });
  return body?.value.content;
}

async function logEvents({ store }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const groups = await some<Group>(store, scope, "logs", logTypes.group);
  const rows = groups.map(async ({ key, value: group }): Promise<MatrixRow> => {
    const { account, region } = key;
    const at = { account, region, service: "logs", type: logTypes.batch };
    const [batch] = (await store.list<Batch>({ ...at, prefix: `${group.gid}/`, limit: 1 })).items;
    const atRest = batch
      ? cellOf(
          mediumOf(batch),
          fromBase64(batch.value.data),
          group.dataKeys[batch.value.key]?.kmsKeyId ?? ownKeys.keyHolder,
        )
      : nothing;
    return { kind: "logGroup", resource: group.arn, atRest };
  });
  return rows.length > 0 ? await Promise.all(rows) : [{ kind: "logGroup", atRest: nothing }];
}

async function volumes({ store, config }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const found = await some<Volume>(store, scope, "ec2", "volume", { limit: mostRead });
  const open = found.filter(({ value }) => !value.encryption);
  const closed = found.filter(({ value }) => value.encryption);
  const rows = [...open, ...closed].slice(0, mostShown).map(async ({ key, value }): Promise<MatrixRow> => {
    const path = join(config.dataDir, "volumes", `${key.id}.image`);
    const written = await firstWritten(path);
    const resource = `arn:aws:ec2:${key.region}:${key.account}:volume/${key.id}`;
    return { kind: "volume", resource, atRest: volumeCell(path, written, value) };
  });
  const snapshots = await some<Snapshot>(store, scope, "ec2", "snapshot", { limit: mostRead });
  const openSnapshots = snapshots
    .filter(({ value }) => !value.encryption && value.state === "completed")
    .slice(0, mostShown)
    .map(({ key }): MatrixRow => ({
      kind: "snapshot",
      resource: `arn:aws:ec2:${key.region}::snapshot/${key.id}`,
      atRest: { state: "plain", why: "noKeyChosen" },
    }));
  const shown = rows.length > 0 ? await Promise.all(rows) : [{ kind: "volume" as const, atRest: nothing }];
  return [...shown, ...openSnapshots];
}

function volumeCell(path: string, written: Uint8Array | undefined, { encryption }: Volume): Cell {
  if (!encryption) {
    const proof = written ? { proof: plaintextProof(path, written) } : {};
    return { state: "plain", why: "noKeyChosen", ...proof };
  }
  return written ? cellOf(path, written, encryption.kmsKeyArn) : nothing;
}

/** Of an image, the first kilobytes that are not all zero, among the first 16 MiB. */
async function firstWritten(path: string): Promise<Uint8Array | undefined> {
  const step = 4_096;
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  try {
    const block = Buffer.alloc(256 * step);
    for (let turn = 0; turn < 16; turn++) {
      const { bytesRead } = await file.read(block, 0, block.length, turn * block.length);
      for (let at = 0; at < bytesRead; at += step) {
        const part = block.subarray(at, Math.min(at + step, bytesRead));
        if (part.some((byte) => byte !== 0)) return Buffer.from(part);
      }
      if (bytesRead < block.length) return undefined;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

async function keyMaterial({ store }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const found = await some<KeyDocument>(store, scope, "kms", kmsTypes.key);
  const rows = found.flatMap((document): MatrixRow[] => {
    const wrapped = document.value.versions.at(-1)?.wrapped;
    if (wrapped === undefined) return [];
    const atRest = cellOf(mediumOf(document), fromBase64(wrapped), ownKeys.keyHolder);
    return [{ kind: "keyMaterial", resource: document.value.arn, atRest }];
  });
  return rows.length > 0 ? rows.slice(0, 5) : [{ kind: "keyMaterial", atRest: nothing }];
}

async function secretKeys({ store }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const found = await some<{ secret?: string }>(store, scope, "iam", "accessKey", { limit: 5 });
  return oneOf("secretAccessKey", found, ({ secret }) => secret, ownKeys.keyHolder);
}

/** Sessions of every account lie together; only their operator is told of them. */
async function sessions({ store }: MatrixSources, { provider }: MatrixScope): Promise<MatrixRow[]> {
  if (!provider) return [];
  const found = await some<{ secret?: string }>(store, {}, "sts", "session", { limit: 1 });
  return oneOf("session", found, ({ secret }) => secret, ownKeys.keyHolder);
}

async function certificates({ store }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const found = await some<CertificateDocument>(store, scope, edgeService, edgeDocument.certificate, { limit: 1 });
  return oneOf("certificateKey", found, ({ privateKey }) => privateKey.value, ownKeys.keyHolder);
}

function oneOf<T>(
  kind: MatrixKind,
  found: readonly Document<T>[],
  sealed: (value: T) => string | undefined,
  key: string,
): MatrixRow[] {
  for (const document of found) {
    const text = sealed(document.value);
    if (text === undefined) continue;
    return [{ kind, resource: document.key.id, atRest: cellOf(mediumOf(document), fromBase64(text), key) }];
  }
  return [{ kind, atRest: nothing }];
}

/** Names of what `sealedKinds` seals. */
const contents: Readonly<Record<string, MatrixKind>> = {
  "cloudtrail/historyTail": "eventHistory",
  "cloudtrail/historyData": "eventHistory",
  "cloudtrail/pending": "trailPending",
  "elbv2/pending-log": "accessLog",
  "events/archived": "archivedEvent",
  "events/delivery": "eventDelivery",
  "guardduty/finding": "guardDutyFinding",
  "securityhub/finding": "securityHubFinding",
  "sns/message": "topicMessage",
};

async function sealedContent({ store }: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const rows = new Map<MatrixKind, MatrixRow>();
  for (const [service, types] of Object.entries(sealedKinds.documents)) {
    for (const type of types) {
      const kind = contents[`${service}/${type}`];
      if (kind === undefined || rows.get(kind)?.atRest?.proof) continue;
      const [document] = await some<SealedValue>(store, scope, service, type, { limit: 1 });
      rows.set(kind, document ? contentRow(kind, document) : { kind, atRest: nothing });
    }
  }
  return [...rows.values()];
}

function contentRow(kind: MatrixKind, document: Document<unknown>): MatrixRow {
  const { key, value } = document;
  const resource = `${key.service} ${key.account} ${key.region}`;
  const medium = mediumOf(document);
  if (!isSealed(value)) {
    const proof = plaintextProof(medium, Buffer.from(JSON.stringify(value)));
    return { kind, resource, atRest: { state: "plain", why: "readable", proof } };
  }
  return { kind, resource, atRest: cellOf(medium, sealedBytes(value), ownKeys.documents) };
}

/** Ciphertext after the key's id and the nonce. */
export function sealedBytes(value: SealedValue): Buffer {
  return fromBase64(value.sealed.slice(keyIdOf(value).length + 1)).subarray(12);
}
