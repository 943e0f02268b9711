/**
 * WebSocket: the handshake goes to the target as a request, and after its 101 the two connections are one.
 * Source: Elastic Load Balancing User Guide, "Listeners": WebSockets are upgraded over HTTP/1.1.
 */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Exchange } from "./exchange.ts";
import { connectionTokens, isHopByHopResponse } from "./forwardedHeaders.ts";
import { textOf, type Forwarded, type RawHeaders } from "./proxy.ts";

export interface Upgrade {
  socket: Duplex;
  /** What came after the request already. */
  head: Buffer;
}

/** What happens when the target has said yes. */
export function tunnelOf(exchange: Exchange, upgrade: Upgrade): NonNullable<Forwarded["upgrade"]> {
  exchange.websocket = true;
  return (raw, _, target, ended) => {
    (exchange.response as ServerResponse).detachSocket(upgrade.socket as never);
    upgrade.socket.write(handshakeAnswer(raw));
    tunnel(exchange, upgrade, target, ended);
  };
}

function handshakeAnswer(raw: RawHeaders): string {
  const flat = textOf(raw);
  const perConnection = connectionTokens(flat);
  let text = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
  for (let index = 0; index < flat.length; index += 2) {
    const name = flat[index] ?? "";
    if (!isHopByHopResponse(name.toLowerCase(), perConnection)) text += `${name}: ${flat[index + 1] ?? ""}\r\n`;
  }
  return `${text}\r\n`;
}

/** Ends both when one ends, or when neither says anything for the idle timeout. */
function tunnel(exchange: Exchange, { socket, head }: Upgrade, target: Duplex, ended: () => void): void {
  if (head.length > 0) target.write(head);
  let done = false;
  const end = (): void => {
    if (done) return;
    done = true;
    clearTimeout(idle);
    socket.destroy();
    target.destroy();
    ended();
  };
  const idle = setTimeout(end, exchange.state.frontEnd.attributes.idleTimeoutSeconds * 1000);
  socket.on("data", (chunk: Buffer) => {
    exchange.bodyReceived += chunk.length;
    idle.refresh();
  });
  target.on("data", (chunk: Buffer) => {
    exchange.sent += chunk.length;
    idle.refresh();
  });
  for (const side of [socket, target]) {
    side.on("error", end);
    side.on("close", end);
  }
  socket.pipe(target);
  target.pipe(socket);
}
