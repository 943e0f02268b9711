/** What may be written down of an input or output: everything but sensitive members, bytes and streams. */
import type { Member, Shape } from "#model/types.ts";

/** Stands where a sensitive value was, as CloudTrail writes it. */
export const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";

/**
 * A copy of `value` for audit records and logs. Sensitive members read `HIDDEN_DUE_TO_SECURITY_REASONS`; blobs, streams and
 * members that the model does not know are left out: what cannot be judged is not written (fail closed).
 */
export function redact(shape: Shape, value: unknown): unknown {
  return copy(shape, value, shape.sensitive === true);
}

function copy(shape: Shape, value: unknown, sensitive: boolean): unknown {
  if (value === undefined || value === null) return value;
  if (sensitive || shape.sensitive) return hidden;
  if (shape.eventStream) return undefined;
  switch (shape.kind) {
    case "structure":
    case "union":
      return structure(shape, value);
    case "list":
      if (!Array.isArray(value)) return undefined;
      return value.map((item) => member(shape.element!, item)).filter((item) => item !== undefined);
    case "map":
      return map(shape, value);
    case "blob":
      return undefined;
    default:
      return value;
  }
}

function member(inner: Member, value: unknown): unknown {
  if (inner.streaming) return undefined;
  return copy(inner.shape, value, inner.sensitive === true);
}

function structure(shape: Shape, value: unknown): unknown {
  if (typeof value !== "object") return undefined;
  const out: Record<string, unknown> = {};
  for (const inner of shape.members ?? []) {
    const item = member(inner, (value as Record<string, unknown>)[inner.name]);
    if (item !== undefined) out[inner.name] = item;
  }
  return out;
}

function map(shape: Shape, value: unknown): unknown {
  if (typeof value !== "object") return undefined;
  if (shape.mapKey!.sensitive || shape.mapKey!.shape.sensitive) return hidden;
  const entries = Object.entries(value as object).map(([key, item]): [string, unknown] => [
    key,
    member(shape.element!, item),
  ]);
  return Object.fromEntries(entries.filter((entry) => entry[1] !== undefined));
}
