/**
 * HTTP and TLS on one port: the first byte of a connection tells which it is. A TLS record begins with its content type,
 * 22 (0x16) for a handshake; no HTTP method begins with that byte. Source: RFC 8446, section 5.1.
 */
import type { Socket } from "node:net";

export type Opening = "tls" | "plain" | "none";

/**
 * Waits for the first byte, puts it back and reports. "none": closed, failed, or silent for `timeout` milliseconds.
 * The socket is paused when `opened` is called; whoever takes it over reads on.
 */
export function sniff(socket: Socket, timeout: number, opened: (opening: Opening) => void): void {
  let settled = false;
  const settle = (opening: Opening): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket.removeListener("data", first);
    socket.removeListener("error", gone);
    socket.removeListener("end", gone);
    socket.removeListener("close", gone);
    opened(opening);
  };
  const gone = (): void => settle("none");
  const first = (piece: Buffer): void => {
    socket.pause();
    socket.unshift(piece);
    settle(piece[0] === 0x16 ? "tls" : "plain");
  };
  const timer = setTimeout(gone, timeout);
  socket.on("data", first);
  socket.on("error", gone);
  // HTTP sockets are half-open: without this a client that leaves at once would hold its place until the timeout.
  socket.on("end", gone);
  socket.on("close", gone);
}
