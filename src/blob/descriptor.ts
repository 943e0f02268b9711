/**
 * A file open for reading. Node ends the process when a FileHandle is collected that nobody closed; a reader that
 * is dropped half way must cost a descriptor at most, so this one is closed when it is collected.
 */
import { close, closeSync, constants, fstat, open, read } from "node:fs";
import { promisify } from "node:util";

const openFile = promisify(open);
const statFile = promisify(fstat);
const closeFile = promisify(close);

const dropped = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

export class ReadDescriptor {
  readonly #descriptor: number;
  #open = true;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
    dropped.register(this, descriptor, this);
  }

  /** Follows no symbolic link. Rejects with Node's error, e.g. ENOENT. */
  static async open(path: string): Promise<ReadDescriptor> {
    return new ReadDescriptor(await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  }

  /** Bytes. */
  async size(): Promise<number> {
    return (await statFile(this.#descriptor)).size;
  }

  /** How many bytes were read into `buffer`; 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, buffer, 0, buffer.length, position, (error, bytesRead) => {
        if (error) reject(error);
        else resolve(bytesRead);
      });
    });
  }

  /** Once is enough; again does nothing. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    dropped.unregister(this);
    await closeFile(this.#descriptor);
  }
}
