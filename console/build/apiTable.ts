/** The client's table of the API, made from the models of the installation for the operations that the console uses. */
import { loadModel } from "../../src/model/load.ts";
import type { Member, OperationModel, ServiceModel, Shape } from "../../src/model/types.ts";
import { modelled, plain } from "../src/aws/operations.ts";
import type { MemberSchema, OperationSchema, Schema, ServiceSchema } from "../src/aws/schema.ts";

const protocols: Readonly<Record<string, ServiceSchema["protocol"]>> = {
  awsJson1_0: "json",
  awsJson1_1: "json",
  awsQuery: "query",
  ec2Query: "ec2",
  restJson1: "restJson",
  restXml: "restXml",
};
const places = { label: "l", query: "q", header: "h", payload: "p" } as const;

/** Recursive shapes end here; none of the operations in use needs more. */
const deepest = 8;

export function apiTable(): Record<string, ServiceSchema> {
  const rows = [
    ...plain.map((id) => [id, []] as const),
    ...Object.entries(modelled).map(([id, names]) => [id, names] as const),
  ];
  return Object.fromEntries(rows.map(([id, names]) => [id, serviceSchema(loadModel(id), names)]));
}

function serviceSchema(model: ServiceModel, names: readonly string[]): ServiceSchema {
  const [first = ""] = model.protocols;
  const protocol = protocols[first];
  if (!protocol) throw new Error(`${model.id}: no client for ${first}`);
  const operations = names.map((name) => {
    const operation = model.operations.get(name);
    if (!operation) throw new Error(`${model.id} has no operation ${name}`);
    return [name, operationSchema(operation, protocol)] as const;
  });
  return {
    protocol,
    ...(protocol === "json"
      ? { contentType: first === "awsJson1_0" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1" }
      : {}),
    ...(model.targetPrefix === undefined ? {} : { target: model.targetPrefix }),
    version: model.apiVersion,
    signingName: model.signingName,
    ...(protocol === "restXml" && model.xmlNamespace ? { namespace: model.xmlNamespace } : {}),
    operations: Object.fromEntries(operations),
  };
}

type Protocol = ServiceSchema["protocol"];

function operationSchema(operation: OperationModel, protocol: Protocol): OperationSchema {
  const { method, uri } = operation.http;
  return {
    method,
    uri,
    ...(operation.httpChecksumRequired ? { checksum: 1 as const } : {}),
    input: schemaOf(operation.input, protocol, "input"),
    output: schemaOf(operation.output, protocol, "output"),
  };
}

function schemaOf(shape: Shape, protocol: Protocol, side: "input" | "output", depth = 0): Schema {
  const isXml = protocol !== "restJson";
  const nested = (next: Shape) => schemaOf(next, protocol, side, depth + 1);
  if (depth > deepest) return 0;
  switch (shape.kind) {
    case "structure":
    case "union": {
      const members = shape.members!.map(
        (member) => [member.name, memberSchema(member, protocol, side, nested)] as const,
      );
      const same = members.every(([name, [wire, schema, at]]) => wire === name && schema === 0 && !at);
      return same && !isXml ? 0 : { s: Object.fromEntries(members) };
    }
    case "list": {
      const element = nested(shape.element!.shape);
      if (!isXml && element === 0) return 0;
      return { l: element, e: shape.element!.wireName ?? "member" };
    }
    case "map": {
      const value = nested(shape.element!.shape);
      if (!isXml && value === 0) return 0;
      return { v: value, n: [shape.mapKey?.wireName ?? "key", shape.element!.wireName ?? "value"] };
    }
    case "boolean":
      return isXml ? "b" : 0;
    case "integer":
    case "long":
    case "float":
    case "double":
      return isXml ? "n" : 0;
    default:
      return 0;
  }
}

function memberSchema(
  member: Member,
  protocol: Protocol,
  side: string,
  nested: (shape: Shape) => Schema,
): MemberSchema {
  let schema = nested(member.shape);
  const isRest = protocol === "restJson" || protocol === "restXml";
  if (
    typeof schema === "object" &&
    "l" in schema &&
    (member.flattened || protocol === "ec2") &&
    (protocol !== "ec2" || side === "input")
  ) {
    schema = { l: schema.l };
  }
  if (typeof schema === "object" && "v" in schema && member.flattened) schema = { ...schema, f: 1 };
  const at =
    isRest && member.location && member.location in places ? places[member.location as keyof typeof places] : undefined;
  return at ? [wireName(member, protocol, side), schema, at] : [wireName(member, protocol, side), schema];
}

function wireName(member: Member, protocol: Protocol, side: string): string {
  const plainName = member.wireName ?? member.name;
  if (protocol !== "ec2" || side !== "input") return plainName;
  return member.ec2QueryName ?? plainName[0]!.toUpperCase() + plainName.slice(1);
}
