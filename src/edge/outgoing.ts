/**
 * Connections that a load balancer opens: only to where its security groups let it. What they do not let through is
 * dropped, as by the real ones: whoever connects hears nothing, until the time for it is over.
 * Source: Elastic Load Balancing User Guide, "Security groups for your Application Load Balancer" (recommended outbound
 * rules: targets on their port and health check port), "Prepare to use Amazon Cognito/OIDC" (access to the provider's
 * endpoints).
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { buildConnector, errors } from "undici";
import type { Reaches } from "./networks.ts";

/** A packet that nobody answers is sent again after a second: RFC 6298, section 2.1. */
const againMs = 1_000;

/**
 * @param timeoutMs until a connection is given up with `UND_ERR_CONNECT_TIMEOUT`
 * @param reaches asked for every connection anew, and again while it waits, so that it follows the rules
 */
export function outgoing(
  reaches: Reaches,
  timeoutMs: number,
  tls: { rejectUnauthorized?: boolean } = {},
): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, ...tls });
  return (options, callback) => {
    const port = Number(options.port || (options.protocol === "https:" ? 443 : 80));
    const until = performance.now() + timeoutMs;
    /** One after the other, until one answers. */
    const attempt = ([hostname, ...others]: readonly string[]): void => {
      connect({ ...options, hostname: hostname ?? "" }, (...outcome) => {
        if (outcome[0] && others.length > 0) attempt(others);
        else callback(...outcome);
      });
    };
    const look = (addresses: readonly string[]): void => {
      const open = addresses.filter((address) => reaches(address, port));
      if (open.length > 0) return attempt(open);
      const left = until - performance.now();
      if (left <= 0) return callback(new errors.ConnectTimeoutError("no security group lets it out"), null);
      setTimeout(() => look(addresses), Math.min(againMs, left)).unref();
    };
    void addressesOf(options.hostname).then(look, (error: unknown) => callback(error as Error, null));
  };
}

async function addressesOf(hostname: string): Promise<string[]> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0) return [host];
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
