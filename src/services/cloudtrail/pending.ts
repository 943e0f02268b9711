/**
 * Records that trails have selected and not yet delivered, as many in a document as came in together: written once and
 * removed once, whatever their number.
 *
 * INVARIANT: a document is never changed. A file that has been written down names its documents, and must have the same
 * bytes when it is written again.
 */
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type DocumentKey, type Operation } from "#store/contract.ts";
import { trailScope, type Pending, type Trail } from "./state.ts";

/** Records of one document, at most, and their size in characters of JSON unless one is larger. */
const mostRecords = 250;
const mostSize = 1024 * 1024;
/** Characters of JSON of one commit. */
const commitSize = 8 * 1024 * 1024;
/** Log groups take events of the last 14 days; what could not be written until then never can. */
const logsKeptMs = 14 * 86_400_000;

/** For log files, and for the log group. */
export type PendingType = "pending" | "pendingLog";

interface Part {
  key: Omit<DocumentKey, "id">;
  series: string;
  records: AuditRecord[];
  size: number;
}

/** What one batch of events sets aside. */
export class SettingAside {
  readonly #parts: Part[] = [];
  /** The part that a series is being added to. */
  readonly #open = new Map<string, Part>();

  add(type: PendingType, trail: Trail, record: AuditRecord, size: number): void {
    const series = `${trail.name}/${record.recipientAccountId}/${record.awsRegion}`;
    const name = `${type}/${trail.account}/${trail.homeRegion}/${series}`;
    let part = this.#open.get(name);
    if (!part || part.records.length >= mostRecords || part.size + size > mostSize) {
      part = { key: { ...trailScope(trail), type }, series, records: [], size: 0 };
      this.#open.set(name, part);
      this.#parts.push(part);
    }
    part.records.push(record);
    part.size += size;
  }

  /** Writes everything down, with `more`. What is there already, since the batch is handled again, is not written twice. */
  async commit(ctx: JobContext, more: readonly Operation[]): Promise<void> {
    let batch: Part[] = [];
    let size = 0;
    for (const part of this.#parts) {
      batch.push(part);
      size += part.size;
      if (size < commitSize) continue;
      await write(ctx, batch);
      batch = [];
      size = 0;
    }
    await write(ctx, batch);
    for (let start = 0; start < more.length; start += mostRecords) {
      await ctx.store.commit(more.slice(start, start + mostRecords));
    }
  }
}

async function write(ctx: JobContext, parts: readonly Part[]): Promise<void> {
  try {
    await ctx.store.commit(parts.map((part) => operation(ctx, part, part.records)));
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    for (const part of parts) await writeAgain(ctx, part);
  }
}

/** Named by the first record. */
function operation(ctx: JobContext, { key, series }: Part, records: AuditRecord[]): Operation {
  const at = ctx.clock.now();
  const value: Pending = { records, at };
  const id = `${series}/${records[0]!.eventTime}/${records[0]!.eventID}`;
  const expiry = key.type === "pendingLog" ? { expiresAt: at + logsKeptMs } : {};
  return { op: "put", key: { ...key, id }, value, ifVersion: 0, ...expiry };
}

/** A batch that is handled again may have grown: what is not in the documents it left gets another one. */
async function writeAgain(ctx: JobContext, part: Part): Promise<void> {
  let { records } = part;
  while (records.length > 0) {
    const put = operation(ctx, part, records) as Operation & { op: "put" };
    const there = await ctx.store.get<Pending>(put.key);
    if (!there) {
      await ctx.store.commit([put]);
      return;
    }
    const known = new Set(there.value.records.map(({ eventID }) => eventID));
    records = records.filter(({ eventID }) => !known.has(eventID));
  }
}
