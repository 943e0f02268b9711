/**
 * What a SigV4 signature is, once read: shared by the header form (sigv4.ts), the query form (presigned.ts) and the
 * browser form (postPolicy.ts).
 */
import type { KeyObject } from "node:crypto";
import type { Clock } from "#kernel/clock.ts";
import type { Addressed } from "./authErrors.ts";
import type { Scope } from "./signingKeys.ts";

export const algorithm = "AWS4-HMAC-SHA256";
export const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** How the body of a request is bound to its signature. */
export type PayloadMode =
  /** The signature covers this SHA-256 (hex) of the body; `openPayload` checks it. */
  | { kind: "sha256"; sha256: string }
  /** The body is not covered. */
  | { kind: "unsigned" }
  /** aws-chunked: each chunk signed or not, with or without trailing headers. */
  | { kind: "chunked"; signed: boolean; trailer: boolean };

export interface ReadOptions {
  addressed: Addressed;
  clock: Clock;
  /** Is it a Region we know? Absent: any that looks like one. */
  knownRegion?: (region: string) => boolean;
}

/** A signature whose form, scope and time are in order, not yet compared. */
export interface PresentedSignature extends ReadOptions {
  form: "header" | "query";
  accessKeyId: string;
  sessionToken?: string;
  scope: Scope;
  /** `YYYYMMDDTHHMMSSZ` */
  amzDate: string;
  /** Epoch milliseconds of `amzDate`. */
  signedAt: number;
  signature: string;
  /** Lower case, sorted, without duplicates. */
  signedHeaders: readonly string[];
  /** As AWS prints it and as it is hashed: `host;x-amz-date`. */
  signedHeadersText: string;
  /** `x-amz-content-sha256` where the service heeds it (S3); otherwise the server hashes the body. */
  declaredPayload?: string;
}

export interface SigningCredential {
  accessKeyId: string;
  secretAccessKey: string;
  /** Session credentials: the token that must accompany the signature. */
  sessionToken?: string;
}

/** A signature that holds. */
export interface VerifiedSignature {
  accessKeyId: string;
  scope: Scope;
  amzDate: string;
  signedAt: number;
  /** Hex; the seed of the first chunk's signature. */
  signature: string;
  signingKey: KeyObject;
  payload: PayloadMode;
  signedHeaders: readonly string[];
  /** Condition key `s3:authType`. */
  authType: "REST-HEADER" | "REST-QUERY-STRING" | "POST";
  /** Condition key `s3:signatureAge`, milliseconds. */
  signatureAge: number;
}

const amzDateForm = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** The last date that was read: all requests of a second bear the same. */
const lastRead: { text: string; time: number | undefined } = { text: "", time: undefined };

/** `20130524T000000Z` → epoch milliseconds; `undefined` unless it is exactly that form and a date that exists. */
export function parseAmzDate(text: string): number | undefined {
  if (text !== lastRead.text) {
    lastRead.time = readAmzDate(text);
    lastRead.text = text;
  }
  return lastRead.time;
}

function readAmzDate(text: string): number | undefined {
  const match = amzDateForm.exec(text);
  if (match === null) return undefined;
  const month = Number(match[2]);
  const day = Number(match[3]);
  const hour = Number(match[4]);
  const minute = Number(match[5]);
  const second = Number(match[6]);
  if (month < 1 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const time = Date.UTC(Number(match[1]), month - 1, day, hour, minute, second);
  // A month or day too large has rolled over into the next one.
  const date = new Date(time);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? time : undefined;
}

export function formatAmzDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** The lists that were read lately: each client sends the same with every call of an operation. */
const knownLists = new Map<string, readonly string[]>();
const mostLists = 64;
/** A longer list is nothing to be kept for a stranger. */
const longestList = 512;

/** `host;X-Amz-Date` → sorted lower-case names. */
export function parseSignedHeaders(text: string): readonly string[] {
  const known = knownLists.get(text);
  if (known !== undefined) return known;
  const names = readSignedHeaders(text);
  if (text.length <= longestList) {
    if (knownLists.size >= mostLists) knownLists.clear();
    knownLists.set(text, names);
  }
  return names;
}

function readSignedHeaders(text: string): string[] {
  const names = text.toLowerCase().split(";");
  // Every SDK sends them sorted and once each; only others pay for putting them in order.
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === "" || (i > 0 && name <= (names[i - 1] as string))) {
      return [...new Set(names)].filter((one) => one !== "").toSorted();
    }
  }
  return names;
}
