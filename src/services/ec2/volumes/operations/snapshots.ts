/** Snapshots: taking, finding and deleting them. Source: EC2 API Reference; EBS User Guide, "Amazon EBS snapshots". */
import type { CallContext } from "#gateway/context.ts";
import { failure, unsupported, valueFor } from "../../errors.ts";
import { filtered } from "../../filters.ts";
import { paged } from "../../paging.ts";
import { all, need, newId, notFound, requireForm, save } from "../../resources.ts";
import type { Ec2Handlers, In } from "../../sdk.ts";
import { tagsOf } from "../../tags.ts";
import { describedSnapshot, shownSnapshot } from "../show.ts";
import { needVisible, type OwnedSnapshot, sharedWithCaller } from "../snapshotAccess.ts";
import { dropShares } from "../shares.ts";
import { type DataKey, ebsTypes, type Snapshot, type SnapshotRemains, type Volume } from "../state.ts";

const mostDescription = 255;

interface Row extends Snapshot {
  owner: string;
}

const fields = {
  "snapshot-id": ({ id }: Row) => id,
  description: ({ description }: Row) => description,
  encrypted: ({ encryption }: Row) => encryption !== undefined,
  "owner-alias": () => [],
  "owner-id": ({ owner }: Row) => owner,
  progress: ({ progress }: Row) => `${progress}%`,
  "start-time": ({ startedAt }: Row) => new Date(startedAt).toISOString(),
  status: ({ state }: Row) => state,
  "storage-tier": () => "standard",
  "transfer-type": ({ source }: Row) => (source ? "standard" : []),
  "volume-id": ({ volumeId }: Row) => volumeId,
  "volume-size": ({ size }: Row) => String(size),
};

export function requireDescription(description: string | undefined): string {
  if ((description?.length ?? 0) > mostDescription) {
    throw failure("InvalidParameterValue", `The description is longer than ${mostDescription} characters.`);
  }
  return description ?? "";
}

/** There are no Local Zones here. @throws UnsupportedOperation, InvalidParameterValue */
function requireRegional(location: string | undefined): void {
  if (location === undefined || location === "regional") return;
  if (location === "local") throw unsupported("A local snapshot");
  throw valueFor(location, "location", "Valid values are regional and local.");
}

/** @throws IncorrectState */
function requireSnapshottable(volume: Volume): void {
  if (volume.state === "available" || volume.state === "in-use") return;
  throw failure("IncorrectState", `Volume '${volume.id}' is in the '${volume.state}' state.`);
}

/** The data key of the volume goes on with its snapshots, the volume's grant does not. */
function inherited(volume: Volume): Pick<Snapshot, "encryption"> {
  if (!volume.encryption) return {};
  const { grantId: _own, ...encryption } = volume.encryption;
  return { encryption };
}

/** Those of one's own and those that one may use; by id, owner and who may restore. */
async function visible(input: In<"DescribeSnapshots">, ctx: CallContext): Promise<OwnedSnapshot[]> {
  const { SnapshotIds: ids = [], OwnerIds: owners = [], RestorableByUserIds: restorers = [] } = input;
  for (const id of ids) requireForm("snapshot", id);
  const named = await Promise.all(ids.map((id) => needVisible(ctx, id)));
  const own = async () =>
    (await all(ctx, "snapshot")).map((snapshot) => ({ owner: ctx.account, region: ctx.region, snapshot }));
  const found = ids.length > 0 ? named : [...(await own()), ...(await sharedWithCaller(ctx))];
  const owner = owners.map((each) => (each === "self" ? ctx.account : each));
  const restorer = restorers.map((each) => (each === "self" ? ctx.account : each));
  return found.filter(
    (each) =>
      (owner.length === 0 || owner.includes(each.owner)) &&
      (restorer.length === 0 || restorer.some((account) => mayRestore(account, each))),
  );
}

const mayRestore = (account: string, { owner, snapshot }: OwnedSnapshot): boolean =>
  account === "all"
    ? snapshot.isPublic
    : account === owner || snapshot.isPublic || snapshot.sharedWith.includes(account);

export const snapshotHandlers: Ec2Handlers = {
  async CreateSnapshot(input, ctx) {
    if (input.OutpostArn !== undefined) throw unsupported("An Outpost");
    requireRegional(input.Location);
    const volume = await need(ctx, "volume", input.VolumeId ?? "");
    requireSnapshottable(volume);
    const snapshot: Snapshot = {
      id: newId(ctx, "snap-"),
      volumeId: volume.id,
      size: volume.size,
      description: requireDescription(input.Description),
      state: "pending",
      progress: 0,
      startedAt: ctx.now,
      sharedWith: [],
      isPublic: false,
      tags: tagsOf(input.TagSpecifications, "snapshot"),
      ...inherited(volume),
      ...(volume.host === undefined ? {} : { host: volume.host }),
    };
    save(ctx, "snapshot", snapshot);
    // The volume stays until its moment has been taken.
    save(ctx, "volume", volume);
    return { ...shownSnapshot(ctx.account, snapshot), Progress: "" };
  },

  async DescribeSnapshots(input, ctx) {
    const rows = (await visible(input, ctx)).map(({ owner, snapshot }): Row => ({ ...snapshot, owner }));
    const { items, NextToken } = paged(filtered(rows, input.Filters, fields), input, {
      least: 5,
      most: 1000,
      ids: input.SnapshotIds,
      idsName: "snapshotIds",
    });
    return {
      Snapshots: items.map(({ owner, ...snapshot }) => ({
        ...describedSnapshot(owner, snapshot),
        // Tags are their owner's alone. Source: EC2 User Guide, "Tag your EC2 resources".
        ...(owner === ctx.account ? {} : { Tags: [] }),
      })),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  /** What is kept of it is removed by the volumes role; one that is under way ends. */
  async DeleteSnapshot(input, ctx) {
    const id = input.SnapshotId ?? "";
    requireForm("snapshot", id);
    const snapshot = (await ctx.state.get<Snapshot>("snapshot", id))?.value;
    if (!snapshot) throw notFound("snapshot", id);
    dropShares(ctx, snapshot);
    ctx.state.delete("snapshot", id);
    const grants = [snapshot.encryption, snapshot.source?.key].filter((key) => key?.grantId !== undefined) as DataKey[];
    const remains: SnapshotRemains = { grants, ...(snapshot.host === undefined ? {} : { host: snapshot.host }) };
    ctx.state.put(ebsTypes.remains, id, remains, { version: 0 });
    return {};
  },
};
