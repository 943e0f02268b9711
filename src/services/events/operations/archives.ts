/** Archives. Source: EventBridge API Reference, CreateArchive, UpdateArchive, DeleteArchive, DescribeArchive, ListArchives. */
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { contentsOf } from "../archives.ts";
import { busAddress, requireBus } from "../bus.ts";
import { archiveExists, invalid, noArchive } from "../errors.ts";
import { nextOf, startOf } from "../paging.ts";
import type { EventsHandlers } from "../sdk.ts";
import { types, type Archive } from "../state.ts";
import { kmsKey } from "./buses.ts";
import { checkPattern } from "./rules.ts";

export const archiveHandlers: EventsHandlers = {
  async CreateArchive(input, ctx) {
    const name = input.ArchiveName ?? "";
    if (await ctx.state.get<Archive>(types.archive, name)) throw archiveExists(name);
    const address = busAddress(ctx, input.EventSourceArn, "EventSourceArn");
    const bus = await requireBus(ctx, address);
    if (address.account !== ctx.account) throw invalid("Cross-account archives are not allowed.");
    if (input.EventPattern !== undefined) checkPattern(input.EventPattern);
    const key = await kmsKey(ctx, bus.arn, input.KmsKeyIdentifier);
    const archive: Archive = {
      name,
      arn: `arn:${ctx.partition}:events:${ctx.region}:${ctx.account}:archive/${name}`,
      uid: ctx.random.uuid(),
      bus: bus.name,
      busArn: bus.arn,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      ...(input.EventPattern === undefined ? {} : { pattern: input.EventPattern }),
      retentionDays: input.RetentionDays ?? 0,
      ...(key === undefined ? {} : { kmsKeyId: key }),
      createdAt: ctx.now,
    };
    ctx.state.put<Archive>(types.archive, name, archive, { version: 0 });
    return created(archive);
  },

  async UpdateArchive(input, ctx) {
    const { value } = await requireArchive(ctx, input.ArchiveName);
    if (input.EventPattern !== undefined) checkPattern(input.EventPattern);
    const key = input.KmsKeyIdentifier === "" ? undefined : await kmsKey(ctx, value.busArn, input.KmsKeyIdentifier);
    const { kmsKeyId, ...rest } = value;
    const nextKey = input.KmsKeyIdentifier === undefined ? kmsKeyId : key;
    const archive: Archive = {
      ...rest,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      ...(input.EventPattern === undefined ? {} : { pattern: input.EventPattern }),
      retentionDays: input.RetentionDays ?? value.retentionDays,
      ...(nextKey === undefined ? {} : { kmsKeyId: nextKey }),
    };
    ctx.state.put<Archive>(types.archive, archive.name, archive);
    return created(archive);
  },

  async DeleteArchive(input, ctx) {
    const { key, value } = await requireArchive(ctx, input.ArchiveName);
    ctx.state.delete(types.archive, key.id);
    ctx.state.put(types.garbage, value.uid, {});
    return {};
  },

  async DescribeArchive(input, ctx) {
    const { value: archive } = await requireArchive(ctx, input.ArchiveName);
    return {
      ArchiveArn: archive.arn,
      ...(await summary(ctx, archive)),
      ...(archive.description === undefined ? {} : { Description: archive.description }),
      ...(archive.pattern === undefined ? {} : { EventPattern: archive.pattern }),
      ...(archive.kmsKeyId === undefined ? {} : { KmsKeyIdentifier: archive.kmsKeyId }),
    };
  },

  async ListArchives(input, ctx) {
    const { NamePrefix, EventSourceArn, State } = input;
    if ([NamePrefix, EventSourceArn, State].filter((each) => each !== undefined).length > 1) {
      throw invalid(
        "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
      );
    }
    if (EventSourceArn !== undefined) await requireBus(ctx, busAddress(ctx, EventSourceArn, "EventSourceArn"));
    // An archive that is there is enabled: nothing here takes time to be.
    if (State !== undefined && State !== "ENABLED") return { Archives: [] };
    const query = { prefix: NamePrefix ?? "", ...startOf(input.NextToken, input.Limit) };
    const page = await ctx.state.list<Archive>(types.archive, query);
    const found = page.items.filter(({ value }) => EventSourceArn === undefined || value.busArn === EventSourceArn);
    return { Archives: await Promise.all(found.map(({ value }) => summary(ctx, value))), ...nextOf(page.next) };
  },
};

async function requireArchive(ctx: CallContext, name = ""): Promise<Document<Archive>> {
  const archive = await ctx.state.get<Archive>(types.archive, name);
  if (!archive) throw noArchive(name);
  return archive;
}

function created(archive: Archive) {
  return { ArchiveArn: archive.arn, State: "ENABLED" as const, CreationTime: new Date(archive.createdAt) };
}

async function summary(ctx: CallContext, archive: Archive) {
  const { events, bytes } = await contentsOf(ctx.state, ctx, archive, ctx.now);
  return {
    ArchiveName: archive.name,
    EventSourceArn: archive.busArn,
    State: "ENABLED" as const,
    RetentionDays: archive.retentionDays,
    SizeBytes: bytes,
    EventCount: events,
    CreationTime: new Date(archive.createdAt),
  };
}
