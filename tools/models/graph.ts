/**
 * The shape graph between the two front ends and the writer. Shapes are compared by identity, so that recursive
 * shapes and shapes shared between operations stay one.
 */
import type { Constraints, ShapeKind, TimestampFormat } from "#model/types.ts";

export type Location = "label" | "query" | "queryParams" | "header" | "prefixHeaders" | "payload" | "statusCode";
export interface XmlNamespace {
  prefix?: string;
  uri: string;
}

export interface GraphMember {
  name: string;
  shape: GraphShape;
  required?: boolean;
  location?: Location;
  wireName?: string;
  ec2QueryName?: string;
  xmlAttribute?: boolean;
  xmlNamespace?: XmlNamespace;
  flattened?: boolean;
  timestampFormat?: TimestampFormat;
  mediaType?: string;
  idempotencyToken?: boolean;
  sensitive?: boolean;
  streaming?: boolean;
  event?: { header?: boolean; payload?: boolean };
}

export interface GraphShape extends Constraints {
  name: string;
  kind: ShapeKind;
  members?: GraphMember[];
  element?: GraphMember;
  mapKey?: GraphMember;
  sparse?: boolean;
  sensitive?: boolean;
  streaming?: boolean;
  eventStream?: boolean;
  timestampFormat?: TimestampFormat;
  mediaType?: string;
  xmlName?: string;
  xmlNamespace?: XmlNamespace;
  error?: { fault: "client" | "server"; status?: number; queryCode?: string };
}

export interface GraphOperation {
  name: string;
  input: GraphShape;
  output: GraphShape;
  http: { method: string; uri: string; status: number };
  httpChecksumRequired?: boolean;
  unsigned?: boolean;
  hostPrefix?: string;
}

export interface Graph {
  protocols: string[];
  signingName: string;
  endpointPrefix: string;
  apiVersion: string;
  targetPrefix?: string;
  xmlNamespace?: string;
  awsQueryCompatible?: boolean;
  operations: Map<string, GraphOperation>;
  errors: Map<string, GraphShape>;
  /** Every named shape, also those no operation reaches. */
  named: Map<string, GraphShape>;
  /** Enumerations by shape name. */
  enums: Map<string, readonly string[]>;
}

export function emptyStructure(name: string): GraphShape {
  return { name, kind: "structure", members: [] };
}
