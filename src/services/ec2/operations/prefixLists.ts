/** Customer-managed prefix lists. Source: EC2 API Reference; Amazon VPC User Guide, "Consolidate network CIDR blocks with managed prefix lists". */
import type { CallContext } from "#gateway/context.ts";
import { cidrText, parseCidr } from "../cidr.ts";
import { dependency, failure, invalidValue, missing, valueFor } from "../errors.ts";
import { lookup } from "../lookup.ts";
import { paged } from "../paging.ts";
import { groupsNaming, publishGroups } from "../published.ts";
import { arnOf, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { PrefixList, PrefixListEntry } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";

const mostEntries = 1_000;

function show(ctx: CallContext, list: PrefixList) {
  return {
    PrefixListId: list.id,
    PrefixListArn: arnOf(ctx, "prefixList", list.id),
    PrefixListName: list.name,
    AddressFamily: list.family === 4 ? "IPv4" : "IPv6",
    MaxEntries: list.maxEntries,
    Version: list.version,
    State: list.state,
    OwnerId: ctx.account,
    Tags: shownTags(list.tags),
  };
}

function checkName(name: string | undefined): string {
  if (name === undefined || name === "") throw missing("PrefixListName");
  if (name.length > 255) throw valueFor(name, "PrefixListName", "The name cannot exceed 255 characters.");
  if (name.startsWith("com.amazonaws")) {
    throw valueFor(name, "PrefixListName", "The name cannot start with com.amazonaws.");
  }
  return name;
}

function checkSize(size: number | undefined): number {
  if (size === undefined) throw missing("MaxEntries");
  if (size < 1 || size > mostEntries) throw valueFor(size, "MaxEntries", `It must be between 1 and ${mostEntries}.`);
  return size;
}

type Given = { Cidr?: string | undefined; Description?: string | undefined };

function entriesOf(given: readonly Given[], family: 4 | 6): PrefixListEntry[] {
  const entries = given.map(({ Cidr = "", Description }) => {
    const block = parseCidr(Cidr);
    if (block?.family !== family) throw invalidValue(`The CIDR ${Cidr} is invalid for a prefix list of IPv${family}.`);
    if ((Description?.length ?? 0) > 255)
      throw valueFor(Description, "Description", "It cannot exceed 255 characters.");
    return { cidr: cidrText(block), ...(Description === undefined ? {} : { description: Description }) };
  });
  if (new Set(entries.map(({ cidr }) => cidr)).size < entries.length) {
    throw invalidValue("The request contains duplicate CIDRs.");
  }
  return entries;
}

function requireFits(entries: readonly PrefixListEntry[], most: number): void {
  if (entries.length > most) {
    throw failure(
      "PrefixListMaxEntriesExceeded",
      `You've reached the maximum number of entries for the prefix list: ${most}.`,
    );
  }
}

export const prefixListHandlers: Ec2Handlers = {
  async CreateManagedPrefixList(input, ctx) {
    const family = input.AddressFamily === "IPv4" ? 4 : input.AddressFamily === "IPv6" ? 6 : undefined;
    if (family === undefined) throw valueFor(input.AddressFamily, "AddressFamily", "Valid values are IPv4 and IPv6.");
    const maxEntries = checkSize(input.MaxEntries);
    const entries = entriesOf(input.Entries ?? [], family);
    requireFits(entries, maxEntries);
    const list: PrefixList = {
      id: newId(ctx, "pl-"),
      name: checkName(input.PrefixListName),
      family,
      maxEntries,
      version: 1,
      entries,
      state: "create-complete",
      tags: tagsOf(input.TagSpecifications, "prefix-list"),
    };
    save(ctx, "prefixList", list);
    return { PrefixList: { ...show(ctx, list), State: "create-in-progress" } };
  },

  async DescribeManagedPrefixLists(input, ctx) {
    const { items, NextToken } = await lookup(
      ctx,
      "prefixList",
      input.PrefixListIds,
      input,
      {
        "owner-id": () => ctx.account,
        "prefix-list-id": ({ id }) => id,
        "prefix-list-name": ({ name }) => name,
      },
      { least: 1, most: 100, idsName: "prefixListIds" },
    );
    return { PrefixLists: items.map((list) => show(ctx, list)), ...(NextToken === undefined ? {} : { NextToken }) };
  },

  async GetManagedPrefixListEntries(input, ctx) {
    const list = await need(ctx, "prefixList", input.PrefixListId ?? "");
    if (input.TargetVersion !== undefined && input.TargetVersion !== list.version) {
      throw failure("InvalidPrefixListVersion", `Only the current version (${list.version}) of a prefix list is kept.`);
    }
    const rows = list.entries.map((entry) => ({ id: entry.cidr, entry }));
    const { items, NextToken } = paged(rows, input, { least: 1, most: 100 });
    return {
      Entries: items.map(({ entry: { cidr, description } }) => ({
        Cidr: cidr,
        ...(description === undefined ? {} : { Description: description }),
      })),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  /** A group whose rule names the list lets its new networks through. The size cannot be changed together with entries. */
  async ModifyManagedPrefixList(input, ctx) {
    const list = await need(ctx, "prefixList", input.PrefixListId ?? "");
    const { AddEntries: added = [], RemoveEntries: removed = [], CurrentVersion: version, MaxEntries: size } = input;
    const changesEntries = added.length + removed.length > 0;
    if (changesEntries && version === undefined) throw missing("CurrentVersion");
    if (version !== undefined && version !== list.version) {
      throw failure("PrefixListVersionMismatch", `The prefix list has the incorrect version number`);
    }
    if (changesEntries && size !== undefined) {
      throw invalidValue("You cannot modify the entries and the maximum number of entries in the same request.");
    }
    const gone = new Set(entriesOf(removed, list.family).map(({ cidr }) => cidr));
    for (const cidr of gone) {
      if (!list.entries.some((entry) => entry.cidr === cidr))
        throw invalidValue(`The CIDR ${cidr} is not in the prefix list.`);
    }
    const fresh = entriesOf(added, list.family);
    const replaced = new Set(fresh.map(({ cidr }) => cidr));
    const entries = [...list.entries.filter(({ cidr }) => !gone.has(cidr) && !replaced.has(cidr)), ...fresh];
    const maxEntries = size === undefined ? list.maxEntries : checkSize(size);
    requireFits(entries, maxEntries);
    const changed: PrefixList = {
      ...list,
      name: input.PrefixListName === undefined ? list.name : checkName(input.PrefixListName),
      maxEntries,
      entries,
      version: list.version + (changesEntries ? 1 : 0),
      state: "modify-complete",
    };
    save(ctx, "prefixList", changed);
    if (changesEntries) publishGroups(ctx, await groupsNaming(ctx, "prefixList", [list.id]));
    return { PrefixList: { ...show(ctx, changed), State: "modify-in-progress" } };
  },

  async DeleteManagedPrefixList(input, ctx) {
    const list = await need(ctx, "prefixList", input.PrefixListId ?? "");
    if ((await groupsNaming(ctx, "prefixList", [list.id])).length > 0) {
      throw dependency(`The prefix list '${list.id}' is referenced by a resource and cannot be deleted.`);
    }
    remove(ctx, "prefixList", list.id);
    return { PrefixList: { ...show(ctx, list), State: "delete-in-progress" } };
  },
};
