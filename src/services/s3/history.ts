/**
 * The versions of one key: placing a new one, removing one, and which is current.
 *
 * INVARIANT: `object` holds the current version unless that is a delete marker or nothing is left; `version`
 * holds everything else. A change that depends on what is newest takes that document's version along, so a
 * racing change makes the batch fail and the call decide again.
 * Source: Amazon S3 User Guide, "How S3 Versioning works", "Working with objects in a versioning-suspended bucket".
 */
import { invalidArgument } from "./errors.ts";
import { entriesOfKey, newVersionId, objectId, sequenceOfVersionId, versionEntryId } from "./ids.ts";
import {
  blobIndex,
  discard,
  within,
  type Bucket,
  type DeleteMarker,
  type ObjectVersion,
  type Version,
  type Work,
} from "./state.ts";

/** A version that has been replaced, with the time at which it was. */
export type Entry = Version & { noncurrentSince?: number };

export interface Removal {
  /** The marker that was made, or the version that was removed. */
  deleteMarker: boolean;
  versionId?: string;
  removed?: Version;
}

export class History {
  readonly #ctx: Work;
  readonly #bucket: Bucket;
  readonly #key: string;
  /** What this call has staged among `version`; `undefined` is removed. `list` does not see it. */
  readonly #staged = new Map<string, Entry | undefined>();

  constructor(ctx: Work, bucket: Bucket, key: string) {
    this.#ctx = ctx;
    this.#bucket = bucket;
    this.#key = key;
  }

  get #at() {
    return within(this.#bucket);
  }

  get #objectId() {
    return objectId(this.#bucket.uid, this.#key);
  }

  async current(): Promise<ObjectVersion | undefined> {
    return (await this.#ctx.state.get<ObjectVersion>("object", this.#objectId, this.#at))?.value;
  }

  /** Looks without taking part in the batch's preconditions; for early refusals. */
  async peek(): Promise<ObjectVersion | undefined> {
    const page = await this.#ctx.state.list<ObjectVersion>("object", { prefix: this.#objectId, limit: 1 }, this.#at);
    const first = page.items[0];
    return first?.key.id === this.#objectId ? first.value : undefined;
  }

  /** @throws InvalidArgument when it cannot be a version id */
  async find(versionId: string): Promise<Version | undefined> {
    const current = await this.current();
    if (current?.versionId === versionId) return current;
    const id = await this.#entryIdOf(versionId);
    if (id === undefined) return undefined;
    return (await this.#ctx.state.get<Entry>("version", id, this.#at))?.value;
  }

  async #entryIdOf(versionId: string): Promise<string | undefined> {
    if (versionId === "null") {
      const pointer = await this.#ctx.state.get<{ sequence: number }>("nullVersion", this.#objectId, this.#at);
      return pointer && versionEntryId(this.#bucket.uid, this.#key, pointer.value.sequence, "null");
    }
    const sequence = sequenceOfVersionId(versionId);
    if (sequence === undefined) throw invalidArgument("Invalid version id specified", "versionId", versionId);
    return versionEntryId(this.#bucket.uid, this.#key, sequence, versionId);
  }

  /** The newest of what is not in `object`, seen with its document version. */
  async newestEntry(): Promise<Entry | undefined> {
    const prefix = entriesOfKey(this.#bucket.uid, this.#key);
    let best: string | undefined;
    for (const [id, entry] of this.#staged) if (entry && (best === undefined || id < best)) best = id;
    let after: string | undefined;
    for (;;) {
      const page = await this.#ctx.state.list<Entry>(
        "version",
        { prefix, limit: 8, ...(after === undefined ? {} : { after }) },
        this.#at,
      );
      const found = page.items.find((item) => !this.#staged.has(item.key.id));
      if (found) {
        if (best === undefined || found.key.id < best) best = found.key.id;
        break;
      }
      if (page.next === undefined) break;
      after = page.next;
    }
    if (best === undefined) return undefined;
    return (await this.#ctx.state.get<Entry>("version", best, this.#at))?.value;
  }

  /** Makes a new current version. What it replaces is kept or discarded, as the bucket's versioning says. */
  async place(draft: Omit<ObjectVersion, "versionId" | "sequence">): Promise<ObjectVersion> {
    const { versioning } = this.#bucket;
    const current = await this.current();
    if (versioning === undefined) {
      if (current) discard(this.#ctx, current.bodies);
      return this.#putCurrent({ ...draft, versionId: "null", sequence: (current?.sequence ?? 0) + 1 });
    }
    const sequence = ((current ?? (await this.newestEntry()))?.sequence ?? 0) + 1;
    if (versioning === "Enabled") {
      if (current) this.#demote(current);
      return this.#putCurrent({ ...draft, versionId: newVersionId(sequence, this.#ctx.random.bytes(18)), sequence });
    }
    await this.#dropNullVersion(current);
    return this.#putCurrent({ ...draft, versionId: "null", sequence });
  }

  /** Changes what is said about a version; its body stays. */
  async update(version: ObjectVersion): Promise<void> {
    const current = await this.current();
    if (current?.versionId === version.versionId) {
      this.#putCurrent(version);
      return;
    }
    const id = versionEntryId(this.#bucket.uid, this.#key, version.sequence, version.versionId);
    const entry = await this.#ctx.state.get<Entry>("version", id, this.#at);
    const since = entry?.value.noncurrentSince;
    this.#putEntry({ ...version, ...(since === undefined ? {} : { noncurrentSince: since }) });
  }

  /** Removes the current version the way DELETE without a version id does. */
  async removeCurrent(owner: string): Promise<Removal> {
    const { versioning } = this.#bucket;
    const current = await this.current();
    if (versioning === undefined) {
      if (current) {
        this.#ctx.state.delete("object", this.#objectId, { at: this.#at });
        discard(this.#ctx, current.bodies);
      }
      return { deleteMarker: false, ...(current ? { removed: current } : {}) };
    }
    const sequence = ((current ?? (await this.newestEntry()))?.sequence ?? 0) + 1;
    if (current) this.#ctx.state.delete("object", this.#objectId, { at: this.#at });
    else this.#ctx.state.check("object", this.#objectId, this.#at);
    const versionId = versioning === "Enabled" ? newVersionId(sequence, this.#ctx.random.bytes(18)) : "null";
    if (versioning === "Suspended") await this.#dropNullVersion(current);
    else if (current) this.#demote(current);
    const marker: DeleteMarker = { kind: "deleteMarker", versionId, sequence, modified: this.#ctx.now, owner };
    this.#putEntry(marker);
    return { deleteMarker: true, versionId };
  }

  /** Removes one version for good. The next older one becomes current when the newest is gone. */
  async removeVersion(versionId: string): Promise<Removal> {
    const current = await this.current();
    if (current?.versionId === versionId) {
      discard(this.#ctx, current.bodies);
      await this.#promote(true);
      return { deleteMarker: false, versionId, removed: current };
    }
    const entry = await this.find(versionId);
    if (!entry) return { deleteMarker: false, versionId };
    const newest = current ? undefined : await this.newestEntry();
    this.#removeEntry(entry);
    if (entry.kind === "object") discard(this.#ctx, entry.bodies);
    if (!current) {
      this.#ctx.state.check("object", this.#objectId, this.#at);
      if (newest?.sequence === entry.sequence && newest.versionId === entry.versionId) await this.#promote(false);
    }
    return { deleteMarker: entry.kind === "deleteMarker", versionId, removed: entry };
  }

  /** Nothing is current any more: the newest entry becomes so, unless it is a delete marker. */
  async #promote(hadCurrent: boolean): Promise<void> {
    const next = await this.newestEntry();
    if (next?.kind === "object") {
      this.#removeEntry(next);
      const { noncurrentSince: _, ...version } = next;
      this.#putCurrent(version);
      return;
    }
    if (hadCurrent) this.#ctx.state.delete("object", this.#objectId, { at: this.#at });
    if (next) this.#ctx.state.check("version", this.#entryId(next), this.#at);
  }

  async #dropNullVersion(current: ObjectVersion | undefined): Promise<void> {
    if (current?.versionId === "null") {
      discard(this.#ctx, current.bodies);
      return;
    }
    if (current) this.#demote(current);
    const id = await this.#entryIdOf("null");
    const entry = id === undefined ? undefined : (await this.#ctx.state.get<Entry>("version", id, this.#at))?.value;
    if (!entry) return;
    this.#removeEntry(entry);
    if (entry.kind === "object") discard(this.#ctx, entry.bodies);
  }

  #entryId(version: Version): string {
    return versionEntryId(this.#bucket.uid, this.#key, version.sequence, version.versionId);
  }

  #demote(version: ObjectVersion): void {
    this.#putEntry({ ...version, noncurrentSince: this.#ctx.now });
  }

  #putCurrent(version: ObjectVersion): ObjectVersion {
    this.#ctx.state.put("object", this.#objectId, version, { indexes: blobIndex(version.bodies), at: this.#at });
    return version;
  }

  #putEntry(entry: Entry): void {
    const id = this.#entryId(entry);
    this.#staged.set(id, entry);
    const indexes = entry.kind === "object" ? { indexes: blobIndex(entry.bodies) } : {};
    this.#ctx.state.put("version", id, entry, { ...indexes, at: this.#at });
    if (entry.versionId === "null") {
      this.#ctx.state.put("nullVersion", this.#objectId, { sequence: entry.sequence }, { at: this.#at });
    }
  }

  #removeEntry(entry: Version): void {
    const id = this.#entryId(entry);
    this.#staged.set(id, undefined);
    this.#ctx.state.delete("version", id, { at: this.#at });
    if (entry.versionId === "null") this.#ctx.state.delete("nullVersion", this.#objectId, { at: this.#at });
  }
}
