/**
 * CopySnapshot: within a Region or from another, under the same key or another one, with encryption where there was
 * none. What KMS refuses is told by the copy's state, as on AWS. Sources: CopySnapshot (Encrypted, KmsKeyId); Snapshot,
 * StateMessage ("if the proper KMS permissions are not obtained").
 */
import type { CallContext } from "#gateway/context.ts";
import { dryRun, failure, invalidValue, missing, unsupported } from "../../errors.ts";
import { newId, save } from "../../resources.ts";
import type { Ec2Handlers, In } from "../../sdk.ts";
import { shownTags, tagsOf } from "../../tags.ts";
import { regions } from "../../zones.ts";
import { eventsStream, snapshotArn, snapshotEvent } from "../events.ts";
import { ebsAlias, granted, grantedBoth, isKeyRefusal, newDataKey, rewrapped } from "../keys.ts";
import { settingsOf } from "../settings.ts";
import { needVisible, type OwnedSnapshot } from "../snapshotAccess.ts";
import type { DataKey, Snapshot, Source } from "../state.ts";
import { requireDescription } from "./snapshots.ts";

/** Source: Snapshot, VolumeId: "Snapshots created by a copy … have an arbitrary volume ID". */
const arbitraryVolume = "vol-ffffffff";
const deniedText = "Given key ID is not accessible";

async function wantedKey(input: In<"CopySnapshot">, ctx: CallContext, { snapshot }: OwnedSnapshot) {
  const settings = await settingsOf(ctx);
  if (input.KmsKeyId !== undefined && !input.Encrypted) {
    throw failure("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.");
  }
  if (input.Encrypted === false && snapshot.encryption) {
    throw invalidValue("An encrypted snapshot cannot be copied to an unencrypted one.");
  }
  if (!input.Encrypted && !settings.encryptByDefault && !snapshot.encryption) return undefined;
  return input.KmsKeyId ?? settings.kmsKeyArn ?? ebsAlias;
}

interface Keys {
  encryption?: DataKey;
  source: Source;
}

/** EC2 may use both keys until the copy is made, where they differ. */
async function keysFor(ctx: CallContext, id: string, wanted: string | undefined, from: OwnedSnapshot): Promise<Keys> {
  const sourceKey = from.snapshot.encryption;
  const source: Source = { account: from.owner, region: from.region, snapshotId: from.snapshot.id, plain: !sourceKey };
  if (wanted === undefined) return { source };
  const { kms } = ctx.aws;
  const fresh = await newDataKey(kms, ctx.random, wanted, id);
  if (sourceKey?.kmsKeyArn === fresh.kmsKeyArn) return { encryption: await rewrapped(kms, sourceKey, id), source };
  if (!sourceKey) return { encryption: await granted(kms, fresh, id), source };
  const [encryption, key] = await grantedBoth(ctx, fresh, { key: sourceKey, region: from.region }, id);
  return { encryption, source: { ...source, key } };
}

export const snapshotCopyHandlers: Ec2Handlers = {
  async CopySnapshot(input, ctx) {
    if (input.DestinationOutpostArn !== undefined) throw unsupported("An Outpost");
    if (input.DestinationAvailabilityZone !== undefined) throw unsupported("A Local Zone");
    if (input.CompletionDurationMinutes !== undefined) throw unsupported("A time-based copy");
    const region = input.SourceRegion;
    if (region === undefined || region === "") throw missing("sourceRegion");
    if (!regions.some(({ name }) => name === region) && region !== ctx.region) {
      throw invalidValue(`Value (${region}) for parameter sourceRegion is invalid.`);
    }
    const from = await needVisible(ctx, input.SourceSnapshotId ?? "", region);
    if (from.snapshot.state !== "completed") {
      throw failure("IncorrectState", `Snapshot is in invalid state - ${from.snapshot.state}`);
    }
    const tags = tagsOf(input.TagSpecifications, "snapshot");
    const description = requireDescription(input.Description);
    const wanted = await wantedKey(input, ctx, from);
    if (input.DryRun) throw dryRun();
    const id = await ctx.once("snapshot id", async () => newId(ctx, "snap-"));
    const copy: Snapshot = {
      id,
      volumeId: arbitraryVolume,
      size: from.snapshot.size,
      description,
      state: "pending",
      progress: 0,
      startedAt: ctx.now,
      sharedWith: [],
      isPublic: false,
      tags,
    };
    try {
      const keys = await ctx.once("keys", () => keysFor(ctx, id, wanted, from));
      save(ctx, "snapshot", { ...copy, ...keys });
    } catch (error) {
      if (!isKeyRefusal(error)) throw error;
      save(ctx, "snapshot", { ...copy, state: "error", stateMessage: deniedText });
      const source = snapshotArn(region, from.snapshot.id);
      const news = { event: "copySnapshot", result: "failed", cause: deniedText, source, startedAt: ctx.now } as const;
      ctx.state.emit(eventsStream, ctx.account, snapshotEvent(ctx, id, news, ctx.now, ctx.random));
    }
    return { SnapshotId: id, Tags: shownTags(tags) };
  },
};
