/**
 * What a body that cannot be read is answered with. Coral, the framework behind the awsJson services, says
 * `SerializationException` with texts such as "STRING_VALUE can not be converted to an Integer" (aws/aws-cdk#27087),
 * "NUMBER_VALUE can not be converted to a String" and "Start of structure or map found where not expected.".
 */
import { AwsError } from "#kernel/errors.ts";

export class WireFailure extends AwsError {
  constructor(message: string, code = "SerializationException", status = 400) {
    super(code, message, status);
    this.name = "WireFailure";
  }
}

const articles: Readonly<Record<string, string>> = {
  string: "a String",
  boolean: "a Boolean",
  integer: "an Integer",
  long: "a Long",
  float: "a Float",
  double: "a Double",
  bigInteger: "a BigInteger",
  bigDecimal: "a BigDecimal",
  timestamp: "milliseconds since epoch",
  blob: "a ByteBuffer",
};

function tokenOf(value: unknown): string {
  if (typeof value === "string") return "STRING_VALUE";
  if (typeof value === "number" || typeof value === "bigint") return "NUMBER_VALUE";
  if (typeof value === "boolean") return value ? "TRUE_VALUE" : "FALSE_VALUE";
  return "EMBEDDED_OBJECT";
}

/** `kind` is what the model wants, `value` what came; the value itself is never printed. */
export function wrongType(kind: string, value: unknown): WireFailure {
  if (Array.isArray(value)) return new WireFailure("Start of list found where not expected");
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return new WireFailure("Start of structure or map found where not expected.");
  }
  if (kind === "list") return new WireFailure("Expected list or null");
  if (kind === "structure" || kind === "union" || kind === "map") return new WireFailure("Expected null");
  return new WireFailure(`${tokenOf(value)} can not be converted to ${articles[kind] ?? `a ${kind}`}`);
}
