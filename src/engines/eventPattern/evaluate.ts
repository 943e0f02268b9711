/** Whether the conditions of an alternative hold for an event. */
import { fieldsOf, Paths, type Field, type Membership } from "./fields.ts";
import type { Matcher } from "./matchers.ts";
import type { Condition, Pattern } from "./pattern.ts";

export interface SlottedCondition {
  slot: number;
  matchers: readonly Matcher[];
}

export function slotted(conditions: readonly Condition[], paths: Paths): SlottedCondition[] {
  return conditions.map(({ path, matchers }) => ({ slot: paths.slotOf(path), matchers }));
}

/** One pattern and one event; for many patterns there is `PatternIndex`. */
export function matches(pattern: Pattern, event: unknown): boolean {
  const paths = new Paths();
  const alternatives = pattern.alternatives.map((conditions) => slotted(conditions, paths));
  const fields = fieldsOf(event, paths);
  return alternatives.some((conditions) => holds(conditions, fields));
}

export function holds(conditions: readonly SlottedCondition[], fields: readonly (Field[] | undefined)[]): boolean {
  return search(conditions, fields, 0, []);
}

/** Finds a leaf for every condition such that they agree on the members of the arrays they share. */
function search(
  conditions: readonly SlottedCondition[],
  fields: readonly (Field[] | undefined)[],
  at: number,
  chosen: Membership,
): boolean {
  const condition = conditions[at];
  if (!condition) return true;
  const candidates = fields[condition.slot];
  if (!candidates) {
    return condition.matchers.some((matcher) => matcher.test(undefined)) && search(conditions, fields, at + 1, chosen);
  }
  let plain = false;
  for (const { value, membership } of candidates) {
    if (!condition.matchers.some((matcher) => matcher.test(value))) continue;
    if (membership.length === 0) {
      // Leaves outside of arrays constrain nothing: one is as good as another.
      if (plain) continue;
      plain = true;
    } else if (!agree(chosen, membership)) continue;
    if (search(conditions, fields, at + 1, membership.length === 0 ? chosen : [...chosen, ...membership])) return true;
  }
  return false;
}

function agree(chosen: Membership, membership: Membership): boolean {
  return membership.every(({ array, index }) =>
    chosen.every((other) => other.array !== array || other.index === index),
  );
}
