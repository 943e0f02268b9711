/**
 * Who comes to the shop: customers, and somebody who tries what everybody tries. Bounded: some requests a second, some
 * minutes long, from loopback addresses to a loopback address.
 */
import { request } from "node:http";
import { pause } from "#kernel/pause.ts";

export const blockedAddress = "127.0.0.66";
export const scannerHeader = { name: "x-scanner", value: "nikto" };
const floodingAddress = "127.0.0.77";
const ownAddress = "127.0.0.1";

const customersEveryMs = 500;
const attackEveryMs = 2_000;
const floodEveryMs = 60_000;
/** More than the web ACL's 100 a minute. */
const floodSize = 130;
const floodGapMs = 40;

interface Visit {
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  from?: string;
}

const customers: readonly Visit[] = [
  { path: "/" },
  { path: "/?q=shoes" },
  { path: "/?q=O%27Brien" },
  { path: "/cart", method: "POST", headers: { "content-type": "application/json" }, body: '{"item":7,"count":1}' },
];

const attacks: readonly Visit[] = [
  { path: `/?q=${encodeURIComponent("' OR 1=1--")}` },
  { path: `/?q=${encodeURIComponent("<script>alert(document.cookie)</script>")}` },
  { path: "/admin", headers: { [scannerHeader.name]: `${scannerHeader.value}/2.5` } },
  { path: "/upload", method: "POST", body: "file=../../etc/passwd" },
  { path: "/", from: blockedAddress },
];

/** Until `signal`; a visit that fails is no failure of the demonstration. */
export async function visit(url: string, signal: AbortSignal): Promise<void> {
  // INVARIANT: nothing leaves this machine. The name is one of `*.localhost`, which not every resolver knows.
  if (!new URL(url).hostname.endsWith(".localhost")) throw new Error(`${url} is not on this machine`);
  await Promise.all([
    endlessly(customersEveryMs, customers, url, signal),
    endlessly(attackEveryMs, attacks, url, signal),
    flood(url, signal),
  ]);
}

async function endlessly(everyMs: number, visits: readonly Visit[], url: string, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    await one(url, visits[turn % visits.length]!, signal);
    await pause(everyMs, signal);
  }
}

async function flood(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(floodEveryMs, signal);
    for (let i = 0; i < floodSize && !signal.aborted; i++) {
      await one(url, { path: "/?page=flood", from: floodingAddress }, signal);
      await pause(floodGapMs, signal);
    }
  }
}

function one(
  base: string,
  { path, method = "GET", headers = {}, body, from = ownAddress }: Visit,
  signal: AbortSignal,
) {
  return new Promise<void>((resolve) => {
    const { host, port } = new URL(base);
    const sent = request({
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { host, ...headers },
      localAddress: from,
      agent: false,
      signal,
      timeout: 5_000,
    });
    sent.on("response", (response) => response.resume().on("close", resolve));
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => resolve());
    sent.end(body);
  });
}
