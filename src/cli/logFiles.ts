/** The roles' log files: the last lines of each in order of time, then what is added. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, join } from "node:path";

export interface LogLine {
  role: string;
  text: string;
}

export function logFiles(dataDir: string, role?: string): string[] {
  const folder = join(dataDir, "logs");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".log") && (role === undefined || name === `${role}.log`))
    .toSorted()
    .map((name) => join(folder, name));
}

/** The last `count` lines over all files, oldest first. Lines without a time keep their place behind their neighbour. */
export function lastLines(files: readonly string[], count: number): LogLine[] {
  const lines: (LogLine & { time: string })[] = [];
  for (const file of files) {
    const role = roleOf(file);
    let time = "";
    for (const text of readFileSync(file, "utf8").split("\n")) {
      if (text === "") continue;
      time = timeOf(text) ?? time;
      lines.push({ role, text, time });
    }
  }
  // Stable: equal times stay as they were.
  lines.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return count === 0 ? [] : lines.slice(-count).map(({ role, text }) => ({ role, text }));
}

/** Gives whole lines that are added to a file, also after it has been rotated. */
export class LogTail {
  readonly #path: string;
  readonly #role: string;
  #descriptor: number;
  #offset: number;
  #rest = "";

  constructor(path: string, fromStart = false) {
    this.#path = path;
    this.#role = roleOf(path);
    this.#descriptor = openSync(path, "r");
    this.#offset = fromStart ? 0 : fstatSync(this.#descriptor).size;
  }

  /** Lines since the last call. */
  read(): LogLine[] {
    const lines = this.#drain();
    if (!this.#wasRotated()) return lines;
    closeSync(this.#descriptor);
    this.#descriptor = openSync(this.#path, "r");
    this.#offset = 0;
    return [...lines, ...this.#drain()];
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #wasRotated(): boolean {
    try {
      const fresh = openSync(this.#path, "r");
      const different = fstatSync(fresh).ino !== fstatSync(this.#descriptor).ino;
      closeSync(fresh);
      return different;
    } catch {
      return false;
    }
  }

  #drain(): LogLine[] {
    const size = fstatSync(this.#descriptor).size;
    if (size < this.#offset) this.#offset = 0;
    const buffer = Buffer.alloc(size - this.#offset);
    const read = readSync(this.#descriptor, buffer, 0, buffer.length, this.#offset);
    this.#offset += read;
    const parts = (this.#rest + buffer.toString("utf8", 0, read)).split("\n");
    this.#rest = parts.pop() ?? "";
    return parts.filter((text) => text !== "").map((text) => ({ role: this.#role, text }));
  }
}

/** pino writes `"time":"2026-…Z"`; ISO 8601 in UTC sorts as text. */
function timeOf(text: string): string | undefined {
  return /"time":"([^"]+)"/.exec(text)?.[1];
}

export function roleOf(path: string): string {
  return basename(path, ".log");
}
