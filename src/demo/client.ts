/**
 * A small AWS client: the demonstration uses the installation as everybody does, through its API and with signed requests.
 * Answers are read as far as it needs them.
 */
import { signRequest, type SigningCredentials } from "#kernel/signedRequest.ts";

export interface ApiTarget {
  endpoint: string;
  region: string;
  credentials: SigningCredentials;
}

/** A refusal, by its code. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status: number) {
    super(`${code}: ${message}`);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }
}

type Params = Readonly<Record<string, unknown>>;

interface Request {
  service: string;
  method: string;
  path: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

const jsonTargets = {
  cloudtrail: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
  events: "AWSEvents",
  wafv2: "AWSWAF_20190729",
} as const;

const queryServices = {
  ec2: { version: "2016-11-15", lists: "" },
  elasticloadbalancing: { version: "2015-12-01", lists: ".member" },
  sns: { version: "2010-03-31", lists: ".member" },
} as const;

/** Longest that an answer is waited for. */
const answerMs = 30_000;

export class Api {
  readonly #target: ApiTarget;

  constructor(target: ApiTarget) {
    this.#target = target;
  }

  /** The answer, of which the caller says what it reads. */
  async json<Answer = unknown>(service: keyof typeof jsonTargets, operation: string, input: Params): Promise<Answer> {
    const headers = {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `${jsonTargets[service]}.${operation}`,
    };
    const text = await this.#send({ service, method: "POST", path: "/", headers, body: JSON.stringify(input) });
    return (text === "" ? {} : JSON.parse(text)) as Answer;
  }

  async rest(service: "guardduty" | "securityhub", method: string, path: string, input?: Params): Promise<void> {
    const body = input === undefined ? {} : { body: JSON.stringify(input) };
    const headers = { "content-type": "application/json" };
    await this.#send({ service, method, path, headers, ...body });
  }

  /** The answer's XML. */
  async query(service: keyof typeof queryServices, Action: string, input: Params): Promise<string> {
    const { version, lists } = queryServices[service];
    const fields = new URLSearchParams({ Action, Version: version, ...flat("", input, lists) });
    const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    return await this.#send({ service, method: "POST", path: "/", headers, body: fields.toString() });
  }

  /** S3, by path; a parameter without a value is a sub-resource. */
  async s3(method: string, path: string, query: Readonly<Record<string, string>> = {}, body?: string): Promise<string> {
    return await this.#send({ service: "s3", method, path, query, ...(body === undefined ? {} : { body }) });
  }

  async #send({ service, method, path, query = {}, headers = {}, body = "" }: Request): Promise<string> {
    const { endpoint, region, credentials } = this.#target;
    const url = new URL(endpoint);
    const unsigned = { method, host: url.host, path, query, headers, body: Buffer.from(body) };
    const { host: _, ...signed } = signRequest(unsigned, { region, service }, credentials, Date.now());
    url.pathname = path;
    url.search = new URLSearchParams(query).toString();
    const answer = await fetch(url, {
      method,
      headers: signed,
      ...(method === "GET" || method === "HEAD" ? {} : { body }),
      signal: AbortSignal.timeout(answerMs),
    });
    const text = await answer.text();
    if (answer.ok) return text;
    throw refusal(text, answer.status, answer.headers.get("x-amzn-errortype"));
  }
}

/** `a.b` of structures, `a.1` or `a.member.1` of lists. */
function flat(prefix: string, value: unknown, lists: string): Record<string, string> {
  if (typeof value !== "object" || value === null) return value === undefined ? {} : { [prefix]: String(value) };
  const entries = Array.isArray(value)
    ? value.map((each, index) => [`${prefix}${lists}.${index + 1}`, each] as const)
    : Object.entries(value).map(([name, each]) => [prefix === "" ? name : `${prefix}.${name}`, each] as const);
  return Object.assign({}, ...entries.map(([name, each]) => flat(name, each, lists))) as Record<string, string>;
}

/** Services of JSON name the error in the body or in a header. */
function refusal(text: string, status: number, named: string | null): ApiError {
  if (text.startsWith("{")) {
    const { __type: type = "", message, Message } = JSON.parse(text) as Record<string, string>;
    const code = (named ?? type).split("#").at(-1)!.split(":")[0]!;
    return new ApiError(code, message ?? Message ?? "", status);
  }
  return new ApiError(tag(text, "Code") ?? `HTTP ${status}`, tag(text, "Message") ?? "", status);
}

/** The text of the first element of a name. */
export function tag(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/** The texts of all elements of a name, in order. */
export function tags(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map((found) => found[1]!);
}

/** What is there already is no failure. @returns `undefined` when the call was refused with one of these codes */
export async function unless<T>(codes: readonly string[], call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ApiError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
