/** Members that travel in the path, the query and the headers. Source: smithy.io "HTTP bindings". */
import type { Member, OperationModel, Shape, TimestampFormat } from "#model/types.ts";
import type { HttpRequest, Route } from "./contract.ts";
import { WireFailure } from "./failure.ts";
import { decodeFormPart } from "./queryRead.ts";
import { parseBase64, parseBoolean, parseNumber, parseTimestamp, setOwn } from "./scalars.ts";

export type QueryMap = ReadonlyMap<string, readonly string[]>;
type Plain = Record<string, unknown>;
export type BindingReader = (route: Route, request: HttpRequest, query: QueryMap, out: Plain) => void;

const noQuery: QueryMap = new Map();

/** A name without "=" has the value "". Throws `WireFailure` for broken escapes. */
export function parseQuery(text: string): QueryMap {
  if (text === "") return noQuery;
  const query = new Map<string, string[]>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decodeFormPart(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? "" : decodeFormPart(pair.slice(equals + 1));
    const known = query.get(name);
    if (known) known.push(value);
    else query.set(name, [value]);
  }
  return query;
}

function scalarReader(shape: Shape, member: Member, format: TimestampFormat): (text: string) => unknown {
  const { kind } = shape;
  switch (kind) {
    case "string":
      if (member.mediaType === "application/json" && member.location === "header") {
        return (text) => Buffer.from(parseBase64(text)).toString("utf8");
      }
      return (text) => text;
    case "boolean":
      return parseBoolean;
    case "timestamp":
      return (text) => parseTimestamp(text, member.timestampFormat ?? format);
    case "blob":
      return parseBase64;
    case "integer":
    case "long":
    case "float":
    case "double":
      return (text) => parseNumber(kind, text);
    default:
      throw new TypeError(`${kind} cannot travel in a header or query`);
  }
}

/** Values separated by commas; a quoted value may hold commas and escaped quotes. */
export function splitHeaderList(text: string): string[] {
  const items: string[] = [];
  const form = /\s*(?:"((?:[^"\\]|\\.)*)"|([^",]*))\s*(,|$)/y;
  while (form.lastIndex < text.length) {
    const found = form.exec(text);
    if (found === null) throw new WireFailure("Malformed list in header");
    items.push(found[1] === undefined ? found[2]!.trim() : found[1].replace(/\\(.)/g, "$1"));
    if (found[3] === "") break;
  }
  return items;
}

/** HTTP dates hold a comma of their own. */
function splitDates(text: string): string[] {
  return text.split(/,(?=\s*[A-Z][a-z]{2},)/).map((part) => part.trim());
}

export function bindingReader(member: Member): BindingReader | undefined {
  switch (member.location) {
    case "label":
      return labelReader(member);
    case "query":
      return queryReader(member);
    case "queryParams":
      return queryParamsReader(member);
    case "header":
      return headerReader(member);
    case "prefixHeaders":
      return prefixReader(member);
    default:
      return undefined;
  }
}

function labelReader(member: Member): BindingReader {
  const { name } = member;
  const read = scalarReader(member.shape, member, "date-time");
  return (route, _request, _query, out) => {
    const text = route.labels[name];
    if (text !== undefined) out[name] = read(text);
  };
}

function queryReader(member: Member): BindingReader {
  const { name, shape } = member;
  const key = member.wireName ?? name;
  if (shape.kind === "list") {
    const read = scalarReader(shape.element!.shape, shape.element!, "date-time");
    return (_route, _request, query, out) => {
      const values = query.get(key);
      if (values !== undefined) out[name] = values.map(read);
    };
  }
  const read = scalarReader(shape, member, "date-time");
  return (_route, _request, query, out) => {
    const values = query.get(key);
    if (values === undefined) return;
    // `?location` and `?max-keys=` without a value: only text can be empty.
    if (values[0] === "" && shape.kind !== "string") return;
    out[name] = read(values[0]!);
  };
}

function queryParamsReader(member: Member): BindingReader {
  const isList = member.shape.element!.shape.kind === "list";
  let bound: ReadonlySet<string> | undefined;
  return (route, _request, query, out) => {
    const params: Plain = {};
    bound ??= boundQueryNames(route.operation);
    for (const [key, values] of query) {
      if (bound.has(key) || key.startsWith("X-Amz-")) continue;
      setOwn(params, key, isList ? values : values[0]);
    }
    if (Object.keys(params).length > 0) out[member.name] = params;
  };
}

/** Names that the URI or another member of the operation has taken. */
function boundQueryNames(operation: OperationModel): ReadonlySet<string> {
  const members = (operation.input.members ?? []).filter((other) => other.location === "query");
  const literals = (operation.http.uri.split("?")[1] ?? "").split("&").map((part) => part.split("=")[0]!);
  return new Set([...members.map((other) => other.wireName ?? other.name), ...literals]);
}

function headerReader(member: Member): BindingReader {
  const { name, shape } = member;
  const key = (member.wireName ?? name).toLowerCase();
  if (shape.kind === "list") {
    const element = shape.element!;
    const read = scalarReader(element.shape, element, "http-date");
    const split = element.shape.kind === "timestamp" ? splitDates : splitHeaderList;
    return (_route, request, _query, out) => {
      const text = request.headers[key];
      if (text !== undefined) out[name] = split(text).map(read);
    };
  }
  const read = scalarReader(shape, member, "http-date");
  return (_route, request, _query, out) => {
    const text = request.headers[key];
    if (text !== undefined && (text !== "" || shape.kind === "string")) out[name] = read(text);
  };
}

function prefixReader(member: Member): BindingReader {
  const { name } = member;
  const prefix = (member.wireName ?? "").toLowerCase();
  return (_route, request, _query, out) => {
    let found: Plain | undefined;
    for (const key in request.headers) {
      if (!key.startsWith(prefix)) continue;
      found ??= {};
      setOwn(found, key.slice(prefix.length), request.headers[key]);
    }
    if (found !== undefined) out[name] = found;
  };
}
