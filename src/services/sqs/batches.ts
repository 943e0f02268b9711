/** Batches: rules of their entries, and results one by one. Source: SQS API Reference, SendMessageBatch, "Errors". */
import { AwsError } from "#kernel/errors.ts";
import { badEntryId, duplicateId, emptyBatch, tooManyEntries } from "./errors.ts";

interface Entry {
  Id: string | undefined;
}

export interface Failure {
  Id: string;
  SenderFault: boolean;
  Code: string;
  Message: string;
}

/** @throws EmptyBatchRequest, TooManyEntriesInBatchRequest, InvalidBatchEntryId, BatchEntryIdsNotDistinct */
export function checkEntries<T extends Entry>(entries: readonly T[] | undefined): readonly (T & { Id: string })[] {
  if (!entries || entries.length === 0) throw emptyBatch();
  if (entries.length > 10) throw tooManyEntries(entries.length);
  const seen = new Set<string>();
  for (const { Id: id = "" } of entries) {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(id)) throw badEntryId();
    if (seen.has(id)) throw duplicateId(id);
    seen.add(id);
  }
  return entries as readonly (T & { Id: string })[];
}

/** Runs the entries one by one; what is the sender's fault fails its entry, everything else the call. */
export async function eachEntry<T extends { Id: string }, R>(
  entries: readonly T[],
  work: (entry: T) => Promise<R>,
): Promise<{ Successful: (R & { Id: string })[]; Failed?: Failure[] }> {
  const Successful: (R & { Id: string })[] = [];
  const Failed: Failure[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...(await work(entry)) });
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  return Failed.length > 0 ? { Successful, Failed } : { Successful };
}
