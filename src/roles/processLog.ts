/** The log file of one role: what its process writes, kept to a bounded size. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

/** Size at which the file is put aside as `<role>.log.1`, and how many are kept. */
const rotateBytes = 16 * 1024 * 1024;
const kept = 3;

export class RoleLog {
  readonly path: string;
  readonly #rotateBytes: number;
  #descriptor: number;
  #size: number;

  constructor(path: string, limit = rotateBytes) {
    this.path = path;
    this.#rotateBytes = limit;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#descriptor = openSync(path, "a", 0o600);
    this.#size = fstatSync(this.#descriptor).size;
  }

  /** A full disk costs log lines and never the service. */
  write(chunk: Uint8Array): void {
    try {
      if (this.#size > 0 && this.#size + chunk.length > this.#rotateBytes) this.#rotate();
      this.#size += writeSync(this.#descriptor, chunk);
    } catch {
      // Nowhere to say it: the log itself is what fails.
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    closeSync(this.#descriptor);
    for (let n = kept - 1; n >= 1; n--) {
      try {
        renameSync(n === 1 ? this.path : `${this.path}.${n - 1}`, `${this.path}.${n}`);
      } catch {
        // That one does not exist yet.
      }
    }
    this.#descriptor = openSync(this.path, "a", 0o600);
    this.#size = fstatSync(this.#descriptor).size;
  }
}

export function roleLogPath(dataDir: string, role: string): string {
  return join(dataDir, "logs", `${role}.log`);
}
