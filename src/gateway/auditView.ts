/**
 * How an input or output looks in an audit record: member names in lower camel case, no sensitive member,
 * no body, no bytes. Driven by the model, so that map keys (an encryption context, tags) stay as they are.
 */
import type { Member, Shape } from "#model/types.ts";

export function auditView(shape: Shape, value: unknown): Record<string, unknown> | null {
  const view = viewerOf(shape)(value);
  return view !== undefined && view !== null && typeof view === "object" ? (view as Record<string, unknown>) : null;
}

/** Gives `undefined` for what is not shown. */
type Viewer = (value: unknown) => unknown;

/** One per shape of a model, made when it is first looked at. */
const viewers = new WeakMap<Shape, Viewer>();
const hidden: Viewer = () => undefined;

function viewerOf(shape: Shape): Viewer {
  let viewer = viewers.get(shape);
  if (viewer === undefined) viewers.set(shape, (viewer = shape.sensitive ? hidden : ofPresent(makeViewer(shape))));
  return viewer;
}

function ofPresent(view: Viewer): Viewer {
  return (value) => (value === undefined || value === null ? undefined : view(value));
}

function makeViewer(shape: Shape): Viewer {
  switch (shape.kind) {
    case "structure":
    case "union":
      return structureViewer(shape);
    case "list": {
      const item = memberViewer(shape.element!);
      return (value) => (value as unknown[]).map((each) => item()(each)).filter((each) => each !== undefined);
    }
    case "map": {
      const item = memberViewer(shape.element!);
      return (value) =>
        Object.fromEntries(
          Object.entries(value as Record<string, unknown>)
            .map(([key, each]) => [key, item()(each)] as const)
            .filter(([, each]) => each !== undefined),
        );
    }
    case "blob":
      return hidden;
    case "timestamp":
      return (value) => (value instanceof Date ? value.toISOString() : value);
    default:
      return (value) => (typeof value === "bigint" ? String(value) : value);
  }
}

function structureViewer(shape: Shape): Viewer {
  const fields = (shape.members ?? []).map((member) => ({
    from: member.name,
    to: lowerCamel(member.name),
    viewer: memberViewer(member),
  }));
  return (value) => {
    const view: Record<string, unknown> = {};
    for (const { from, to, viewer } of fields) {
      const given = (value as Record<string, unknown>)[from];
      if (given === undefined) continue;
      const shown = viewer()(given);
      if (shown !== undefined) view[to] = shown;
    }
    return view;
  };
}

/** Asked for when a value is there: shapes contain themselves. */
function memberViewer(member: Member): () => Viewer {
  if (member.sensitive || member.streaming) return () => hidden;
  let viewer: Viewer | undefined;
  return () => (viewer ??= viewerOf(member.shape));
}

/** `KeyId` → `keyId`. Source: CloudTrail's published examples (`dBInstanceIdentifier`, `sSEKMSKeyId`). */
function lowerCamel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
