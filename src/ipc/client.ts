import { connect as connectSocket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { IpcChannel } from "./channel.ts";
import { IpcLost, type IpcClient, type IpcHandlers, type IpcOptions } from "./contract.ts";

export interface IpcClientOptions extends IpcOptions {
  /** How long a call waits for a peer that is not there (yet), in milliseconds. */
  connectTimeoutMs?: number;
  /** Methods that the peer may call back. */
  handlers?: IpcHandlers;
}

const pauseMs = 25;

/**
 * A client that connects with its first call and again after each loss. A call that was under way when the peer
 * died rejects with `IpcLost.sent`: it is not repeated, since it may have had its effect.
 */
export function connectIpc(path: string, options: IpcClientOptions = {}): IpcClient {
  const { connectTimeoutMs = 5_000, handlers = {} } = options;
  let current: Promise<IpcChannel> | undefined;
  let open: IpcChannel | undefined;
  let closed = false;

  async function connectOnce(): Promise<IpcChannel> {
    const socket = connectSocket(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new IpcChannel(socket, handlers, options);
  }

  async function reach(): Promise<IpcChannel> {
    const started = performance.now();
    for (;;) {
      if (closed) throw new IpcLost("the client is closed", false);
      try {
        return await connectOnce();
      } catch (error) {
        if (performance.now() - started >= connectTimeoutMs) {
          throw new IpcLost(`cannot reach ${path}: ${(error as Error).message}`, false, error);
        }
        await delay(pauseMs);
      }
    }
  }

  async function channel(): Promise<IpcChannel> {
    if (open && !open.isDown) return open;
    current ??= reach().finally(() => (current = undefined));
    open = await current;
    return open;
  }

  return {
    async call(method, args, { signal } = {}) {
      const ready = open && !open.isDown ? open : await channel();
      return ready.call(method, args, signal);
    },
    async close() {
      closed = true;
      await current?.catch(() => {});
      await open?.close();
    },
  };
}
