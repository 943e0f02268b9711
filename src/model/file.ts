/**
 * The form of `src/model/data/<service>.json`. Keys are short because the files hold some hundred thousand of them;
 * this page is their dictionary. Written by `tools/models/write.ts`, read by `load.ts`.
 */
import type { Member, ShapeKind, TimestampFormat } from "./types.ts";

export const kindCodes = {
  structure: "S",
  union: "U",
  list: "L",
  map: "M",
  string: "s",
  boolean: "b",
  integer: "i",
  long: "l",
  float: "f",
  double: "d",
  bigInteger: "B",
  bigDecimal: "D",
  timestamp: "t",
  blob: "x",
  document: "o",
} as const satisfies Record<ShapeKind, string>;

export const locationCodes = {
  label: "l",
  query: "q",
  queryParams: "Q",
  header: "h",
  prefixHeaders: "H",
  payload: "p",
  statusCode: "s",
} as const satisfies Record<NonNullable<Member["location"]>, string>;

export const timestampCodes = {
  "date-time": "d",
  "http-date": "h",
  "epoch-seconds": "e",
} as const satisfies Record<TimestampFormat, string>;

/** Name, index of the shape, traits. */
export type FileMember = [name: string, shape: number, traits?: FileTraits];

export interface FileTraits {
  /** required */
  r?: 1;
  /** location */
  l?: string;
  /** wireName */
  w?: string;
  /** ec2QueryName */
  q?: string;
  /** xmlAttribute */
  xa?: 1;
  /** xmlNamespace: prefix, uri */
  ns?: [string, string];
  /** flattened */
  f?: 1;
  /** timestampFormat */
  t?: string;
  /** mediaType */
  mt?: string;
  /** idempotencyToken */
  id?: 1;
  /** sensitive */
  s?: 1;
  /** streaming */
  st?: 1;
  /** event header */
  eh?: 1;
  /** event payload */
  ep?: 1;
}

export interface FileShape {
  /** name */
  n: string;
  /** kind */
  k: string;
  /** members */
  m?: FileMember[];
  /** map key */
  K?: FileMember;
  /** list element or map value */
  e?: FileMember;
  min?: number;
  max?: number;
  /** pattern */
  p?: string;
  enum?: readonly string[];
  /** sparse */
  sp?: 1;
  /** sensitive */
  s?: 1;
  /** event stream */
  ev?: 1;
  /** xmlName */
  x?: string;
  /** xmlNamespace: prefix, uri */
  ns?: [string, string];
  /** error: fault, status or 0, query code or "" */
  err?: [string, number, string];
}

export interface FileOperation {
  /** index of the input shape */
  i: number;
  /** index of the output shape */
  o: number;
  /** method, uri, status; absent for POST, "/", 200 */
  http?: [string, string, number];
  /** httpChecksumRequired */
  c?: 1;
  /** unsigned */
  u?: 1;
  /** hostPrefix */
  h?: string;
}

/** What is known of a service without its shapes: a row of `index.json`. */
export interface FileHead {
  id: string;
  iamPrefix: string;
  signingName: string;
  endpointPrefix: string;
  eventSource: string;
  apiVersion: string;
  protocols: string[];
  targetPrefix?: string;
  xmlNamespace?: string;
  awsQueryCompatible?: boolean;
}

export interface FileModel extends FileHead {
  generated: string;
  operations: Record<string, FileOperation>;
  errors: Record<string, number>;
  shapes: FileShape[];
}
