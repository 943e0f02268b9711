/** What an archive holds, and how long. Source: EventBridge User Guide, "Archiving and replaying events". */
import { timeText } from "#kernel/clock.ts";
import type { State } from "#gateway/context.ts";
import type { Page } from "#store/contract.ts";
import { scopeOf, types, type Archive, type ArchiveHour, type Place } from "./state.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** Events archived before this are gone for readers, whether or not the job has been there. Epoch milliseconds. */
export function cutoffOf({ retentionDays }: Pick<Archive, "retentionDays">, now: number): number {
  return retentionDays === 0 ? 0 : now - retentionDays * dayMs;
}

/** To the hour, as far as retention goes. */
export async function contentsOf(
  state: State,
  place: Place,
  archive: Archive,
  now: number,
): Promise<{ events: number; bytes: number }> {
  const sum = { events: 0, bytes: 0 };
  const from = `${archive.uid}/${timeText(Math.floor(cutoffOf(archive, now) / hourMs) * hourMs)}`;
  let after: string | undefined;
  do {
    const query = { prefix: `${archive.uid}/`, limit: 1000, ...(after === undefined ? { from } : { after }) };
    const page: Page<ArchiveHour> = await state.list<ArchiveHour>(types.archiveHour, query, scopeOf(place));
    for (const { value } of page.items) {
      sum.events += value.events;
      sum.bytes += value.bytes;
    }
    after = page.next;
  } while (after !== undefined);
  return sum;
}
