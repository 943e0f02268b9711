import { pino, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

/**
 * Structured log of one role, JSON lines on stdout. Request and response bodies, headers and key material
 * are never passed to it: a test runs the product with canary secrets and searches every line.
 */
export function createLogger(role: string, level = process.env["JIKIMI_LOG_LEVEL"] ?? "info"): Logger {
  return pino({ level, base: { role, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime });
}

export const silentLogger: Logger = pino({ level: "silent" });
