/** Tags of clusters and backups. Source: CloudHSM API Reference, TagResource, UntagResource, ListTags. */
import type { CallContext } from "#gateway/context.ts";
import { requireBackup, saveBackup } from "../backups.ts";
import { requireCluster, saveCluster } from "../clusters.ts";
import { paged } from "../paging.ts";
import type { HsmHandlers } from "../sdk.ts";
import { shownTags, withTags } from "../tags.ts";

type Tags = Record<string, string>;

const mostShown = 100;

async function change(ctx: CallContext, id: string | undefined, apply: (tags: Tags) => Tags): Promise<object> {
  if (id?.startsWith("backup-")) {
    const backup = await requireBackup(ctx, id);
    saveBackup(ctx, { ...backup, tags: apply(backup.tags) });
  } else {
    const cluster = await requireCluster(ctx, id);
    saveCluster(ctx, { ...cluster, tags: apply(cluster.tags) });
  }
  return {};
}

export const tagHandlers: HsmHandlers = {
  TagResource: (input, ctx) => change(ctx, input.ResourceId, (tags) => withTags(tags, input.TagList)),

  UntagResource: (input, ctx) =>
    change(ctx, input.ResourceId, (tags) => {
      const gone = new Set(input.TagKeyList);
      return Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key)));
    }),

  async ListTags(input, ctx) {
    const { ResourceId: id } = input;
    const { tags } = await (id?.startsWith("backup-") ? requireBackup(ctx, id) : requireCluster(ctx, id));
    const { page, next } = paged(shownTags(tags), input, mostShown, { position: ({ Key }) => Key });
    return { TagList: page, ...next };
  },
};
