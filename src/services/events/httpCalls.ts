/**
 * Calls to HTTPS endpoints: bounded in time and size, redirects are not followed, certificates are verified.
 * Source: EventBridge User Guide, "API destinations as targets": requests have to end within five seconds.
 */
import { isIP } from "node:net";
import { Agent, request } from "undici";
import { isPrivate, lookupPublic, privateAddressCode } from "#kernel/publicAddresses.ts";

const answerMs = 5_000;
const mostAnswer = 64 * 1024;

export interface HttpCall {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string;
}

export interface EventsSettings {
  /** Refuses calls to loopback, private and link-local addresses. */
  publicTargetsOnly: boolean;
}

const privateTarget: HttpAnswer = {
  failure: "PRIVATE_TARGET",
  message: "This installation calls public addresses only.",
};

export type HttpAnswer =
  | { status: number; text: string; retryAfter?: string }
  | { failure: "TIMEOUT" | "CONNECTION_FAILURE" | "PRIVATE_TARGET"; message: string };

export class HttpCalls {
  readonly #agent: Agent;
  readonly #publicOnly: boolean;

  constructor({ publicTargetsOnly }: EventsSettings) {
    this.#publicOnly = publicTargetsOnly;
    this.#agent = new Agent({
      connect: { timeout: answerMs, ...(publicTargetsOnly ? { lookup: lookupPublic as never } : {}) },
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      maxHeaderSize: 32 * 1024,
      connections: 64,
      pipelining: 1,
      keepAliveTimeout: 4_000,
    });
  }

  async send({ url, method, headers, body }: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const literal = new URL(url).hostname.replace(/^\[|\]$/g, "");
    if (this.#publicOnly && isIP(literal) !== 0 && isPrivate(literal)) return privateTarget;
    try {
      const answer = await request(url, {
        method: method as "POST",
        headers,
        ...(body === undefined ? {} : { body }),
        dispatcher: this.#agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      });
      const after = answer.headers["retry-after"];
      return {
        status: answer.statusCode,
        text: await beginning(answer.body),
        ...(typeof after === "string" ? { retryAfter: after } : {}),
      };
    } catch (error) {
      const { name, code = "", message } = error as NodeJS.ErrnoException;
      if (code === privateAddressCode) return privateTarget;
      const late = name === "TimeoutError" || /TIMEOUT/.test(code);
      return { failure: late ? "TIMEOUT" : "CONNECTION_FAILURE", message };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    kept.push(chunk);
    size += chunk.length;
    if (size > mostAnswer) break;
  }
  return Buffer.concat(kept).subarray(0, mostAnswer).toString("utf8");
}
