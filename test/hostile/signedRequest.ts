/**
 * Requests as an attacker who has valid credentials makes them: any bytes, correctly signed. No SDK stands in between that
 * would refuse to send them.
 */
import { createHmac, hash } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { canonicalHeaders, canonicalPathOnce, canonicalPathTwice, canonicalQuery } from "#wire/canonical.ts";
import { formatAmzDate } from "#wire/signature.ts";
import { deriveSigningKey } from "#wire/signingKeys.ts";
import type { ReadyLine } from "../instance.ts";

export interface Draft {
  method: string;
  /** Percent-encoded, without the query. */
  path: string;
  query?: string;
  headers: Record<string, string>;
  body: Buffer;
  signingName: string;
}

export interface Answer {
  status: number;
  /** AWS's error code, "" when there is none. */
  code: string;
  text: string;
  ms: number;
}

/** No answer within the limit, or a connection that ended without one. */
export class NoAnswer extends Error {}

const answerMs = 5_000;
const keptText = 4_096;

export class Attacker {
  readonly #ready: ReadyLine;
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(ready: ReadyLine) {
    this.#ready = ready;
    this.#url = new URL(ready.endpoint);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws NoAnswer */
  send(draft: Draft): Promise<Answer> {
    const headers = this.#signed(draft);
    const since = performance.now();
    return new Promise((resolve, reject) => {
      const sent = httpRequest({
        host: this.#url.hostname,
        port: this.#url.port,
        method: draft.method,
        path: draft.query === undefined ? draft.path : `${draft.path}?${draft.query}`,
        headers,
        agent: this.#agent,
      });
      const timer = setTimeout(() => sent.destroy(new NoAnswer(`no answer within ${answerMs} ms`)), answerMs);
      sent.once("error", (error) => {
        clearTimeout(timer);
        reject(error instanceof NoAnswer ? error : new NoAnswer(error.message));
      });
      sent.once("response", (response) => {
        let text = "";
        response.setEncoding("latin1");
        response.on("data", (chunk: string) => {
          if (text.length < keptText) text += chunk;
        });
        response.once("error", reject);
        response.once("end", () => {
          clearTimeout(timer);
          const ms = performance.now() - since;
          resolve({ status: response.statusCode!, code: codeOf(text, response.headers), text, ms });
        });
      });
      sent.end(draft.body);
    });
  }

  #signed(draft: Draft): Record<string, string> {
    const { region, accessKeyId, secretAccessKey } = this.#ready;
    const now = formatAmzDate(Date.now());
    const scope = { date: now.slice(0, 8), region, service: draft.signingName };
    const payloadHash = hash("sha256", draft.body, "hex");
    const headers: Record<string, string> = { host: this.#url.host, "x-amz-date": now };
    for (const [name, value] of Object.entries(draft.headers)) headers[name.toLowerCase()] = value;
    if (draft.signingName === "s3") headers["x-amz-content-sha256"] = payloadHash;
    const names = Object.keys(headers).toSorted();
    const path = draft.signingName === "s3" ? canonicalPathOnce(draft.path) : canonicalPathTwice(draft.path);
    const canonical = [
      draft.method,
      path,
      canonicalQuery(draft.query ?? ""),
      canonicalHeaders(headers, names),
      names.join(";"),
      payloadHash,
    ].join("\n");
    const credentialScope = `${scope.date}/${region}/${scope.service}/aws4_request`;
    const digest = hash("sha256", Buffer.from(canonical, "latin1"), "hex");
    const signature = createHmac("sha256", deriveSigningKey(secretAccessKey, scope))
      .update(`AWS4-HMAC-SHA256\n${now}\n${credentialScope}\n${digest}`, "latin1")
      .digest("hex");
    headers["authorization"] =
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${credentialScope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
    headers["content-length"] = String(draft.body.length);
    return headers;
  }
}

function codeOf(text: string, headers: Record<string, unknown>): string {
  const inXml = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
  const inJson = /"__type"\s*:\s*"(?:[^"#]*#)?([^"]*)"/.exec(text)?.[1];
  const inHeader = headers["x-amzn-errortype"];
  return inXml ?? inJson ?? (typeof inHeader === "string" ? inHeader : "");
}
