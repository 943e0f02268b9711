/** Requests and answers in the protocols of the services, by the shapes that the build took from the models. */
import type { OperationSchema, Schema, ServiceSchema } from "./schema.ts";

export interface Body {
  text?: string;
  blob?: Blob;
  contentType?: string;
}

export interface Encoded {
  method: string;
  path: string;
  query: [string, string][];
  headers: Record<string, string>;
  body: Body;
}

export type Input = Readonly<Record<string, unknown>>;

export function encodeRequest(service: ServiceSchema, name: string, input: Input): Encoded {
  const operation = service.operations[name];
  if (service.protocol === "json") {
    return {
      method: "POST",
      path: "/",
      query: [],
      headers: { "x-amz-target": `${service.target}.${name}` },
      body: { text: JSON.stringify(input), contentType: service.contentType! },
    };
  }
  if (!operation) throw new Error(`${name} is missing in operations.ts`);
  if (service.protocol === "query" || service.protocol === "ec2") {
    const form = new URLSearchParams({ Action: name, Version: service.version });
    flatten(form, "", operation.input, input);
    return {
      method: "POST",
      path: "/",
      query: [],
      headers: {},
      body: { text: form.toString(), contentType: "application/x-www-form-urlencoded; charset=utf-8" },
    };
  }
  return encodeRest(service, operation, input);
}

function flatten(form: URLSearchParams, at: string, schema: Schema, value: unknown): void {
  if (value === undefined || value === null) return;
  const under = (name: string | number) => (at === "" ? String(name) : `${at}.${name}`);
  if (typeof schema !== "object") {
    form.append(at, String(value));
  } else if ("l" in schema) {
    const prefix = schema.e === undefined ? at : under(schema.e);
    (value as unknown[]).forEach((each, i) => flatten(form, `${prefix}.${i + 1}`, schema.l, each));
  } else if ("v" in schema) {
    const prefix = schema.f ? at : under("entry");
    Object.entries(value as object).forEach(([key, each], i) => {
      form.append(`${prefix}.${i + 1}.${schema.n[0]}`, key);
      flatten(form, `${prefix}.${i + 1}.${schema.n[1]}`, schema.v, each);
    });
  } else {
    for (const [name, each] of Object.entries(value as object)) {
      const member = schema.s[name];
      if (!member) throw new Error(`no member ${name}`);
      flatten(form, under(member[0]), member[1], each);
    }
  }
}

function encodeRest(service: ServiceSchema, operation: OperationSchema, input: Input): Encoded {
  const [template = "/", fixed = ""] = operation.uri.split("?");
  const query = [...new URLSearchParams(fixed)].map(([name, value]) => [name, value] as [string, string]);
  const headers: Record<string, string> = {};
  const body: Record<string, unknown> = {};
  let payload: Body | undefined;
  let path = template;
  const members = typeof operation.input === "object" && "s" in operation.input ? operation.input.s : {};
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const [wire, schema, at] = members[name] ?? ([name, 0] as const);
    switch (at) {
      case "l":
        // S3's models leave the bucket out of the path, because it may be in the host's name.
        if (!path.includes(`{${wire}`)) path = `/${encodeURIComponent(String(value))}${path}`;
        else path = path.replace(`{${wire}}`, label(String(value))).replace(`{${wire}+}`, greedyLabel(String(value)));
        break;
      case "q":
        query.push([wire, String(value)]);
        break;
      case "h":
        headers[wire] = String(value);
        break;
      case "p":
        payload = payloadOf(service, wire, schema, value);
        break;
      default:
        body[wire] = service.protocol === "restJson" ? rename(schema, value) : value;
    }
  }
  const hasBody = operation.method !== "GET" && operation.method !== "HEAD" && operation.method !== "DELETE";
  const json: Body =
    service.protocol === "restJson" && (hasBody || Object.keys(body).length > 0)
      ? { text: JSON.stringify(body), contentType: "application/json" }
      : {};
  return { method: operation.method, path, query, headers, body: payload ?? json };
}

const label = (text: string) =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
const greedyLabel = (text: string) => text.split("/").map(label).join("/");

function payloadOf(service: ServiceSchema, wire: string, schema: Schema, value: unknown): Body {
  if (value instanceof Blob) return { blob: value, contentType: value.type || "application/octet-stream" };
  if (typeof value === "string") return { text: value, contentType: "text/plain" };
  const root = document.implementation.createDocument(service.namespace ?? null, wire);
  writeXml(root, root.documentElement, schema, value);
  return { text: new XMLSerializer().serializeToString(root), contentType: "application/xml" };
}

function writeXml(root: XMLDocument, parent: Element, schema: Schema, value: unknown): void {
  if (typeof schema !== "object" || !("s" in schema)) {
    parent.textContent = String(value);
    return;
  }
  for (const [name, each] of Object.entries(value as object)) {
    const [wire, inner] = schema.s[name] ?? [name, 0 as const];
    const add = (to: Element, tag: string) => to.appendChild(root.createElementNS(parent.namespaceURI, tag));
    if (typeof inner === "object" && "l" in inner) {
      const list = inner.e === undefined ? parent : add(parent, wire);
      for (const item of each as unknown[]) writeXml(root, add(list, inner.e ?? wire), inner.l, item);
    } else {
      writeXml(root, add(parent, wire), inner, each);
    }
  }
}

/** Names of the SDK to names on the wire. */
function rename(schema: Schema, value: unknown): unknown {
  if (typeof schema !== "object" || value === null || typeof value !== "object") return value;
  if ("l" in schema) return (value as unknown[]).map((each) => rename(schema.l, each));
  if ("v" in schema) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rename(schema.v, each)]));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const [wire, inner] = schema.s[name] ?? [name, 0 as const];
      return [wire, rename(inner, each)];
    }),
  );
}

/** Names on the wire to names of the SDK. */
function restore(schema: Schema, value: unknown): unknown {
  if (typeof schema !== "object" || value === null || typeof value !== "object") return value;
  if ("l" in schema) return (value as unknown[]).map((each) => restore(schema.l, each));
  if ("v" in schema) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restore(schema.v, each)]));
  }
  const given = value as Record<string, unknown>;
  const found: Record<string, unknown> = {};
  for (const [name, [wire, inner]] of Object.entries(schema.s)) {
    if (given[wire] !== undefined && given[wire] !== null) found[name] = restore(inner, given[wire]);
  }
  return found;
}

export function decodeJson(operation: OperationSchema | undefined, text: string): Record<string, unknown> {
  const parsed = text.trim() === "" ? {} : (JSON.parse(text) as unknown);
  return (operation ? restore(operation.output, parsed) : parsed) as Record<string, unknown>;
}

export function decodeXml(service: ServiceSchema, name: string, text: string): Record<string, unknown> {
  const operation = service.operations[name]!;
  if (text.trim() === "") return {};
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  const result = service.protocol === "query" ? root.querySelector(`:scope > ${name}Result`) : root;
  if (!result) return {};
  const schema = operation.output;
  const members = typeof schema === "object" && "s" in schema ? Object.entries(schema.s) : [];
  // A structure that is the payload is the root itself.
  const payload = members.find(([, [, , at]]) => at === "p");
  if (payload && typeof payload[1][1] === "object") return { [payload[0]]: readXml(payload[1][1], result) };
  return readXml(schema, result) as Record<string, unknown>;
}

function readXml(schema: Schema, element: Element): unknown {
  if (schema === 0) return element.textContent ?? "";
  if (schema === "n") return Number(element.textContent);
  if (schema === "b") return element.textContent === "true";
  if ("l" in schema) return childrenOf(element, schema.e ?? "member").map((each) => readXml(schema.l, each));
  if ("v" in schema) return readMap(schema, childrenOf(element, "entry"));
  const found: Record<string, unknown> = {};
  for (const [name, [wire, inner]] of Object.entries(schema.s)) {
    const children = childrenOf(element, wire);
    if (typeof inner === "object" && "l" in inner && inner.e === undefined) {
      found[name] = children.map((each) => readXml(inner.l, each));
    } else if (typeof inner === "object" && "v" in inner && inner.f) {
      found[name] = readMap(inner, children);
    } else if (children[0]) {
      found[name] = readXml(inner, children[0]);
    }
  }
  return found;
}

function readMap(schema: Extract<Schema, { v: Schema }>, entries: Element[]): Record<string, unknown> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [key] = childrenOf(entry, schema.n[0]);
      const [value] = childrenOf(entry, schema.n[1]);
      return [key?.textContent ?? "", value ? readXml(schema.v, value) : undefined];
    }),
  );
}

function childrenOf(element: Element, name: string): Element[] {
  return [...element.children].filter((child) => child.localName === name);
}
