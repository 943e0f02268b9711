/** Compiles, per operation and protocol, what turns a request into the input object. */
import type { Member, OperationModel } from "#model/types.ts";
import { asStream, inflateBody, utf8Text } from "./requestBody.ts";
import { parseCbor } from "./cbor.ts";
import type { Codecs } from "./codecs.ts";
import type { Bytes, ByteStream, HttpRequest, Protocol, Route } from "./contract.ts";
import { WireFailure } from "./failure.ts";
import { parseJson } from "./jsonText.ts";
import { formTree, parseForm } from "./queryRead.ts";
import { bindingReader, parseQuery } from "./restRead.ts";
import { invalidXml } from "./xmlRead.ts";
import { parseXml, type XmlNode } from "./xmlParse.ts";

type Plain = Record<string, unknown>;
export type RequestDecoder = (route: Route, request: HttpRequest, body: Bytes | ByteStream) => Plain;
type BodyReader = (bytes: Bytes, out: Plain) => void;

/** A body that could not be bound to members outside the body is told from a broken body by this mark. */
export class BindingFailure extends WireFailure {}

export function compileRequest(operation: OperationModel, protocol: Protocol, codecs: Codecs): RequestDecoder {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1": {
      const read = codecs.awsJsonIn.of(operation.input);
      return (_route, request, body) => read(parseJson(buffered(request, body))) as Plain;
    }
    case "rpcV2Cbor": {
      const read = codecs.cborIn.of(operation.input);
      return (_route, request, body) => {
        const bytes = buffered(request, body);
        return bytes.byteLength === 0 ? {} : (read(parseCbor(bytes)) as Plain);
      };
    }
    case "awsQuery":
    case "ec2Query": {
      const read = (protocol === "awsQuery" ? codecs.queryIn : codecs.ec2In).of(operation.input);
      return (_route, request, body) => {
        const form = parseForm(request.query);
        for (const [name, value] of parseForm(utf8Text(buffered(request, body)))) form.set(name, value);
        return read(formTree(form)) as Plain;
      };
    }
    default:
      return compileRest(operation, protocol, codecs);
  }
}

function buffered(request: HttpRequest, body: Bytes | ByteStream): Bytes {
  if (!(body instanceof Uint8Array)) throw new TypeError("the body of this operation has to be read first");
  return inflateBody(request, body);
}

function compileRest(operation: OperationModel, protocol: "restJson1" | "restXml", codecs: Codecs): RequestDecoder {
  const members = operation.input.members ?? [];
  const bindings = members.map(bindingReader).filter((reader) => reader !== undefined);
  const payload = members.find((member) => member.location === "payload");
  const streaming = payload?.streaming === true && payload.shape.kind === "blob" ? payload.name : undefined;
  const readBody = payload ? payloadReader(payload, protocol, codecs) : bodyReader(operation, protocol, codecs);
  return (route, request, body) => {
    const out: Plain = {};
    try {
      const query = parseQuery(request.query);
      for (const read of bindings) read(route, request, query, out);
    } catch (error) {
      throw error instanceof WireFailure ? new BindingFailure(error.message, error.code, error.status) : error;
    }
    if (streaming !== undefined) out[streaming] = asStream(body);
    else if (readBody !== undefined) {
      if (!(body instanceof Uint8Array)) throw new TypeError("the body of this operation has to be read first");
      // A raw payload is the client's own data, whatever its encoding; only structured bodies are inflated.
      const bytes = payload?.shape.kind === "blob" ? body : inflateBody(request, body);
      if (bytes.byteLength > 0) readBody(bytes, out);
    }
    return out;
  };
}

function payloadReader(member: Member, protocol: "restJson1" | "restXml", codecs: Codecs): BodyReader {
  const { name, shape } = member;
  switch (shape.kind) {
    case "blob":
      return (bytes, out) => (out[name] = bytes);
    case "string":
      return (bytes, out) => (out[name] = utf8Text(bytes));
    case "document":
      return (bytes, out) => (out[name] = parseJson(bytes));
    default: {
      if (protocol === "restJson1") {
        const read = codecs.restJsonIn.member(member);
        return (bytes, out) => (out[name] = read(parseJson(bytes)));
      }
      const read = codecs.xmlIn.member(member);
      const roots = new Set([member.wireName, shape.xmlName, shape.name, name]);
      return (bytes, out) => (out[name] = read(rootOf(bytes, roots)));
    }
  }
}

function bodyReader(
  operation: OperationModel,
  protocol: "restJson1" | "restXml",
  codecs: Codecs,
): BodyReader | undefined {
  const { input } = operation;
  const members = (input.members ?? []).filter((member) => member.location === undefined);
  if (members.length === 0) return undefined;
  if (protocol === "restJson1") {
    const read = codecs.restJsonIn.structure(input, members);
    return (bytes, out) => void Object.assign(out, read(parseJson(bytes)));
  }
  const read = codecs.xmlIn.structure(input, members);
  const roots = new Set([input.xmlName, input.name]);
  return (bytes, out) => void Object.assign(out, read(rootOf(bytes, roots)));
}

function rootOf(bytes: Bytes, names: ReadonlySet<string | undefined>): XmlNode {
  const root = parseXml(bytes);
  if (!names.has(root.name)) throw invalidXml(`unexpected root element ${root.name.slice(0, 64)}`);
  return root;
}
