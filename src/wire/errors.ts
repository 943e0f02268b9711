/** Error envelopes, one per protocol. Sources: smithy.io, "Error serialization" of each protocol; S3 API Reference, "Error responses". */
import type { AwsError } from "#kernel/errors.ts";
import type { ServiceModel, Shape } from "#model/types.ts";
import { CborOutput } from "./cbor.ts";
import type { Codecs } from "./codecs.ts";
import type { HttpRequest, HttpResponse, Protocol } from "./contract.ts";
import { modelledStatus } from "./errorRules.ts";
import { hostId, xmlDeclaration } from "./response.ts";
import { headerText, headerWriter, isHeaderText, type Headers } from "./restWrite.ts";
import { escapeXml } from "./xmlWrite.ts";

type Plain = Record<string, unknown>;

interface Rendered {
  /** What the client reads as the code. */
  code: string;
  status: number;
  fault: "Sender" | "Receiver";
  shape: Shape | undefined;
  /** Members of the modelled shape, the message among them. */
  fields: Plain;
  message: string;
}

/** Error shapes by name, and by the code that query protocols show. */
function shapeOf(service: ServiceModel | undefined, code: string): Shape | undefined {
  if (service === undefined) return undefined;
  const named = service.errors.get(code);
  if (named !== undefined) return named;
  for (const shape of service.errors.values()) if (shape.error?.queryCode === code) return shape;
  return undefined;
}

function render(service: ServiceModel | undefined, protocol: Protocol, error: AwsError): Rendered {
  const shape = shapeOf(service, error.code);
  const modelled = service && shape?.error ? modelledStatus(service, protocol, shape.error) : undefined;
  const status = modelled ?? error.status;
  const query = protocol === "awsQuery" || protocol === "ec2Query" || protocol === "restXml";
  const fields: Plain = { ...error.fields };
  const messageMember = shape?.members?.find((member) => member.name.toLowerCase() === "message");
  if (messageMember !== undefined) fields[messageMember.name] = error.message;
  return {
    code: query ? (shape?.error?.queryCode ?? shape?.name ?? error.code) : (shape?.name ?? error.code),
    status,
    fault: status >= 500 ? "Receiver" : "Sender",
    shape,
    fields,
    message: error.message,
  };
}

/**
 * Never throws: an error whose fields do not fit its shape is answered without them, and a header that holds a control
 * character is left out.
 */
export function encodeError(
  codecs: Codecs,
  service: ServiceModel | undefined,
  protocol: Protocol,
  request: HttpRequest,
  error: AwsError,
  requestId: string,
): HttpResponse {
  const rendered = render(service, protocol, error);
  const response = safeEnvelope(codecs, service, protocol, rendered, requestId);
  const headers: [string, string][] = Object.entries(error.headers);
  if (service?.awsQueryCompatible && request.headers["x-amzn-query-mode"] === "true") {
    headers.push(["x-amzn-query-error", `${rendered.shape?.error?.queryCode ?? rendered.code};${rendered.fault}`]);
  }
  for (const [name, value] of headers) {
    if (isHeaderText(value)) response.headers[name.toLowerCase()] = headerText(name, value);
  }
  // A HEAD response and 304 have no body; clients read the code from the status.
  if (request.method === "HEAD" || rendered.status === 304) response.body = undefined;
  return response;
}

function safeEnvelope(
  codecs: Codecs,
  service: ServiceModel | undefined,
  protocol: Protocol,
  error: Rendered,
  requestId: string,
): HttpResponse {
  try {
    return envelope(codecs, service, protocol, error, requestId);
  } catch {
    return envelope(codecs, service, protocol, { ...error, shape: undefined, fields: {} }, requestId);
  }
}

function envelope(
  codecs: Codecs,
  service: ServiceModel | undefined,
  protocol: Protocol,
  error: Rendered,
  requestId: string,
): HttpResponse {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1": {
      const contentType = protocol === "awsJson1_0" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
      const body = jsonBody(codecs, error, false, JSON.stringify(error.code));
      return response(error, { "content-type": contentType, "x-amzn-requestid": requestId }, body);
    }
    case "restJson1": {
      const headers: Headers = { "content-type": "application/json", "x-amzn-requestid": requestId };
      writeHeaders(error, headers);
      headers["x-amzn-errortype"] = headerText("x-amzn-errortype", error.code);
      return response(error, headers, jsonBody(codecs, error, true, undefined));
    }
    case "rpcV2Cbor":
      return cborError(codecs, service, error, requestId);
    case "awsQuery": {
      const body = errorResponse(codecs, service, error, requestId);
      return response(error, { "content-type": "text/xml", "x-amzn-requestid": requestId }, body);
    }
    case "ec2Query": {
      const inner = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`;
      const body = `${xmlDeclaration}<Response><Errors><Error>${inner}</Error></Errors><RequestID>${escapeXml(requestId)}</RequestID></Response>`;
      return response(error, { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId }, body);
    }
    default:
      return restXmlError(codecs, service, error, requestId);
  }
}

function response(error: Rendered, headers: Headers, body: HttpResponse["body"]): HttpResponse {
  return { status: error.status, headers, body };
}

function writeHeaders(error: Rendered, headers: Headers): void {
  for (const member of error.shape?.members ?? []) {
    const value = error.fields[member.name];
    if (value !== undefined && value !== null) headerWriter(member)?.(value, headers);
  }
}

function jsonBody(codecs: Codecs, error: Rendered, rest: boolean, type: string | undefined): string {
  const start = type === undefined ? "" : `"__type":${type}`;
  const writers = rest ? codecs.restJsonOut : codecs.awsJsonOut;
  const bodyMembers = error.shape?.members?.filter((member) => member.location === undefined) ?? [];
  let inner = error.shape === undefined ? "{}" : writers.structure(error.shape, bodyMembers)(error.fields);
  if (!bodyMembers.some((member) => member.name.toLowerCase() === "message") && error.message !== "") {
    inner = `{"message":${JSON.stringify(error.message)}${inner === "{}" ? "}" : `,${inner.slice(1)}`}`;
  }
  if (start === "") return inner;
  return inner === "{}" ? `{${start}}` : `{${start},${inner.slice(1)}`;
}

function cborError(
  codecs: Codecs,
  service: ServiceModel | undefined,
  error: Rendered,
  requestId: string,
): HttpResponse {
  const out = new CborOutput();
  const members = error.shape?.members ?? [];
  const set = members.filter((member) => error.fields[member.name] !== undefined);
  const hasMessage = set.some((member) => member.name.toLowerCase() === "message");
  out.head(5, 1 + set.length + (hasMessage ? 0 : 1));
  out.text("__type");
  out.text(service === undefined ? error.code : `com.amazonaws.${service.id}#${error.code}`);
  if (!hasMessage) {
    out.text("message");
    out.text(error.message);
  }
  for (const member of set) {
    out.text(member.name);
    codecs.cborOut.of(member.shape)(error.fields[member.name], out);
  }
  const headers = {
    "content-type": "application/cbor",
    "smithy-protocol": "rpc-v2-cbor",
    "x-amzn-requestid": requestId,
  };
  return response(error, headers, out.finish());
}

/** Members beside code and message: by the model where it knows them, as text where it does not. */
function fieldElements(codecs: Codecs, error: Rendered): string {
  let text = "";
  for (const [name, value] of Object.entries(error.fields)) {
    if (value === undefined || value === null || name.toLowerCase() === "message") continue;
    const member = error.shape?.byName?.get(name);
    if (member !== undefined) text += codecs.xmlOut.element(member)(value);
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      text += `<${name}>${escapeXml(String(value))}</${name}>`;
    }
  }
  return text;
}

function errorResponse(codecs: Codecs, service: ServiceModel | undefined, error: Rendered, requestId: string): string {
  const namespace = service?.xmlNamespace === undefined ? "" : ` xmlns="${escapeXml(service.xmlNamespace)}"`;
  const inner = `<Type>${error.fault}</Type><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`;
  return `<ErrorResponse${namespace}><Error>${inner}${fieldElements(codecs, error)}</Error><RequestId>${escapeXml(requestId)}</RequestId></ErrorResponse>`;
}

function restXmlError(
  codecs: Codecs,
  service: ServiceModel | undefined,
  error: Rendered,
  requestId: string,
): HttpResponse {
  if (service !== undefined && service.signingName !== "s3") {
    const body = xmlDeclaration + errorResponse(codecs, service, error, requestId);
    return response(error, { "content-type": "text/xml", "x-amzn-requestid": requestId }, body);
  }
  const host = hostId(requestId);
  const inner = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>${fieldElements(codecs, error)}<RequestId>${escapeXml(requestId)}</RequestId><HostId>${host}</HostId>`;
  // S3 Control wraps its errors, S3 does not.
  const body =
    service?.id === "s3control"
      ? `<ErrorResponse><Error>${inner}</Error><RequestId>${escapeXml(requestId)}</RequestId></ErrorResponse>`
      : `<Error>${inner}</Error>`;
  const headers = { "content-type": "application/xml", "x-amz-request-id": requestId, "x-amz-id-2": host };
  return response(error, headers, xmlDeclaration + body);
}
