/**
 * Requests as every AWS client sends them, read without Node's parser: a head of plain ASCII, and a body whose length
 * is told in front.
 *
 * INVARIANT: the grammar is a part of what Node's parser takes, and of that only what no two readers read differently:
 * one Host, at most one Content-Length and no Transfer-Encoding, CRLF at the end of each line and nowhere else, no white
 * space around names, no folded lines, an origin-form target. Whatever else comes is not read here at all.
 * Sources: RFC 9112, sections 2 to 6; RFC 9110, section 5.
 */
import { addHeader, emptyHeaders, isHost, splitTarget, type RequestHead } from "./requestHead.ts";
import type { ServerLimits } from "./limits.ts";

export interface UsualRequest extends RequestHead {
  method: string;
  /** Where the body begins and ends in the bytes that were given; the end may still be to come. */
  bodyStart: number;
  end: number;
}

/** Head and body together; a longer body is read as a stream. */
const longest = 65_536;

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"]);
/** What asks for more than an answer on this connection, or frames the body otherwise. */
const unusual: ReadonlySet<string> = new Set(["transfer-encoding", "expect", "upgrade", "trailer", "te"]);

const isToken = characters("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
/** Visible ASCII without "#", which begins a fragment. */
const isTarget = range(0x21, 0x7e);
isTarget[0x23] = 0;
/** Visible ASCII, space and tab. */
const isText = range(0x20, 0x7e);
isText[0x09] = 1;

const carriageReturn = 13;
const lineFeed = 10;
const space = 32;
const tab = 9;
const colon = 58;
const version = " HTTP/1.1\r\n";

/** The request that the bytes begin with, or `undefined` when it is for Node's parser to read (or to refuse). */
export function readUsual(bytes: Buffer, limits: ServerLimits): UsualRequest | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0 || headEnd > limits.headerBytes - 4) return undefined;
  const text = bytes.toString("latin1", 0, headEnd + 2);

  const methodEnd = text.indexOf(" ");
  const method = text.slice(0, methodEnd);
  if (!methods.has(method)) return undefined;
  const targetStart = methodEnd + 1;
  let at = targetStart;
  while (isTarget[text.charCodeAt(at)] === 1) at++;
  const target = text.slice(targetStart, at);
  if (!target.startsWith("/") || !text.startsWith(version, at)) return undefined;

  const headers = emptyHeaders();
  const linesStart = at + version.length;
  if (!readLines(text, linesStart, headers, limits.headerCount)) return undefined;
  const { host } = headers;
  if (host === undefined || !isHost(host)) return undefined;
  const connection = headers["connection"];
  if (connection !== undefined && connection.toLowerCase() !== "keep-alive") return undefined;
  const length = headers["content-length"] ?? "0";
  if (!/^\d{1,5}$/.test(length)) return undefined;
  const bodyStart = headEnd + 4;
  const end = bodyStart + Number(length);
  if (end > longest) return undefined;
  const { path, query } = splitTarget(target);
  return { method, path, query, headers, bodyStart, end };
}

/** False when a line is not of this grammar, or a header not of this kind of request. */
function readLines(text: string, start: number, headers: Record<string, string>, most: number): boolean {
  let at = start;
  let lines = 0;
  while (at < text.length) {
    if (++lines > most) return false;
    const nameStart = at;
    while (isToken[text.charCodeAt(at)] === 1) at++;
    if (at === nameStart || text.charCodeAt(at) !== colon) return false;
    const name = text.slice(nameStart, at).toLowerCase();
    at++;
    while (isBlank(text.charCodeAt(at))) at++;
    const valueStart = at;
    while (isText[text.charCodeAt(at)] === 1) at++;
    if (text.charCodeAt(at) !== carriageReturn || text.charCodeAt(at + 1) !== lineFeed) return false;
    let valueEnd = at;
    while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
    at += 2;
    if (unusual.has(name) || !addHeader(headers, name, text.slice(valueStart, valueEnd))) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function characters(text: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of text) table[character.charCodeAt(0)] = 1;
  return table;
}

function range(first: number, last: number): Uint8Array {
  const table = new Uint8Array(256);
  table.fill(1, first, last + 1);
  return table;
}
