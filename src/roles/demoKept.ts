/** `<data>/demo.json`, mode 0600: marks a data folder as a demonstration's, and keeps what has to be the same next time. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

export interface DemoKept {
  /** Of the application; 0 until it has one. */
  port: number;
  /** Of the root user. */
  password: string;
  /** The root user has it. */
  passwordSet: boolean;
}

export const demoFile = (dataDir: string): string => `${dataDir}/demo.json`;

export function isDemo(dataDir: string): boolean {
  return existsSync(demoFile(dataDir));
}

export function readKept(dataDir: string): DemoKept {
  if (isDemo(dataDir)) return JSON.parse(readFileSync(demoFile(dataDir), "utf8")) as DemoKept;
  return { port: 0, password: `Demo-${randomBytes(9).toString("base64url")}-1`, passwordSet: false };
}

export function keep(dataDir: string, kept: DemoKept): void {
  writeFileSync(demoFile(dataDir), `${JSON.stringify(kept)}\n`, { mode: 0o600 });
}
