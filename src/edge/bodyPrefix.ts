/** The first bytes of a body, for inspection; the rest stays where it is. */
import type { ServerResponse } from "node:http";
import type { Exchange } from "./exchange.ts";

export interface Prefix {
  /** At most as many as were wanted, except that the last piece is kept whole. */
  bytes: Buffer;
  /** That is the whole body. */
  whole: boolean;
}

/**
 * Calls back once as soon as enough has come, or all. What was read and is not all is put back, so that the target
 * gets everything. Not called when the client goes away before.
 */
export function readPrefix(exchange: Exchange, wanted: number, then: (prefix: Prefix) => void): void {
  const { request } = exchange;
  const chunks: Buffer[] = [];
  let length = 0;
  continueBody(exchange);
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    length += chunk.length;
    if (length < wanted) return;
    stop();
    request.pause();
    const bytes = Buffer.concat(chunks);
    request.unshift(bytes);
    then({ bytes, whole: false });
  };
  const onEnd = (): void => {
    stop();
    then({ bytes: Buffer.concat(chunks), whole: true });
  };
  const stop = (): void => {
    request.off("data", onData);
    request.off("end", onEnd);
  };
  request.on("data", onData);
  request.on("end", onEnd);
}

/** The client waits for leave to send its body. */
export function continueBody({ request, response, http2 }: Exchange): void {
  if (http2 || request.headers.expect?.toLowerCase() !== "100-continue") return;
  (response as ServerResponse).writeContinue();
}
