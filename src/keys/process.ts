import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { dirname, extname } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Logger } from "#kernel/log.ts";
import { KeyHolderUnavailable } from "./contract.ts";
import { encodeFrame, FrameReader, maxField, maxFrame, type Message } from "./protocol.ts";

const entry = fileURLToPath(new URL(`./holder${extname(import.meta.url)}`, import.meta.url));

/** The one library of the holder (`unusualSignatures.ts`), which the permission model lets it read. */
const libraries = ["@noble/curves/ed25519.js", "@noble/hashes/sha2.js", "@noble/post-quantum/ml-dsa.js"].map((module) =>
  dirname(fileURLToPath(import.meta.resolve(module))),
);
const readable = [dirname(entry), ...libraries];

/** Memory of the holder that would go to disk in a core file holds keys; Node has no setrlimit, the shell has. */
const shell = "/bin/sh";
const noCoreFiles = 'ulimit -c 0; exec "$0" "$@"';

/** Program and arguments that run Node with these arguments, so that it leaves no core file. */
export function withoutCoreFiles(args: readonly string[]): [file: string, args: string[]] {
  if (!existsSync(shell)) return [process.execPath, [...args]];
  return [shell, ["-c", noCoreFiles, process.execPath, ...args]];
}

interface Pending {
  resolve(answer: Message): void;
  reject(error: Error): void;
}

/** One run of the holder process: from its start to its end. Started again by `client.ts`. */
export class HolderProcess {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #pending = new Map<number, Pending>();
  #queue: Message[] = [];
  #queued = 0;
  #nextId = 1;
  #flushing = false;
  #ended = false;
  #killed = false;
  #errors = "";

  /**
   * `secretFile` is opened here and inherited as descriptor 3, so its content never passes this process. Throws when
   * it cannot be opened.
   */
  constructor(secretFile: string | undefined, logger: Logger, onExit: () => void) {
    const secret = secretFile === undefined ? undefined : openSync(secretFile, "r");
    try {
      // Standard error is piped so that a crash can be explained; keys are in no error text.
      const flags = [
        "--permission",
        ...readable.map((folder) => `--allow-fs-read=${folder}`),
        "--disable-sigusr1",
        "--no-warnings",
      ];
      const args = [...flags, entry, ...(secret === undefined ? [] : ["with-secret-file"])];
      const [file, argv] = withoutCoreFiles(args);
      this.#child = spawn(file, argv, {
        env: {},
        cwd: dirname(entry),
        stdio: ["pipe", "pipe", "pipe", ...(secret === undefined ? [] : [secret])],
      });
    } finally {
      if (secret !== undefined) closeSync(secret);
    }
    const reader = new FrameReader((messages) => this.#answered(messages));
    const output = this.#child.stdout as Readable;
    this.#input = this.#child.stdin as Duplex;
    output.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch {
        this.kill();
      }
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#input.on("error", () => this.kill());
    const ended = (code: number | null, signal: string | null): void => {
      if (this.#ended) return;
      this.#ended = true;
      if (code !== 0 && !this.#killed) logger.warn({ code, signal, stderr: this.#errors }, "the key holder ended");
      for (const { reject } of this.#pending.values()) reject(new KeyHolderUnavailable());
      this.#pending.clear();
      onExit();
    };
    this.#child.on("error", () => ended(null, "spawn"));
    this.#child.on("exit", ended);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Sends one message with the others of this turn of the event loop. Fields are copied at that time: the caller
   * leaves them alone until the answer is here. Rejects with `KeyHolderUnavailable` when the process ends first.
   */
  call(code: number, fields: readonly Uint8Array[]): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new KeyHolderUnavailable());
        return;
      }
      let size = 6;
      for (const field of fields) {
        if (field.length > maxField) throw new RangeError(`a field is longer than ${maxField} bytes`);
        size += 4 + field.length;
      }
      if (this.#queued + size > maxFrame / 2) this.#flush();
      const id = this.#nextId;
      this.#nextId = (this.#nextId + 1) % 0x1_0000_0000;
      this.#pending.set(id, { resolve, reject });
      this.#queue.push({ id, code, fields: fields as Buffer[] });
      this.#queued += size;
      if (!this.#flushing) {
        this.#flushing = true;
        setImmediate(() => this.#flush());
      }
    });
  }

  kill(): void {
    this.#killed = true;
    this.#child.kill("SIGKILL");
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#queue.length === 0 || this.#ended) return;
    const frame = encodeFrame(this.#queue);
    this.#queue = [];
    this.#queued = 0;
    this.#input.write(frame, () => frame.fill(0));
  }

  #answered(messages: readonly Message[]): void {
    for (const message of messages) {
      const waiting = this.#pending.get(message.id);
      if (!waiting) continue;
      this.#pending.delete(message.id);
      // The frame is zeroed after this turn, so the caller gets its own copy, outside the shared pool.
      waiting.resolve({ id: message.id, code: message.code, fields: message.fields.map(copy) });
    }
  }
}

function copy(field: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(field.length);
  own.set(field);
  return own;
}
