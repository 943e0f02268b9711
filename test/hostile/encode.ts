/**
 * Puts anything into the shape of a request of an operation, whether it fits the model or not. What is not a plain value of
 * the model is written as well as the protocol can write it.
 */
import type { Member, OperationModel, ServiceModel, Shape } from "#model/types.ts";
import type { Draft } from "./signedRequest.ts";

export type Input = Record<string, unknown>;

/** Where a piece of text goes as it is: JSON or XML source. */
export class Source {
  readonly text: string | Buffer;
  constructor(text: string | Buffer) {
    this.text = text;
  }
}

const urlLimit = 6_000;

export function encode(service: ServiceModel, operation: OperationModel, input: Input | Source): Draft {
  switch (service.protocols[0]) {
    case "awsJson1_0":
    case "awsJson1_1":
      return jsonDraft(service, operation, input);
    case "awsQuery":
    case "ec2Query":
      return queryDraft(service, operation, input);
    case "restXml":
    case "restJson1":
      return restDraft(service, operation, input);
    default:
      throw new Error(`no encoder for ${service.protocols[0]}`);
  }
}

const sourceBytes = (source: Source): Buffer =>
  Buffer.isBuffer(source.text) ? source.text : Buffer.from(source.text, "utf8");

function jsonDraft(service: ServiceModel, operation: OperationModel, input: Input | Source): Draft {
  const version = service.protocols[0] === "awsJson1_0" ? "1.0" : "1.1";
  return {
    method: "POST",
    path: "/",
    signingName: service.signingName,
    headers: {
      "content-type": `application/x-amz-json-${version}`,
      "x-amz-target": `${service.targetPrefix}.${operation.name}`,
    },
    body: input instanceof Source ? sourceBytes(input) : Buffer.from(JSON.stringify(input, jsonValue)),
  };
}

function jsonValue(this: unknown, key: string, value: unknown): unknown {
  // Buffer and Date have a toJSON of their own, which has run by now; timestamps in JSON are seconds since the epoch.
  const given = (this as Record<string, unknown>)[key];
  if (given instanceof Date) return given.getTime() / 1000;
  if (value !== null && typeof value === "object" && (value as { type?: unknown }).type === "Buffer") {
    return Buffer.from((value as { data: number[] }).data).toString("base64");
  }
  return value;
}

/** Percent-encodes whatever bytes the text has in UTF-8; half a surrogate pair in the form that a careless client makes of it. */
export function percent(text: string): string {
  if (/^[A-Za-z0-9]*$/.test(text)) return text;
  let out = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xd8_00 && code <= 0xdf_ff) {
      out += `%ED%${(0x80 | ((code >> 6) & 0x3f)).toString(16)}%${(0x80 | (code & 0x3f)).toString(16)}`.toUpperCase();
    } else out += encodeURIComponent(character);
  }
  return out.replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function scalarText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "string" ? value : JSON.stringify(value);
}

const isComposite = (value: unknown): value is object =>
  value !== null && typeof value === "object" && !(value instanceof Date) && !(value instanceof Uint8Array);

function queryDraft(service: ServiceModel, operation: OperationModel, input: Input | Source): Draft {
  let body: Buffer;
  const start = `Action=${operation.name}&Version=${service.apiVersion}`;
  if (input instanceof Source) body = Buffer.concat([Buffer.from(`${start}&`), sourceBytes(input)]);
  else {
    const pairs: string[] = [start];
    const ec2 = service.protocols[0] === "ec2Query";
    for (const [name, value] of Object.entries(input)) {
      const member = operation.input.byName?.get(name);
      writeForm(pairs, formName(member, name, ec2), member, value, ec2);
    }
    body = Buffer.from(pairs.join("&"));
  }
  return {
    method: "POST",
    path: "/",
    signingName: service.signingName,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body,
  };
}

/** EC2's form names begin with a capital, and its lists are all flattened. */
function formName(member: Member | undefined, name: string, ec2: boolean): string {
  const wireName = member?.wireName ?? percent(name);
  return ec2 ? (member?.ec2QueryName ?? wireName.charAt(0).toUpperCase() + wireName.slice(1)) : wireName;
}

function writeForm(pairs: string[], name: string, member: Member | undefined, value: unknown, ec2: boolean): void {
  if (value === undefined) return;
  if (Array.isArray(value)) {
    const element = member?.shape.element;
    value.forEach((item, i) => {
      const between = ec2 || member?.flattened ? "" : `${element?.wireName ?? "member"}.`;
      writeForm(pairs, `${name}.${between}${i + 1}`, element, item, ec2);
    });
    if (value.length === 0) pairs.push(`${name}=`);
  } else if (isComposite(value)) {
    const entries = Object.entries(value);
    if (member?.shape.kind === "map") {
      entries.forEach(([key, item], i) => {
        pairs.push(`${name}.entry.${i + 1}.key=${percent(key)}`);
        writeForm(pairs, `${name}.entry.${i + 1}.value`, member.shape.element, item, ec2);
      });
    } else {
      for (const [key, item] of entries) {
        const inner = member?.shape.byName?.get(key);
        writeForm(pairs, `${name}.${ec2 ? formName(inner, key, ec2) : percent(key)}`, inner, item, ec2);
      }
    }
  } else pairs.push(`${name}=${percent(scalarText(value))}`);
}

function restDraft(service: ServiceModel, operation: OperationModel, input: Input | Source): Draft {
  const given: Input = input instanceof Source ? {} : input;
  const members = operation.input.members ?? [];
  const [uri = "/", literals = ""] = operation.http.uri.split("?");
  const query = literals === "" ? [] : literals.split("&");
  const headers: Record<string, string> = {};
  let path = uri;
  let body: Buffer = Buffer.alloc(0);
  const inBody: [Member, unknown][] = [];
  for (const member of members) {
    const value = given[member.name];
    const wireName = member.wireName ?? member.name;
    switch (member.location) {
      case "label": {
        const text = value === undefined ? "" : percent(scalarText(value)).slice(0, urlLimit);
        if (path.includes(`{${member.name}+}`)) path = path.replace(`{${member.name}+}`, text.replaceAll("%2F", "/"));
        else if (path.includes(`{${member.name}}`)) path = path.replace(`{${member.name}}`, text);
        // The bucket is no part of the URI in the model.
        else path = `/${text}${path}`;
        break;
      }
      case "query":
        if (value !== undefined) {
          for (const item of Array.isArray(value) ? value : [value]) {
            query.push(`${wireName}=${percent(scalarText(item)).slice(0, urlLimit)}`);
          }
        }
        break;
      case "header":
        if (value !== undefined) headers[wireName] = headerText(member, value);
        break;
      case "prefixHeaders":
        for (const [key, item] of Object.entries(isComposite(value) ? value : {})) {
          headers[wireName + key.replaceAll(/[^a-z0-9-]/gi, "-")] = headerText(member, item);
        }
        break;
      case "payload":
        if (value !== undefined) body = payloadBytes(service, member, value);
        break;
      default:
        if (value !== undefined) inBody.push([member, value]);
    }
  }
  const json = service.protocols[0] === "restJson1";
  if (json) headers["content-type"] ??= "application/json";
  if (inBody.length > 0 && json) {
    const entries = inBody.map(([member, value]) => [member.wireName ?? member.name, value]);
    body = Buffer.from(JSON.stringify(Object.fromEntries(entries), jsonValue));
  } else if (inBody.length > 0) {
    const root = operation.input.xmlName ?? operation.input.name;
    const inside = inBody.map(([member, value]) => xmlMember(member, value)).join("");
    body = Buffer.from(`<${root}${namespace(service)}>${inside}</${root}>`);
  }
  if (input instanceof Source) {
    body = sourceBytes(input);
  }
  if (service.id === "s3control") headers["x-amz-account-id"] ??= "";
  return {
    method: operation.http.method,
    path: path.startsWith("/") ? path : `/${path}`,
    ...(query.length > 0 ? { query: query.join("&") } : {}),
    signingName: service.signingName,
    headers,
    body: operation.http.method === "GET" || operation.http.method === "HEAD" ? Buffer.alloc(0) : body,
  };
}

/** The same request with another body. */
export function withBody(draft: Draft, source: Source): Draft {
  return { ...draft, body: sourceBytes(source) };
}

const namespace = (service: ServiceModel): string =>
  service.xmlNamespace === undefined ? "" : ` xmlns="${service.xmlNamespace}"`;

/** What HTTP itself forbids in a header is left out: Node's parser never gives it to anybody. */
function headerText(member: Member, value: unknown): string {
  const text =
    value instanceof Date && member.timestampFormat !== "date-time" ? value.toUTCString() : scalarText(value);
  return Buffer.from(text, "utf8")
    .toString("latin1")
    .replaceAll(/[\0-\x08\x0a-\x1f\x7f]/g, "")
    .trim()
    .slice(0, urlLimit);
}

function payloadBytes(service: ServiceModel, member: Member, value: unknown): Buffer {
  if (member.streaming || member.shape.kind === "blob" || member.shape.kind === "string") {
    return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(scalarText(value));
  }
  if (service.protocols[0] === "restJson1") return Buffer.from(JSON.stringify(value, jsonValue));
  const name = member.wireName ?? member.shape.xmlName ?? member.shape.name;
  return Buffer.from(`<${name}${namespace(service)}>${xmlInside(member.shape, value)}</${name}>`);
}

function xmlMember(member: Member, value: unknown): string {
  const name = member.wireName ?? member.name;
  const { element } = member.shape;
  if (Array.isArray(value) && element !== undefined && member.flattened) {
    return value.map((item) => `<${name}>${xmlInside(element.shape, item)}</${name}>`).join("");
  }
  return `<${name}>${xmlInside(member.shape, value)}</${name}>`;
}

function xmlInside(shape: Shape, value: unknown): string {
  if (value instanceof Source) return sourceBytes(value).toString("latin1");
  if (Array.isArray(value)) {
    const name = shape.element?.wireName ?? "member";
    return value
      .map((item) => `<${name}>${shape.element ? xmlInside(shape.element.shape, item) : xmlText(item)}</${name}>`)
      .join("");
  }
  if (isComposite(value)) {
    return Object.entries(value)
      .map(([key, item]) => {
        const member = shape.byName?.get(key);
        return member ? xmlMember(member, item) : `<x>${xmlText(item)}</x>`;
      })
      .join("");
  }
  return xmlText(value);
}

function xmlText(value: unknown): string {
  return scalarText(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
