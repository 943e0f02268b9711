/**
 * How external key store proxies are reached, as the operator says it. What is said and cannot be used ends the start.
 *
 *     JIKIMI_XKS_PROXIES       name=address:port,…   where the proxies of these host names are; every other name is
 *                              asked of DNS and has to be a public address, on port 443
 *     JIKIMI_XKS_CA            certificate authorities of the proxies, PEM
 *     JIKIMI_XKS_CLIENT_CERT   certificate and key, PEM, for proxies that ask for a client certificate
 *     JIKIMI_XKS_TIMEOUT_MS    how long a proxy may take; AWS's 250 unless given
 */
import { createSecureContext } from "node:tls";
import { readFileSync } from "node:fs";
import { systemClock } from "#kernel/clock.ts";
import type { XksSettings } from "#keys/stores/xksTransport.ts";

const awsTimeoutMs = 250;

export function xksSettings(env: NodeJS.ProcessEnv): XksSettings {
  const ca = pem(env, "JIKIMI_XKS_CA", (text) => ({ ca: text }));
  const clientCertificate = pem(env, "JIKIMI_XKS_CLIENT_CERT", (text) => ({ cert: text, key: text }));
  return {
    hosts: hostsOf(env["JIKIMI_XKS_PROXIES"] ?? ""),
    ...(ca === undefined ? {} : { authorities: ca }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    timeoutMs: timeoutOf(env["JIKIMI_XKS_TIMEOUT_MS"]),
    // Proxies judge signatures by the time they share with us, not by an installation's that was moved.
    clock: systemClock,
  };
}

function hostsOf(text: string): XksSettings["hosts"] {
  const hosts = new Map<string, { address: string; port: number }>();
  for (const entry of text.split(",").filter((each) => each.trim() !== "")) {
    const [, name, address, port] = /^\s*([a-zA-Z0-9.-]+)=(.+):(\d{1,5})\s*$/.exec(entry) ?? [];
    if (!name || !address || Number(port) < 1 || Number(port) > 65_535) {
      throw new Error(`JIKIMI_XKS_PROXIES: ${entry} is not name=address:port`);
    }
    hosts.set(name.toLowerCase(), { address: address.replace(/^\[|\]$/g, ""), port: Number(port) });
  }
  return hosts;
}

function pem(
  env: NodeJS.ProcessEnv,
  variable: string,
  use: (text: string) => Parameters<typeof createSecureContext>[0],
): string | undefined {
  const path = env[variable];
  if (!path) return undefined;
  try {
    const text = readFileSync(path, "utf8");
    createSecureContext(use(text));
    if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error("there is no certificate in it");
    return text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${variable}: ${path} cannot be used: ${reason}`, { cause: error });
  }
}

function timeoutOf(text: string | undefined): number {
  if (!text) return awsTimeoutMs;
  const timeoutMs = Number(text);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 10 || timeoutMs > 10_000) {
    throw new Error(`JIKIMI_XKS_TIMEOUT_MS: ${text} is not a whole number from 10 to 10000`);
  }
  return timeoutMs;
}
