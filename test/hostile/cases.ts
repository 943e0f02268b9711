/** Every hostile request of an operation. */
import type { Member, OperationModel, ServiceModel } from "#model/types.ts";
import { encode, Source, withBody, type Input } from "./encode.ts";
import type { Draft } from "./signedRequest.ts";
import {
  formSources,
  hostileTexts,
  jsonSources,
  largeText,
  ordinary,
  outOfBounds,
  wrongTypes,
  xmlSources,
  type Known,
} from "./values.ts";

export interface Case {
  service: ServiceModel;
  operation: OperationModel;
  /** e.g. "missing", "wrong type". */
  kind: Kind;
  /** What is wrong, for people: member and value. */
  what: string;
  draft: Draft;
}

export type Kind = "empty" | "missing" | "wrong type" | "out of bounds" | "hostile" | "source";

/** Services that check in the handler what the model states. */
const looselyChecked = new Set(["s3", "s3control"]);

/**
 * @param share how many of the hostile texts each place gets: which ones goes round, so that a small share still tries
 * every text somewhere
 */
export function* casesOf(
  service: ServiceModel,
  operation: OperationModel,
  known: Known,
  share = hostileTexts.length,
): Generator<Case> {
  const members = operation.input.members ?? [];
  const protocol = service.protocols[0]!;
  const base: Input = {};
  for (const member of members) {
    if (member.required || member.location === "payload") base[member.name] = ordinary(member, known);
  }
  const make = (kind: Kind, what: string, draft: Draft): Case => ({ service, operation, kind, what, draft });
  const draft = (change: Input): Draft => encode(service, operation, { ...base, ...change });

  yield make("empty", "no members", encode(service, operation, {}));
  // One member of each operation gets the largest text; the others one that is as impossible and cheaper.
  let size = largeText.length;
  for (const member of members) {
    const { name } = member;
    // Without a label, a required query member or the header of a copy the request is one of another operation.
    const routes =
      member.location === "label" || member.location === "query" || member.wireName?.startsWith("x-amz-copy-");
    if (member.required && !routes) {
      yield make("missing", name, draft({ [name]: undefined }));
    }
    if (member.streaming) continue;
    const json = protocol.startsWith("awsJson") || (protocol === "restJson1" && member.location === undefined);
    for (const value of wrongTypes(member.shape, json)) {
      yield make("wrong type", `${name} = ${shown(value)}`, draft({ [name]: value }));
    }
    if (!looselyChecked.has(service.id)) {
      for (const value of outOfBounds(member.shape)) {
        // An empty label at the end of a path may make it the path of another operation, which serves it rightly.
        const kind = value === "" && member.location === "label" ? "hostile" : "out of bounds";
        yield make(kind, `${name} = ${shown(value)}`, draft({ [name]: value }));
      }
    }
    for (const [at, value] of hostileValues(member, known, share, operation.name.length + name.length, size)) {
      yield make("hostile", `${at} = ${shown(value.text)}`, draft({ [name]: value.value }));
    }
    if (member.shape.kind === "string") size = 40_000;
  }
  yield* sourceCases(service, operation, members, make, draft);
}

function* sourceCases(
  service: ServiceModel,
  operation: OperationModel,
  members: readonly Member[],
  make: (kind: Kind, what: string, draft: Draft) => Case,
  draft: (change: Input) => Draft,
): Generator<Case> {
  const member = members[0]?.name ?? "A";
  const protocol = service.protocols[0]!;
  if (protocol === "restJson1") {
    for (const source of jsonSources(member))
      yield make("source", shown(source), withBody(draft({}), new Source(source)));
  } else if (protocol.startsWith("awsJson")) {
    for (const source of jsonSources(member)) {
      yield make("source", shown(source), encode(service, operation, new Source(source)));
    }
  } else if (protocol === "awsQuery") {
    for (const source of formSources(member)) {
      yield make("source", shown(source), encode(service, operation, new Source(source)));
    }
  } else {
    const payload = members.find((each) => each.location === "payload" && each.shape.members !== undefined);
    const inBody = members.some((each) => each.location === undefined);
    if (payload === undefined && !inBody) return;
    const root = payload?.wireName ?? payload?.shape.xmlName ?? operation.input.xmlName ?? operation.input.name;
    for (const source of xmlSources(root)) yield make("source", shown(source), withBody(draft({}), new Source(source)));
  }
}

/** Every text inside a member, with one hostile value each; the largest one only at the top. */
function* hostileValues(
  member: Member,
  known: Known,
  share: number,
  start: number,
  size: number,
): Generator<[at: string, { text: string; value: unknown }]> {
  const { shape, name } = member;
  const some = Array.from({ length: share }, (_, i) => hostileTexts[(start * 7 + i) % hostileTexts.length]!);
  if (shape.kind === "string") {
    for (const text of some) yield [name, { text, value: text }];
    const long = largeText.slice(0, size);
    yield [name, { text: long, value: long }];
    return;
  }
  for (const text of some) {
    for (const [at, value] of withTextInside(member, text, known, 0)) yield [at, { text, value }];
  }
}

function* withTextInside(
  member: Member,
  text: string,
  known: Known,
  depth: number,
): Generator<[at: string, value: unknown]> {
  const { shape, name } = member;
  if (depth > 3) return;
  switch (shape.kind) {
    case "string":
      yield [name, text];
      return;
    case "list":
      for (const [at, value] of withTextInside(shape.element!, text, known, depth + 1))
        yield [`${name}[]${at}`, [value]];
      return;
    case "map":
      yield [`${name}{key}`, { [text]: ordinary(shape.element!, known) }];
      for (const [at, value] of withTextInside(shape.element!, text, known, depth + 1)) {
        yield [`${name}{}${at}`, { key: value }];
      }
      return;
    case "structure":
    case "union": {
      const base = shape.kind === "structure" ? (ordinary({ ...member, name: "" }, known) as Input) : {};
      for (const inner of shape.members ?? []) {
        for (const [at, value] of withTextInside(inner, text, known, depth + 1)) {
          yield [`${name}.${at}`, { ...base, [inner.name]: value }];
        }
      }
    }
  }
}

function shown(value: unknown): string {
  const text = Buffer.isBuffer(value)
    ? value.toString("latin1")
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
  return JSON.stringify(text.slice(0, 60)) + (text.length > 60 ? ` (${text.length})` : "");
}
