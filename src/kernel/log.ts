import { writeSync } from "node:fs";
import { pino, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

/**
 * Structured log of one role, JSON lines on stdout. Request and response bodies, headers and key material
 * are never passed to it: a test runs the product with canary secrets and searches every line.
 */
export function createLogger(role: string, level = process.env["JIKIMI_LOG_LEVEL"] ?? "info"): Logger {
  const options = { level, base: { role, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, new LogOutput(1));
}

/** Longest that a line waits for a reader that is busy. */
const patienceMs = 1_000;
const napMs = 5;

/**
 * Lines to a file descriptor, at once. INVARIANT: a log that nobody reads holds up nothing. (pino's own output tries a
 * pipe without reader for ever when the process ends.)
 */
export class LogOutput {
  readonly #fd: number;
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  #broken = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    if (this.#broken) return;
    const bytes = Buffer.from(line);
    let waited = 0;
    for (let written = 0; written < bytes.length;) {
      try {
        written += writeSync(this.#fd, bytes, written);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
          this.#broken = true;
          return;
        }
        if (waited >= patienceMs) return;
        Atomics.wait(this.#nap, 0, 0, napMs);
        waited += napMs;
      }
    }
  }
}

export const silentLogger: Logger = pino({ level: "silent" });
