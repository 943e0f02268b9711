/** What the build leaves of the models for the client: how members are named and placed on the wire. */

/** `0`: as it is; `"n"` number, `"b"` boolean (XML is text); lists, maps, structures. */
export type Schema = 0 | "n" | "b" | ListSchema | MapSchema | StructureSchema;

export interface ListSchema {
  l: Schema;
  /** Name of an element on the wire; absent for flattened lists. */
  e?: string;
}

export interface MapSchema {
  v: Schema;
  /** Names of key and value on the wire. */
  n: readonly [string, string];
  /** Flattened. */
  f?: 1;
}

export interface StructureSchema {
  s: Readonly<Record<string, MemberSchema>>;
}

/** Name on the wire, shape, and where it is when that is not the body: label, query, header, payload. */
export type MemberSchema = readonly [wire: string, schema: Schema, at?: "l" | "q" | "h" | "p"];

export interface OperationSchema {
  method: string;
  uri: string;
  /** A checksum of the body has to be sent. */
  checksum?: 1;
  input: Schema;
  output: Schema;
}

export interface ServiceSchema {
  protocol: "json" | "query" | "ec2" | "restJson" | "restXml";
  /** Content type of JSON protocols. */
  contentType?: string;
  target?: string;
  version: string;
  signingName: string;
  /** Root namespace of XML bodies. */
  namespace?: string;
  operations: Readonly<Record<string, OperationSchema>>;
}
