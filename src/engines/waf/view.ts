/**
 * One request, taken apart as the rules ask for it, each part once. All texts are one character per byte.
 * Source of the limits: AWS WAF Developer Guide, "Oversize web request components".
 */
import type { WafRequest } from "./contract.ts";
import { lowerAscii } from "./transforms/bytes.ts";
import { type JsonWalk, walkJson } from "./walkJson.ts";

export interface Pair {
  /** As it was sent. */
  name: string;
  value: string;
}

export interface Pairs {
  pairs: readonly Pair[];
  /** There were more than are inspected. */
  oversize: boolean;
}

/** Headers and cookies: at most 200, and at most 8 KB of them. */
const mostPairs = 200;
const mostBytes = 8_192;

export class RequestView {
  readonly request: WafRequest;
  readonly path: string;
  readonly query: string;
  /** Without `#`; absent when there was none. */
  readonly fragment: string | undefined;
  #headers: Pairs | undefined;
  #byName: Map<string, string[]> | undefined;
  #cookies: Pairs | undefined;
  #body: string | undefined;
  #json: JsonWalk | undefined;

  constructor(request: WafRequest) {
    this.request = request;
    let target = request.target;
    const hash = target.indexOf("#");
    if (hash >= 0) {
      this.fragment = target.slice(hash + 1);
      target = target.slice(0, hash);
    }
    const mark = target.indexOf("?");
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? "" : target.slice(mark + 1);
  }

  get headers(): Pairs {
    return (this.#headers ??= bounded(pairsOf(this.request.rawHeaders)));
  }

  /** Values of a header, in order; the name in lower case. Looked for among all of them, as a single header has no such bound. */
  header(name: string): readonly string[] {
    if (!this.#byName) {
      this.#byName = new Map();
      for (const header of pairsOf(this.request.rawHeaders)) {
        const key = lowerAscii(header.name);
        const known = this.#byName.get(key);
        if (known) known.push(header.value);
        else this.#byName.set(key, [header.value]);
      }
    }
    return this.#byName.get(name) ?? [];
  }

  get cookies(): Pairs {
    return (this.#cookies ??= bounded(
      this.header("cookie")
        .flatMap((line) => line.split(";").map(cookieOf))
        .filter(({ name, value }) => name !== "" || value !== ""),
    ));
  }

  /** Every value of a cookie; names are told apart by case. */
  cookie(name: string): readonly string[] {
    return this.cookies.pairs.filter((cookie) => cookie.name === name).map(({ value }) => value);
  }

  get body(): string {
    return (this.#body ??= latin1(this.request.body));
  }

  get bodyTruncated(): boolean {
    return this.request.bodyTruncated === true;
  }

  get json(): JsonWalk {
    return (this.#json ??= walkJson(this.body));
  }
}

function latin1(bytes: Uint8Array | undefined): string {
  if (!bytes) return "";
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function pairsOf(raw: readonly string[]): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push({ name: raw[i]!, value: raw[i + 1]! });
  return pairs;
}

function cookieOf(text: string): Pair {
  const at = text.indexOf("=");
  return at < 0
    ? { name: text.trim(), value: "" }
    : { name: text.slice(0, at).trim(), value: text.slice(at + 1).trim() };
}

function bounded(pairs: readonly Pair[]): Pairs {
  let bytes = 0;
  for (let i = 0; i < pairs.length; i++) {
    const { name, value } = pairs[i]!;
    const room = mostBytes - bytes;
    bytes += name.length + value.length;
    if (i >= mostPairs) return { pairs: pairs.slice(0, i), oversize: true };
    if (bytes > mostBytes) {
      // The one that goes over is looked at as far as there is room.
      const cut = { name: name.slice(0, room), value: value.slice(0, Math.max(0, room - name.length)) };
      return { pairs: [...pairs.slice(0, i), cut], oversize: true };
    }
  }
  return { pairs, oversize: false };
}

/** Arguments of a query string or form. Names and values as they were sent, undecoded. */
export function argumentsOf(query: string): Pair[] {
  if (query === "") return [];
  return query.split("&").map((argument) => {
    const at = argument.indexOf("=");
    return at < 0 ? { name: argument, value: "" } : { name: argument.slice(0, at), value: argument.slice(at + 1) };
  });
}
