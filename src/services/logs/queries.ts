/** Insights queries as documents: who asked what, how far it is, and its sealed results. */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Random } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { QueryResult } from "#engines/logQuery/run.ts";

export type QueryStatus = "Scheduled" | "Running" | "Complete" | "Failed" | "Cancelled" | "Timeout";

/** `query`, by id. Index `open`: Scheduled and Running ones by creation; `created`: all of an account by creation. */
export interface QueryDocument {
  id: string;
  groups: string[];
  text: string;
  limit: number;
  /** Epoch seconds, both inclusive. */
  startTime: number;
  endTime: number;
  status: QueryStatus;
  createdAt: number;
  createdBy: string;
  /** Milliseconds from creation to the end. */
  duration?: number;
  statistics: { recordsMatched: number; recordsScanned: number; bytesScanned: number };
}

/** `queryResult`, by query id. */
export interface StoredResult {
  /** Base64: data key as the key holder wrapped it, and rows sealed under it. */
  key: string;
  data: string;
}

/** "Query results are available for 7 days." */
export const resultsKeptMs = 7 * 86_400_000;

export function queryIndexes(query: QueryDocument): Record<string, string> {
  const at = `${String(query.createdAt).padStart(15, "0")}/${query.id}`;
  const open = query.status === "Scheduled" || query.status === "Running";
  return { created: at, ...(open ? { open: at } : {}) };
}

const purpose = "logs-query-result";

export async function sealRows(
  keys: KeyHolder,
  random: Random,
  id: string,
  rows: QueryResult["rows"],
): Promise<StoredResult> {
  const bytes = random.bytes(32);
  const iv = random.bytes(12);
  const cipher = createCipheriv("aes-256-gcm", createSecretKey(bytes), iv).setAAD(Buffer.from(id));
  const packed = zstdCompressSync(Buffer.from(JSON.stringify(rows)));
  const data = Buffer.concat([iv, cipher.update(packed), cipher.final(), cipher.getAuthTag()]);
  const key = Buffer.from(await keys.protect(purpose, id, bytes));
  return { key: key.toString("base64"), data: data.toString("base64") };
}

export async function openRows(keys: KeyHolder, id: string, stored: StoredResult): Promise<QueryResult["rows"]> {
  const key = createSecretKey(await keys.reveal(purpose, id, Buffer.from(stored.key, "base64")));
  const sealed = Buffer.from(stored.data, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12)).setAAD(Buffer.from(id));
  decipher.setAuthTag(sealed.subarray(-16));
  const packed = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  return JSON.parse(zstdDecompressSync(packed).toString("utf8")) as QueryResult["rows"];
}
