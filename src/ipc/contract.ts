/**
 * Requests and responses between processes of one installation over a Unix socket: named methods, values by
 * structured clone, streams in both directions with backpressure and cancellation. The socket is for its owner
 * only (0600); whoever can open it is trusted with everything behind it.
 */
export interface IpcContext {
  /** Aborted when the caller cancels or its connection ends. */
  signal: AbortSignal;
}

/**
 * A method. Arguments and results are structured-clone values; an `AsyncIterable` as an argument, as the result,
 * or as a member of either, is carried as a stream.
 */
export type IpcHandler = (args: readonly unknown[], context: IpcContext) => unknown;

export type IpcHandlers = Readonly<Record<string, IpcHandler>>;

/** How an error class crosses the socket. Errors without a codec arrive as `IpcError` with name and message. */
export interface ErrorCodec {
  name: string;
  encode(error: Error): Readonly<Record<string, unknown>>;
  decode(fields: Readonly<Record<string, unknown>>, message: string): Error;
}

export interface IpcOptions {
  errors?: readonly ErrorCodec[];
  /** Largest message, in bytes; 64 MiB unless told. Larger things are streams. */
  maxMessage?: number;
}

export interface IpcClient {
  /** Rejects with `IpcLost` when the peer cannot be reached or goes away before it has answered. */
  call(method: string, args: readonly unknown[], options?: { signal?: AbortSignal }): Promise<unknown>;
  close(): Promise<void>;
}

export interface IpcServer {
  readonly path: string;
  /** Stops accepting, ends connections, removes the socket. */
  close(): Promise<void>;
}

/** The connection was lost. `sent` tells whether the peer may have begun to act on the request. */
export class IpcLost extends Error {
  readonly sent: boolean;
  constructor(message: string, sent: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "IpcLost";
    this.sent = sent;
  }
}

/** The method failed at the peer, or the message could not be carried. */
export class IpcError extends Error {
  /** Name of the peer's error class. */
  readonly remoteName: string;
  constructor(remoteName: string, message: string) {
    super(message);
    this.name = "IpcError";
    this.remoteName = remoteName;
  }
}
