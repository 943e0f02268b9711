/**
 * What criteria and sorting may name: the members of a finding's JSON, as the API's own model has them, and those few
 * that are text in the API and members in JSON.
 * Source: GuardDuty API Reference, CreateFilter, "findingCriteria"; User Guide, "Property filters in GuardDuty".
 */
import type { Member, Shape } from "#model/types.ts";
import { mostAttributes, mostValues, type Condition, type Criterion } from "#engines/guard/criteria.ts";
import { invalidParameter } from "./errors.ts";
import { findingShape } from "./findingShape.ts";

/** Members of JSON that the model does not have, and names of the documentation that differ from the JSON's. */
const further = new Set(["service.additionalInfo.threatListName", "service.additionalInfo.sample"]);

function isMember(path: string): boolean {
  if (further.has(path)) return true;
  let shape: Shape | undefined = findingShape();
  for (const name of path.split(".")) {
    while (shape?.kind === "list") shape = shape.element?.shape;
    if (shape?.kind === "map") return true;
    const member: Member | undefined = shape?.members?.find((each) => (each.wireName ?? each.name) === name);
    if (!member) return false;
    shape = member.shape;
  }
  while (shape?.kind === "list") shape = shape.element?.shape;
  return shape !== undefined && shape.kind !== "structure";
}

/** @throws BadRequestException */
export function requireCriteria(criterion: Record<string, Condition> | undefined): Criterion {
  const entries = Object.entries(criterion ?? {});
  if (entries.length > mostAttributes) throw invalidParameter("findingCriteria");
  for (const [path, condition] of entries) {
    if (!isMember(path)) throw invalidParameter("findingCriteria");
    const values = Object.values(condition).filter((value) => value !== undefined);
    if (values.length === 0) throw invalidParameter("findingCriteria");
    if (values.some((value) => Array.isArray(value) && (value.length === 0 || value.length > mostValues))) {
      throw invalidParameter("findingCriteria");
    }
  }
  return criterion ?? {};
}

/** @throws BadRequestException */
export function requireSortable(attribute: string): void {
  if (!isMember(attribute)) throw invalidParameter("sortCriteria");
}
