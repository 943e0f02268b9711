/**
 * Signed HTTPS requests to external key store proxies, each within the time that KMS gives a proxy. Certificates are
 * verified, redirects are not followed, connections are kept.
 *
 * INVARIANT: a host that the operator has not listed is spoken to at public addresses only, on port 443, so a tenant
 * cannot make us call into the operator's own network.
 */
import { Agent, request, type RequestOptions } from "node:https";
import type { Clock } from "#kernel/clock.ts";
import { lookupPublic } from "#kernel/publicAddresses.ts";
import { signRequest } from "#kernel/signedRequest.ts";
import { xksSigningService } from "./xksApi.ts";
import { XksFailure } from "./xksFailure.ts";

/** Far beyond what the specification's largest answer needs. */
const mostAnswer = 64 * 1024;
const connections = 64;

export interface XksSettings {
  /** Where the proxies of these host names are; every other name is asked of DNS. */
  hosts: ReadonlyMap<string, { address: string; port: number }>;
  /** Certificate authorities for proxies, PEM; absent: those that Node trusts. */
  authorities?: string;
  /** Certificate chain and key, PEM, for proxies that ask for a client certificate. */
  clientCertificate?: string;
  /** "If KMS does not receive a response from the XKS proxy for any API call within 250ms, KMS will time out". */
  timeoutMs: number;
  /** The clock that proxies share: signatures are made by it. */
  clock: Clock;
}

export interface XksProxyAddress {
  /** `https://<host name>` */
  endpoint: string;
  /** `[/<prefix>]/kms/xks/v1` */
  path: string;
  /** Region of the key store: the one in the signature. */
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface XksAnswer {
  status: number;
  body: string;
}

export class XksTransport {
  readonly #settings: XksSettings;
  readonly #agent: Agent;

  constructor(settings: XksSettings) {
    const { authorities, clientCertificate } = settings;
    this.#settings = settings;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: connections,
      minVersion: "TLSv1.2",
      ...(authorities === undefined ? {} : { ca: authorities }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate, key: clientCertificate }),
    });
  }

  /** @throws XksFailure when there is no answer */
  async post(proxy: XksProxyAddress, operation: string, body: Uint8Array): Promise<XksAnswer> {
    const until = performance.now() + this.#settings.timeoutMs;
    for (;;) {
      try {
        return await this.#attempt(proxy, operation, body, until - performance.now());
      } catch (error) {
        // The proxy closed a kept connection as we used it; nothing was done, and the deadline stays.
        if (error instanceof StaleConnection) continue;
        throw error;
      }
    }
  }

  #attempt(proxy: XksProxyAddress, operation: string, body: Uint8Array, remainingMs: number): Promise<XksAnswer> {
    if (remainingMs <= 0) throw late();
    const path = proxy.path + operation;
    const host = new URL(proxy.endpoint).hostname;
    const { accessKeyId, secretAccessKey, region } = proxy;
    const headers = signRequest(
      { method: "POST", host, path, query: {}, headers: { "content-type": "application/json" }, body },
      { region, service: xksSigningService },
      { accessKeyId, secretAccessKey },
      this.#settings.clock.now(),
    );
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...this.#target(host),
          servername: host,
          method: "POST",
          path,
          headers: { ...headers, "content-length": String(body.length) },
          agent: this.#agent,
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let size = 0;
          answer.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size > mostAnswer) sent.destroy(new XksFailure("malformed", "the answer is too long"));
          });
          answer.on("end", () => {
            clearTimeout(timer);
            resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
          });
          answer.on("error", fail);
        },
      );
      const timer = setTimeout(() => sent.destroy(late()), remainingMs);
      function fail(error: NodeJS.ErrnoException): void {
        clearTimeout(timer);
        reject(sent.reusedSocket && error.code === "ECONNRESET" ? new StaleConnection() : failureOf(error));
      }
      sent.on("error", fail);
      sent.end(body);
    });
  }

  #target(host: string): RequestOptions {
    const known = this.#settings.hosts.get(host.toLowerCase());
    if (known) return { host: known.address, port: known.port };
    return { host, port: 443, lookup: lookupPublic as NonNullable<RequestOptions["lookup"]> };
  }
}

class StaleConnection extends Error {}

const late = (): XksFailure => new XksFailure("timeout", "no answer in time");

const tlsCode = /^(?:ERR_TLS|ERR_SSL|CERT_|EPROTO|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|ERR_OSSL)/;

function failureOf(error: NodeJS.ErrnoException): XksFailure {
  if (error instanceof XksFailure) return error;
  const { code = "", message } = error;
  return new XksFailure(tlsCode.test(code) ? "tls" : "unreachable", `${code} ${message}`);
}
