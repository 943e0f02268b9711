/**
 * How an input or output looks in an audit record: member names in lower camel case, no sensitive member,
 * no body, no bytes. Driven by the model, so that map keys (an encryption context, tags) stay as they are.
 */
import type { Member, Shape } from "#model/types.ts";

export function auditView(shape: Shape, value: unknown): Record<string, unknown> | null {
  const view = viewOf(shape, value);
  return view !== undefined && view !== null && typeof view === "object" ? (view as Record<string, unknown>) : null;
}

function viewOf(shape: Shape, value: unknown): unknown {
  if (value === undefined || value === null || shape.sensitive) return undefined;
  switch (shape.kind) {
    case "structure":
    case "union":
      return structureView(shape, value as Record<string, unknown>);
    case "list":
      return (value as unknown[]).map((item) => memberView(shape.element!, item)).filter((item) => item !== undefined);
    case "map":
      return Object.fromEntries(
        Object.entries(value as Record<string, unknown>)
          .map(([key, item]) => [key, memberView(shape.element!, item)] as const)
          .filter(([, item]) => item !== undefined),
      );
    case "blob":
      return undefined;
    case "timestamp":
      return value instanceof Date ? value.toISOString() : value;
    default:
      return typeof value === "bigint" ? String(value) : value;
  }
}

function structureView(shape: Shape, value: Record<string, unknown>): Record<string, unknown> {
  const view: Record<string, unknown> = {};
  for (const member of shape.members ?? []) {
    const shown = memberView(member, value[member.name]);
    if (shown !== undefined) view[lowerCamel(member.name)] = shown;
  }
  return view;
}

function memberView(member: Member, value: unknown): unknown {
  return member.sensitive || member.streaming ? undefined : viewOf(member.shape, value);
}

/** `KeyId` → `keyId`. Source: CloudTrail's published examples (`dBInstanceIdentifier`, `sSEKMSKeyId`). */
function lowerCamel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
