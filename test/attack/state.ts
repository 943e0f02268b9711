/** Everything an installation has written down, so that "nothing was done" can be said of a refused call. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Instance } from "../instance.ts";

/** Types that the services themselves write while nobody changes anything: observations and schedules. */
const observations = new Set([
  "gateway/denial",
  "iam/lastUsed",
  "iam/usage",
  "cloudtrail/event",
  "cloudtrail/pending",
  "cloudtrail/batch",
  "cloudtrail/status",
  "cloudtrail/delivered",
  "cloudtrail/counter",
]);

/** `service/type/account/region/id` → document. */
export type Documents = ReadonlyMap<string, string>;

/** A copy is read: the store's owner holds its file locked. */
export function documents(instance: Instance, ignored: (name: string) => boolean = () => false): Documents {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-copy-"));
  try {
    for (const suffix of ["", "-wal"])
      cpSync(join(instance.dataDir, `store.sqlite${suffix}`), join(folder, `store.sqlite${suffix}`));
    const database = new DatabaseSync(join(folder, "store.sqlite"));
    const rows = database.prepare("select service, type, account, region, id, value from documents").all();
    database.close();
    const found = new Map<string, string>();
    for (const row of rows as Record<string, string>[]) {
      const name = [row["service"], row["type"], row["account"], row["region"], row["id"]].join("/");
      if (!observations.has(`${row["service"]}/${row["type"]}`) && !ignored(name)) found.set(name, row["value"]!);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Names of documents that appeared, went away or changed. */
export function changes(before: Documents, after: Documents): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).toSorted();
}
