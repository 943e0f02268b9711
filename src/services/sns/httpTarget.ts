/**
 * Deliveries over HTTP: bounded in time and size, redirects are not followed, and where the installation says so no
 * address of a private network is spoken to.
 * Source: SNS Developer Guide, "Fanout to HTTP/S endpoints" (headers; 15 seconds; 5xx and 429 are tried again, every
 * other refusal is permanent).
 */
import { isIP } from "node:net";
import { Agent, request } from "undici";
import { isPrivate, lookupPublic, privateAddressCode } from "#kernel/publicAddresses.ts";
import { delivered, failed, type Outcome } from "#engines/delivery/outcome.ts";

const answerMs = 15_000;
const connectMs = 5_000;
const mostAnswer = 64 * 1024;
const mostShown = 1024;

export interface HttpMessage {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export class HttpTarget {
  readonly #agent: Agent;
  readonly #publicOnly: boolean;

  constructor(publicOnly: boolean) {
    this.#publicOnly = publicOnly;
    this.#agent = new Agent({
      connect: { timeout: connectMs, ...(publicOnly ? { lookup: lookupPublic as never } : {}) },
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      maxHeaderSize: 32 * 1024,
      connections: 16,
      pipelining: 1,
      keepAliveTimeout: 4_000,
    });
  }

  async send({ url, headers, body }: HttpMessage, signal: AbortSignal): Promise<Outcome> {
    let target: URL;
    try {
      target = new URL(url);
    } catch {
      return failed("InvalidEndpoint", "The endpoint is no URL.", true);
    }
    const literal = target.hostname.replace(/^\[|\]$/g, "");
    if (this.#publicOnly && isIP(literal) !== 0 && isPrivate(literal)) return refusedTarget();
    const { username, password } = target;
    if (username !== "") {
      const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      headers = { ...headers, authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
      target.username = "";
      target.password = "";
    }
    try {
      const answer = await request(target, {
        method: "POST",
        headers,
        body,
        dispatcher: this.#agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      });
      return judge(answer.statusCode, await beginning(answer.body));
    } catch (error) {
      const { code, name, message } = error as NodeJS.ErrnoException;
      if (code === privateAddressCode) return refusedTarget();
      return failed(code ?? name, message);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Reads an answer to its end, or to where it is longer than it should be; keeps what a log may hold of it. */
async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (size < mostShown) kept.push(chunk);
    size += chunk.length;
    if (size > mostAnswer) break;
  }
  return Buffer.concat(kept).subarray(0, mostShown).toString("utf8");
}

function judge(status: number, said: string): Outcome {
  if (status >= 200 && status < 300) return delivered(said, status);
  const again = status >= 500 || status === 429 || status < 200;
  return failed(String(status), `The endpoint answered ${status}.`, !again, status);
}

const refusedTarget = () => failed("PrivateTarget", "This installation delivers to public addresses only.", true);
