/** Organizational units, and moving about the tree. Source: AWS Organizations API Reference. */
import { base36Id } from "#kernel/ids.ts";
import { kindOf } from "../documents.ts";
import { constraint, fault, invalidInput } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { renderUnit } from "../render.ts";
import type { Operations } from "../sdk.ts";
import { callersOrganization, changeOrganization, type OrganizationState, type Unit } from "../state.ts";
import { addTags } from "../tags.ts";

async function requireParent(organization: OrganizationState, id: string | undefined): Promise<string> {
  const kind = kindOf(id ?? "");
  if (kind !== "root" && kind !== "unit") throw invalidInput("INVALID_PATTERN");
  if (!(await organization.exists(id!))) throw fault("ParentNotFoundException");
  return id!;
}

async function requireUnit(organization: OrganizationState, id: string | undefined): Promise<Unit> {
  if (kindOf(id ?? "") !== "unit") throw invalidInput("INVALID_PATTERN");
  const unit = await organization.get("unit", id!);
  if (!unit) throw fault("OrganizationalUnitNotFoundException");
  return unit;
}

async function childUnits(organization: OrganizationState, parent: string): Promise<Unit[]> {
  return (await organization.all("unit")).filter((unit) => unit.parent === parent);
}

async function requireFreeName(organization: OrganizationState, parent: string, name: string, except?: string) {
  const siblings = await childUnits(organization, parent);
  if (siblings.some((unit) => unit.name === name && unit.id !== except)) {
    throw fault("DuplicateOrganizationalUnitException");
  }
}

export const unitOperations: Operations = {
  async CreateOrganizationalUnit(input, ctx) {
    const organization = await changeOrganization(ctx);
    const parent = await requireParent(organization, input.ParentId);
    const lineage = await organization.lineage(parent);
    if (lineage.length > quotas.depth) {
      throw constraint("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the OU nesting limit.");
    }
    if ((await organization.all("unit")).length >= quotas.units) {
      throw constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the number of OUs that you can have.");
    }
    await requireFreeName(organization, parent, input.Name!);
    const root = organization.organization.rootId.slice("r-".length);
    const id = base36Id(`ou-${root}-`, 8, ctx.random);
    const unit: Unit = { id, name: input.Name!, parent, createdAt: ctx.now };
    organization.put("unit", id, unit);
    await addTags(organization, id, input.Tags);
    return { OrganizationalUnit: renderUnit(organization, unit, [...lineage, id]) };
  },

  async DescribeOrganizationalUnit(input, ctx) {
    const organization = await callersOrganization(ctx);
    const unit = await requireUnit(organization, input.OrganizationalUnitId);
    return { OrganizationalUnit: renderUnit(organization, unit, await organization.lineage(unit.id)) };
  },

  async UpdateOrganizationalUnit(input, ctx) {
    const organization = await changeOrganization(ctx);
    const unit = await requireUnit(organization, input.OrganizationalUnitId);
    const name = input.Name ?? unit.name;
    await requireFreeName(organization, unit.parent, name, unit.id);
    const updated = { ...unit, name };
    organization.put("unit", unit.id, updated);
    return { OrganizationalUnit: renderUnit(organization, updated, await organization.lineage(unit.id)) };
  },

  async DeleteOrganizationalUnit(input, ctx) {
    const organization = await changeOrganization(ctx);
    const { id } = await requireUnit(organization, input.OrganizationalUnitId);
    const accounts = await organization.all("member");
    if ((await childUnits(organization, id)).length > 0 || accounts.some(({ parent }) => parent === id)) {
      throw fault("OrganizationalUnitNotEmptyException");
    }
    for (const type of ["unit", "attachments", "tags"] as const) organization.delete(type, id);
    return {};
  },

  async ListOrganizationalUnitsForParent(input, ctx) {
    const organization = await callersOrganization(ctx);
    const parent = await requireParent(organization, input.ParentId);
    const lineage = await organization.lineage(parent);
    const { items, next } = pageOf(input, await childUnits(organization, parent), ({ id }) => id);
    return {
      OrganizationalUnits: items.map((unit) => renderUnit(organization, unit, [...lineage, unit.id])),
      ...next,
    };
  },

  async ListChildren(input, ctx) {
    const organization = await callersOrganization(ctx);
    const parent = await requireParent(organization, input.ParentId);
    const type = input.ChildType!;
    const ids =
      type === "ORGANIZATIONAL_UNIT"
        ? (await childUnits(organization, parent)).map(({ id }) => id)
        : (await organization.all("member")).filter((member) => member.parent === parent).map(({ account }) => account);
    const { items, next } = pageOf(input, ids, (id) => id);
    return { Children: items.map((Id) => ({ Id, Type: type })), ...next };
  },

  async ListParents(input, ctx) {
    const organization = await callersOrganization(ctx);
    const kind = kindOf(input.ChildId ?? "");
    if (kind !== "unit" && kind !== "account") throw invalidInput("INVALID_PATTERN");
    const child = await organization.get(kind === "unit" ? "unit" : "member", input.ChildId!);
    if (!child) throw fault("ChildNotFoundException");
    const { parent: Id } = child;
    return { Parents: [{ Id, Type: kindOf(Id) === "root" ? "ROOT" : "ORGANIZATIONAL_UNIT" }] };
  },

  async MoveAccount(input, ctx) {
    const organization = await changeOrganization(ctx);
    const member = await organization.get("member", input.AccountId!);
    if (!member) throw fault("AccountNotFoundException");
    if (!(await organization.parentExists(input.SourceParentId!))) throw fault("SourceParentNotFoundException");
    const destination = input.DestinationParentId!;
    if (!(await organization.parentExists(destination))) throw fault("DestinationParentNotFoundException");
    if (member.parent === destination) throw fault("DuplicateAccountException");
    if (member.parent !== input.SourceParentId) throw fault("SourceParentNotFoundException");
    organization.put("member", member.account, { ...member, parent: destination });
    return {};
  },
};
