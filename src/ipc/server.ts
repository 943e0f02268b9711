import { chmodSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { IpcChannel } from "./channel.ts";
import type { IpcHandlers, IpcOptions, IpcServer } from "./contract.ts";

/** Linux keeps the path of a Unix socket in 108 bytes, the last of them NUL. Source: unix(7). */
const longestPath = 107;

/**
 * Serves methods on a Unix socket. A socket left by a process that died is replaced; one that a live process
 * serves is not: rejects with `EADDRINUSE`.
 *
 * INVARIANT: the socket has mode 0600 from the moment it exists.
 */
export async function serveIpc(path: string, handlers: IpcHandlers, options: IpcOptions = {}): Promise<IpcServer> {
  if (Buffer.byteLength(path) > longestPath)
    throw new RangeError(`socket path is longer than ${longestPath} bytes: ${path}`);
  const channels = new Set<IpcChannel>();
  const server = createServer((socket) => {
    const channel = new IpcChannel(socket, handlers, options);
    channels.add(channel);
    void channel.closed.then(() => channels.delete(channel));
  });
  try {
    await listen(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || (await answers(path))) throw error;
    rmSync(path, { force: true });
    await listen(server, path);
  }
  chmodSync(path, 0o600);
  return {
    path,
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all([...channels].map((channel) => channel.close()));
      await ended;
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // The socket is made inside `listen`, so the mask has to stand for this one call only.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect(path);
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
}
