/** Attacks a server and counts what must not happen. */
import { Choices } from "./random.ts";
import { Connection, type Outcome } from "./client.ts";
import { healthCheck, nextAttempt, slowAttempt, type Attempt } from "./requests.ts";

/** Bytes: the resident set, and what is still referred to after a collection. */
export interface Memory {
  rss: number;
  live: number;
}

export interface FuzzOptions {
  host: string;
  port: number;
  requests: number;
  seed: number;
  concurrency: number;
  /** Longest time to an answer or a close, milliseconds. */
  timeout: number;
  /** Also clients that stop in the middle; only for a server whose time limits are shorter than `timeout`. */
  slow: boolean;
  /** Every valid request succeeds, since the server's operations do nothing; a real one may answer 404 and the like. */
  strict: boolean;
  /** The server's memory, where it can be known. */
  memory?: () => Promise<Memory>;
  progress?: (done: number) => void;
}

export interface FuzzReport {
  requests: number;
  seconds: number;
  statuses: Record<string, number>;
  /** By what was tried and what came of it. */
  kinds: Record<string, number>;
  /** At most 20, each with all that is needed to make it again. */
  failures: { attempt: number; kind: string; what: string; bytes: string }[];
  failureCount: number;
  /** In the middle and at the end of the run. */
  memoryBefore?: Memory;
  memoryAfter?: Memory;
}

/** Record type 21, version 3.x. */
function isTlsAlert(outcome: Outcome): boolean {
  return outcome.kind === "nonsense" && outcome.text.startsWith("\u0015\u0003");
}

/** Each attempt has its own seed: it can be made again without the million before it. */
export function attemptNumber(options: { seed: number; slow: boolean }, attempt: number): Attempt {
  const choices = new Choices(options.seed * 1_000_003 + attempt);
  if (attempt % 1000 === 999) return healthCheck();
  return options.slow && attempt % 500 === 250 ? slowAttempt(choices) : nextAttempt(choices);
}

/**
 * INVARIANT of the server, checked here: every attempt ends in an answer or a close in bounded time; no answer is a 5xx;
 * valid requests are answered with 200 in between; memory stays bounded (see the caller).
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { requests: 0, seconds: 0, statuses: {}, kinds: {}, failures: [], failureCount: 0 };
  const started = Date.now();
  let next = 0;

  const fail = (attempt: number, made: Attempt, what: string): void => {
    report.failureCount++;
    if (report.failures.length < 20) {
      report.failures.push({ attempt, kind: made.kind, what, bytes: made.bytes.toString("latin1", 0, 2000) });
    }
  };

  const one = async (connection: Connection, made: Attempt, attempt: number): Promise<boolean> => {
    const outcome = await connection.attempt(made.bytes, {
      finish: made.finish,
      head: made.head === true,
      timeout: options.timeout,
    });
    const name = outcome.kind === "answer" ? String(outcome.status) : outcome.kind;
    report.statuses[name] = (report.statuses[name] ?? 0) + 1;
    const kind = `${made.kind}: ${name}`;
    report.kinds[kind] = (report.kinds[kind] ?? 0) + 1;
    // A server that speaks TLS too answers what looks like TLS in TLS: an alert, or nothing until the handshake's time is up.
    const handshake = made.bytes[0] === 0x16 && made.kind === "garbage";
    if (handshake && (outcome.kind === "silence" || isTlsAlert(outcome))) return false;
    if (outcome.kind === "silence") fail(attempt, made, `no answer within ${options.timeout} ms`);
    else if (outcome.kind === "nonsense") fail(attempt, made, `no HTTP: ${outcome.text}`);
    else if (outcome.kind === "answer" && outcome.status >= 500) fail(attempt, made, `status ${outcome.status}`);
    else if (made.valid === true && (options.strict ? name !== "200" : outcome.kind !== "answer"))
      fail(attempt, made, `a valid request got ${name}`);
    return outcome.kind === "answer" && outcome.reusable && !made.finish;
  };

  const worker = async (): Promise<void> => {
    let connection = new Connection(options.host, options.port);
    for (;;) {
      const attempt = next++;
      if (attempt >= options.requests) break;
      const made = attemptNumber(options, attempt);
      if (!(await one(connection, made, attempt))) {
        connection.drop();
        connection = new Connection(options.host, options.port);
      }
      report.requests++;
      if (report.requests % 10_000 === 0) options.progress?.(report.requests);
      if (report.requests === Math.ceil(options.requests / 2)) {
        const memory = await options.memory?.();
        if (memory !== undefined) report.memoryBefore = memory;
      }
    }
    connection.drop();
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));

  const last = new Connection(options.host, options.port);
  await one(last, healthCheck(), options.requests);
  last.drop();
  const memory = await options.memory?.();
  if (memory !== undefined) report.memoryAfter = memory;
  report.seconds = (Date.now() - started) / 1000;
  return report;
}
