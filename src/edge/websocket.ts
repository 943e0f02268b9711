/**
 * WebSocket: the handshake goes to the target as a request, and after its 101 the two connections are one.
 * Source: Elastic Load Balancing User Guide, "Listeners": WebSockets are upgraded over HTTP/1.1.
 */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import type { Exchange } from "./exchange.ts";
import { connectionTokens, isHopByHopResponse } from "./forwardedHeaders.ts";
import { forwardRequest, type Forwarded } from "./proxy.ts";
import type { Target } from "./targets.ts";

export interface Upgrade {
  socket: Duplex;
  /** What came after the request already. */
  head: Buffer;
}

export function forwardWebSocket(exchange: Exchange, target: Target, forwarded: Forwarded, upgrade: Upgrade): void {
  const { response, state } = exchange;
  let refused = false;
  let done = false;
  const finish = (): void => {
    if (done) return;
    done = true;
    target.outstanding--;
    forwarded.done();
  };
  target.outstanding++;
  exchange.sentTick = performance.now();
  const timeout = state.frontEnd.attributes.idleTimeoutSeconds * 1000;
  upgrade.socket.on("error", () => upgrade.socket.destroy());
  const handler: Dispatcher.DispatchHandler = {
    onRequestUpgrade(controller, status, _, socket) {
      exchange.answeredTick = performance.now();
      exchange.targetStatus = exchange.status = status;
      (response as ServerResponse).detachSocket(upgrade.socket as never);
      upgrade.socket.write(handshakeAnswer(controller.rawHeaders));
      tunnel(exchange, upgrade, socket, timeout, finish);
    },
    onResponseStart(controller, status) {
      // The target does not upgrade: what it answers is an answer like any other, so it is asked again as such.
      if (status < 200) return;
      refused = true;
      controller.abort(new Error("no upgrade"));
    },
    onResponseError(_, error) {
      if (done) return;
      finish();
      if (refused) return forwardRequest(exchange, target, { ...forwarded, done() {} });
      const { code = "" } = error as NodeJS.ErrnoException;
      exchange.fail(/TIMEOUT|ETIMEDOUT/.test(code) ? 504 : 502, code);
    },
  };
  try {
    target.dispatcher.dispatch(
      {
        path: forwarded.target,
        method: "GET",
        headers: forwarded.headers,
        upgrade: "websocket",
        headersTimeout: timeout,
      },
      handler,
    );
  } catch (error) {
    finish();
    exchange.fail(400, (error as Error).message);
  }
}

function handshakeAnswer(raw: Dispatcher.DispatchController["rawHeaders"]): string {
  const flat = Array.isArray(raw) ? raw.map((part) => (typeof part === "string" ? part : part.toString("latin1"))) : [];
  const perConnection = connectionTokens(flat);
  let text = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
  for (let index = 0; index < flat.length; index += 2) {
    const name = flat[index] ?? "";
    if (!isHopByHopResponse(name.toLowerCase(), perConnection)) text += `${name}: ${flat[index + 1] ?? ""}\r\n`;
  }
  return `${text}\r\n`;
}

/** Ends both when one ends, or when neither says anything for the idle timeout. */
function tunnel(exchange: Exchange, { socket, head }: Upgrade, target: Duplex, timeoutMs: number, done: () => void): void {
  if (head.length > 0) target.write(head);
  const idle = setTimeout(() => end(), timeoutMs);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(idle);
    socket.destroy();
    target.destroy();
    done();
  };
  socket.on("data", (chunk: Buffer) => {
    exchange.bodyReceived += chunk.length;
    idle.refresh();
  });
  target.on("data", (chunk: Buffer) => {
    exchange.sent += chunk.length;
    idle.refresh();
  });
  socket.on("close", end);
  target.on("close", end);
  target.on("error", end);
  socket.pipe(target);
  target.pipe(socket);
}
