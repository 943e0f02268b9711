/** Compiles, per operation and protocol, what turns an output object into a response. */
import { createHash } from "node:crypto";
import type { Member, OperationModel, ServiceModel, Shape } from "#model/types.ts";
import { CborOutput } from "./cbor.ts";
import type { Codecs } from "./codecs.ts";
import type { Bytes, ByteStream, HttpResponse, Protocol } from "./contract.ts";
import { compileEventStream, eventStreamType, type EventBody } from "./eventStream.ts";
import { OutputMismatch } from "./jsonWrite.ts";
import { headerWriter, type Headers } from "./restWrite.ts";
import { escapeXml } from "./xmlWrite.ts";

type Plain = Record<string, unknown>;
export type ResponseEncoder = (output: Plain, requestId: string) => HttpResponse;
type Body = HttpResponse["body"];

export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** S3's second id. It means nothing to a client but support asks for it, so it is derived from the first. */
export function hostId(requestId: string): string {
  return createHash("sha512").update(requestId).digest("base64");
}

export function isUnit(shape: Shape): boolean {
  return shape.members?.length === 0 && shape.name === "Unit";
}

export function compileResponse(
  service: ServiceModel,
  operation: OperationModel,
  protocol: Protocol,
  codecs: Codecs,
): ResponseEncoder {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
      return compileAwsJson(operation, protocol, codecs);
    case "rpcV2Cbor":
      return compileCbor(operation, codecs);
    case "awsQuery":
      return compileQuery(service, operation, codecs);
    case "ec2Query":
      return compileEc2(service, operation, codecs);
    default:
      return compileRest(service, operation, protocol, codecs);
  }
}

function compileAwsJson(operation: OperationModel, protocol: Protocol, codecs: Codecs): ResponseEncoder {
  const { output } = operation;
  const contentType = protocol === "awsJson1_0" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
  const events = output.members?.find((member) => member.shape.eventStream);
  if (events) {
    const rest = output.members!.filter((member) => member !== events);
    const initial = codecs.awsJsonOut.structure(output, rest);
    const body: EventBody = {
      contentType,
      structure: (shape, members) => codecs.awsJsonOut.structure(shape, members),
    };
    const frames = compileEventStream(events.shape, body);
    return (value, requestId) => ({
      status: 200,
      headers: { "content-type": eventStreamType, "x-amzn-requestid": requestId },
      body: frames(value[events.name], initial(value)),
    });
  }
  if (isUnit(output)) {
    return (_value, requestId) => ({
      status: 200,
      headers: { "content-type": contentType, "x-amzn-requestid": requestId },
      body: "",
    });
  }
  const write = codecs.awsJsonOut.of(output);
  return (value, requestId) => ({
    status: 200,
    headers: { "content-type": contentType, "x-amzn-requestid": requestId },
    body: write(value),
  });
}

function compileCbor(operation: OperationModel, codecs: Codecs): ResponseEncoder {
  const write = codecs.cborOut.of(operation.output);
  return (value, requestId) => {
    const out = new CborOutput();
    write(value, out);
    return {
      status: 200,
      headers: { "content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-requestid": requestId },
      body: out.finish(),
    };
  };
}

function compileQuery(service: ServiceModel, operation: OperationModel, codecs: Codecs): ResponseEncoder {
  const { name, output } = operation;
  const children = codecs.xmlOut.children(output);
  const start = `<${name}Response xmlns="${escapeXml(service.xmlNamespace ?? "")}">`;
  const result = isUnit(output) ? undefined : `${name}Result`;
  return (value, requestId) => {
    const inner = result === undefined ? "" : `<${result}>${children(value)}</${result}>`;
    const metadata = `<ResponseMetadata><RequestId>${escapeXml(requestId)}</RequestId></ResponseMetadata>`;
    return xmlResponse(200, `${start}${inner}${metadata}</${name}Response>`, requestId);
  };
}

function compileEc2(service: ServiceModel, operation: OperationModel, codecs: Codecs): ResponseEncoder {
  const { name, output } = operation;
  const children = codecs.xmlOut.children(output);
  // EC2's answers end the namespace with a slash that its model has not.
  const namespace = (service.xmlNamespace ?? "").replace(/\/?$/, "/");
  const start = `${xmlDeclaration}<${name}Response xmlns="${escapeXml(namespace)}">`;
  const unit = isUnit(output);
  return (value, requestId) => {
    const inner = unit ? "<return>true</return>" : children(value);
    const text = `${start}<requestId>${escapeXml(requestId)}</requestId>${inner}</${name}Response>`;
    return xmlResponse(200, text, requestId);
  };
}

function xmlResponse(status: number, body: string, requestId: string): HttpResponse {
  return { status, headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId }, body };
}

type PayloadWriter = (value: unknown) => { type: string; body: Body };

function compileRest(
  service: ServiceModel,
  operation: OperationModel,
  protocol: "restJson1" | "restXml",
  codecs: Codecs,
): ResponseEncoder {
  const members = operation.output.members ?? [];
  const headerWriters = members.flatMap((member) => {
    const write = headerWriter(member);
    return write ? [{ name: member.name, write }] : [];
  });
  const status = members.find((member) => member.location === "statusCode")?.name;
  const payload = members.find((member) => member.location === "payload");
  const writePayload = payload && payloadWriter(service, payload, protocol, codecs);
  const writeBody = payload ? undefined : bodyWriter(service, operation, protocol, codecs);
  const s3 = service.signingName === "s3";
  return (value, requestId) => {
    const headers: Headers = s3
      ? { "x-amz-request-id": requestId, "x-amz-id-2": hostId(requestId) }
      : { "x-amzn-requestid": requestId };
    let body: Body;
    if (writePayload !== undefined) {
      const item = value[payload!.name];
      if (item !== undefined && item !== null) {
        const written = writePayload(item);
        headers["content-type"] = written.type;
        body = written.body;
      }
    } else if (writeBody !== undefined) {
      headers["content-type"] = protocol === "restJson1" ? "application/json" : "application/xml";
      body = writeBody(value);
    }
    for (const { name, write } of headerWriters) {
      const item = value[name];
      if (item !== undefined && item !== null) write(item, headers);
    }
    const code = status === undefined ? undefined : value[status];
    // RFC 9110 section 15.3.7: what says which range it is, is a partial answer. No model states that status.
    const usual = headers["content-range"] === undefined ? operation.http.status : 206;
    return { status: typeof code === "number" ? code : usual, headers, body };
  };
}

function payloadWriter(
  service: ServiceModel,
  member: Member,
  protocol: "restJson1" | "restXml",
  codecs: Codecs,
): PayloadWriter {
  const { shape } = member;
  const json = protocol === "restJson1";
  if (shape.eventStream) {
    const body: EventBody = json
      ? { contentType: "application/json", structure: (s, m) => codecs.restJsonOut.structure(s, m) }
      : {
          contentType: "text/xml",
          structure: (s, m) => xmlRoot(service, s.xmlName ?? s.name, codecs.xmlOut.children(s, m)),
        };
    const frames = compileEventStream(shape, body);
    return (value) => ({ type: eventStreamType, body: frames(value) });
  }
  switch (shape.kind) {
    case "blob": {
      const type = member.mediaType ?? "application/octet-stream";
      return (value) => ({ type, body: rawBody(value) });
    }
    case "string": {
      const type = member.mediaType ?? "text/plain";
      return (value) => ({ type, body: value as string });
    }
    case "document":
      return (value) => ({ type: "application/json", body: JSON.stringify(value) });
    default: {
      if (json) {
        const write = codecs.restJsonOut.member(member);
        return (value) => ({ type: "application/json", body: write(value) });
      }
      const root = member.wireName ?? shape.xmlName ?? shape.name;
      const namespaced: Member = {
        ...member,
        xmlNamespace: member.xmlNamespace ?? shape.xmlNamespace ?? { uri: service.xmlNamespace ?? "" },
      };
      const write = codecs.xmlOut.element(namespaced, root);
      return (value) => ({ type: "application/xml", body: xmlDeclaration + write(value) });
    }
  }
}

function rawBody(value: unknown): Bytes | string | ByteStream {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (value !== null && typeof value === "object" && Symbol.asyncIterator in value) return value as ByteStream;
  throw new OutputMismatch("bytes or stream", value);
}

const elsewhere: ReadonlySet<Member["location"]> = new Set(["header", "prefixHeaders", "statusCode", "payload"]);

function bodyWriter(
  service: ServiceModel,
  operation: OperationModel,
  protocol: "restJson1" | "restXml",
  codecs: Codecs,
): ((value: unknown) => string) | undefined {
  const { output } = operation;
  // A query location means nothing in a response: API Gateway's `position` is in the body whatever the model says.
  const members = (output.members ?? []).filter((member) => !elsewhere.has(member.location));
  if (members.length === 0) return undefined;
  if (protocol === "restJson1") return codecs.restJsonOut.structure(output, members);
  if (service.id === "s3" && operation.name === "GetBucketLocation") return unwrapped(service, codecs, members[0]!);
  return xmlRoot(service, output.xmlName ?? output.name, codecs.xmlOut.children(output, members));
}

/** S3's one answer whose member is the root itself. Source: smithy.io, "aws.customizations#s3UnwrappedXmlOutput". */
function unwrapped(service: ServiceModel, codecs: Codecs, member: Member): (value: unknown) => string {
  const write = codecs.xmlOut.element({ ...member, xmlNamespace: { uri: service.xmlNamespace ?? "" } });
  return (value) => xmlDeclaration + write((value as Plain)[member.name] ?? "");
}

function xmlRoot(
  service: ServiceModel,
  root: string,
  children: (value: unknown) => string,
): (value: unknown) => string {
  const start = `${xmlDeclaration}<${root} xmlns="${escapeXml(service.xmlNamespace ?? "")}">`;
  return (value) => `${start}${children(value)}</${root}>`;
}
