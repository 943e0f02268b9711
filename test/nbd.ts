/** Volumes as a host attaches them: qemu's own clients over the NBD socket of an instance, and a client of a few lines. */
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { run, type Ran } from "./cli.ts";
import type { Instance } from "./instance.ts";

export const nbdSocket = (instance: Pick<Instance, "dataDir">): string => join(instance.dataDir, "run/nbd.sock");

export const imageOf = (instance: Pick<Instance, "dataDir">, volumeId: string): string =>
  join(instance.dataDir, "volumes", `${volumeId}.image`);

export const nbdUri = (instance: Instance, volumeId: string): string =>
  `nbd+unix:///${volumeId}?socket=${nbdSocket(instance)}`;

/** Runs commands of `qemu-io` on a volume, one after the other. */
export async function qemuIo(instance: Instance, volumeId: string, ...commands: string[]): Promise<Ran> {
  const args = commands.flatMap((command) => ["-c", command]);
  return await run("qemu-io", ["-f", "raw", ...args, nbdUri(instance, volumeId)], { PATH: process.env["PATH"] });
}

/** What qemu-io says of data that is not what was expected; its exit code tells it too. */
export const hasFailed = ({ code, stdout, stderr }: Ran): boolean =>
  code !== 0 || /Pattern verification failed|error/i.test(stdout + stderr);

/** Longest that an answer is waited for. */
const answerMs = 20_000;

/** The least of an NBD client: names an export and sends requests one at a time. */
export class NbdClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #cookie = 0n;
  size = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])));
    socket.on("close", () => (this.#closed = true));
    socket.on("error", () => (this.#closed = true));
  }

  /** @throws with the server's words when the export is refused */
  static async attach(path: string, name: string): Promise<NbdClient> {
    const client = new NbdClient(connect(path));
    await client.#read(18);
    const option = Buffer.from(name);
    const head = Buffer.alloc(4 + 16 + 4);
    head.writeUInt32BE(3, 0);
    head.write("IHAVEOPT", 4);
    head.writeUInt32BE(7, 12);
    head.writeUInt32BE(option.length + 6, 16);
    head.writeUInt32BE(option.length, 20);
    client.#socket.write(Buffer.concat([head, option, Buffer.alloc(2)]));
    for (;;) {
      const reply = await client.#read(20);
      const [type, length] = [reply.readUInt32BE(12), reply.readUInt32BE(16)];
      const data = await client.#read(length);
      if (type === 1) return client;
      if (type >= 0x8000_0000) {
        client.end();
        throw new Error(data.toString());
      }
      if (data.readUInt16BE(0) === 0) client.size = Number(data.readBigUInt64BE(2));
    }
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The error number of the reply; 0 is success. */
  async request(type: number, offset: number | bigint, length: number, data?: Buffer, flags = 0): Promise<number> {
    return (await this.#exchange(type, offset, length, data, flags)).error;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const { error, data } = await this.#exchange(0, offset, length);
    if (error !== 0) throw new Error(`NBD error ${error}`);
    return data;
  }

  write(offset: number, data: Buffer, fua = false): Promise<number> {
    return this.request(1, offset, data.length, data, fua ? 1 : 0);
  }

  flush(): Promise<number> {
    return this.request(3, 0, 0);
  }

  end(): void {
    this.#socket.destroy();
  }

  async #exchange(type: number, offset: number | bigint, length: number, data?: Buffer, flags = 0) {
    const head = Buffer.alloc(28);
    head.writeUInt32BE(0x2560_9513, 0);
    head.writeUInt16BE(flags, 4);
    head.writeUInt16BE(type, 6);
    head.writeBigUInt64BE(++this.#cookie, 8);
    head.writeBigUInt64BE(BigInt(offset), 16);
    head.writeUInt32BE(length, 24);
    this.#socket.write(head);
    if (data) this.#socket.write(data);
    const reply = await this.#read(16);
    if (reply.readUInt32BE(0) !== 0x6744_6698 || reply.readBigUInt64BE(8) !== this.#cookie) {
      throw new Error("not the reply to the request");
    }
    const error = reply.readUInt32BE(4);
    return { error, data: type === 0 && error === 0 ? await this.#read(length) : Buffer.alloc(0) };
  }

  async #read(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#closed) throw new Error("the connection was closed");
      await this.#news();
    }
    const data = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return data;
  }

  /** Until something comes, or nothing can come any more. */
  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      const told = (): void => {
        clearTimeout(timer);
        this.#socket.off("data", told).off("close", told);
        resolve();
      };
      const timer = setTimeout(() => reject(new Error("no answer")), answerMs);
      this.#socket.on("data", told).on("close", told);
    });
  }
}
