/**
 * A finding as JSON: what EventBridge, exported files and criteria see. Members have the names that the API has on the
 * wire; times that are no text are seconds; what the API has as text in `AdditionalInfo.Value` is spread out beside it.
 * Source: GuardDuty User Guide, "Processing GuardDuty findings with Amazon EventBridge", "Event format for GuardDuty".
 */
import type { Shape } from "#model/types.ts";
import { findingShape } from "./findingShape.ts";
import type { Finding } from "./sdk.ts";

export function findingJson(finding: Finding): Record<string, unknown> {
  const json = wireForm(finding, findingShape()) as Record<string, unknown>;
  const service = json["service"] as Record<string, unknown>;
  const info = service["additionalInfo"] as { value?: string; type?: string } | undefined;
  const details = info?.value === undefined ? {} : (JSON.parse(info.value) as Record<string, unknown>);
  return { ...json, service: { ...service, additionalInfo: { ...details, ...info } } };
}

/** A stored finding as the API gives it: times are times again. */
export function shownFinding(finding: Finding): Finding {
  return walked(
    finding,
    findingShape(),
    (name) => name,
    (time) => new Date(time),
  ) as Finding;
}

function wireForm(value: unknown, shape: Shape): unknown {
  return walked(
    value,
    shape,
    (name, owner) => owner.byName?.get(name)?.wireName ?? name,
    (time) => Math.floor(new Date(time).getTime() / 1000),
  );
}

function walked(
  value: unknown,
  shape: Shape,
  rename: (name: string, owner: Shape) => string,
  time: (value: string | Date) => unknown,
): unknown {
  if (value === null || value === undefined) return value;
  if (shape.kind === "timestamp") return time(value as string | Date);
  if (shape.kind === "list") {
    const element = shape.element!.shape;
    return (value as unknown[]).map((each) => walked(each, element, rename, time));
  }
  if (shape.kind !== "structure") return value;
  const entries = Object.entries(value as object).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.map(([name, member]) => {
      const known = shape.byName?.get(name);
      return [rename(name, shape), known ? walked(member, known.shape, rename, time) : member];
    }),
  );
}
