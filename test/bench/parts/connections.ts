/**
 * A client that costs little beside what it measures: prepared requests over keep-alive sockets, one after the other on
 * each. It reads as much of HTTP as the servers here speak: a Content-Length, or chunks.
 */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Prepared } from "./requests.ts";

/** A busy server: what few connections measure is how long one call takes, and a server that waits for its disk. */
const usualConnections = 64;
/** At least so many do not count: hot code is compiled by then. */
const warmUp = 12_000;

function bytesOf({ method, path, headers, body }: Prepared): Buffer {
  const lines = Object.entries({ ...headers, "content-length": String(body.length) });
  const head = `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** True once the answer is whole. Throws unless it is 200. */
function isWhole(answer: Buffer): boolean {
  const headEnd = answer.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const head = answer.toString("latin1", 0, headEnd);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  const whole =
    length === undefined
      ? answer.toString("latin1", answer.length - 5) === "0\r\n\r\n"
      : answer.length === headEnd + 4 + Number(length);
  if (whole && !/^HTTP\/1\.[01] 200/.test(head)) throw new Error(answer.toString());
  return whole;
}

interface How {
  tls: boolean;
  connections: number;
}

/** Sends so many requests, taking turns among those that were prepared. */
async function sendAll(
  port: number,
  requests: readonly Buffer[],
  count: number,
  { tls, connections }: How,
): Promise<void> {
  let left = count;
  /** Until the server closes it, or all are sent. */
  const connection = (): Promise<void> =>
    new Promise((resolve, reject) => {
      // A certificate made for the occasion: what it proves is not what is measured.
      const socket = tls
        ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
        : connect(port, "127.0.0.1");
      let answer = Buffer.alloc(0);
      let waiting = false;
      const next = (): void => {
        answer = Buffer.alloc(0);
        waiting = left > 0;
        if (waiting) socket.write(requests[left-- % requests.length]!);
        else socket.end();
      };
      socket.setNoDelay(true);
      socket.on(tls ? "secureConnect" : "connect", next);
      socket.on("error", reject);
      socket.on("close", () => (waiting ? reject(new Error("closed before the answer")) : resolve()));
      socket.on("data", (piece: Buffer) => {
        answer = answer.length === 0 ? (piece as Buffer<ArrayBuffer>) : Buffer.concat([answer, piece]);
        try {
          if (!isWhole(answer)) return;
        } catch (error) {
          reject(error as Error);
          socket.destroy();
          return;
        }
        waiting = false;
        // moto's server speaks to each connection once.
        if (/^connection: close/im.test(answer.toString("latin1"))) socket.end();
        else next();
      });
    });
  const line = async (): Promise<void> => {
    while (left > 0) await connection();
  };
  await Promise.all(Array.from({ length: connections }, line));
}

export interface Measured {
  /** Requests per second. */
  rate: number;
  /** Microseconds of CPU of the server per request. */
  cpu: number;
}

/**
 * Both of a server, after requests that do not count: one that has just started compiles its code.
 * @param slow it answers a few hundred a second, and gets no more of those than it gets that count
 */
export async function measure(
  port: number,
  prepared: readonly Prepared[],
  count: number,
  cpu: () => Promise<number>,
  { tls = false, connections = usualConnections, slow = false }: Partial<How> & { slow?: boolean } = {},
): Promise<Measured> {
  const how = { tls, connections };
  const requests = prepared.map(bytesOf);
  await sendAll(port, requests, slow ? count : Math.max(count, warmUp), how);
  const before = await cpu();
  const start = performance.now();
  await sendAll(port, requests, count, how);
  const seconds = (performance.now() - start) / 1000;
  return { rate: count / seconds, cpu: (((await cpu()) - before) * 1000) / count };
}
