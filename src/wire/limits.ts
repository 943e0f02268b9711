/** What the HTTP front bears from one client and from all of them. Times in milliseconds, sizes in bytes. */
export interface ServerLimits {
  connections: number;
  connectionsPerAddress: number;
  /** From accepting a connection to its first byte, and for a TLS handshake. */
  openingTimeout: number;
  /** From the first byte of a request to the end of its headers. */
  headersTimeout: number;
  keepAliveTimeout: number;
  requestsPerConnection: number;
  /** Requests that may wait on one connection behind the one being served. No AWS client pipelines. */
  pipelined: number;
  headerBytes: number;
  headerCount: number;
  /** A body that is being read must bring this much per second, judged over `bodyRateWindow`. */
  bodyBytesPerSecond: number;
  bodyRateWindow: number;
  /** A small body that is not here so soon after its head is read as a stream. */
  wholeWithin: number;
  /** A response that the client does not take is given up after this long. */
  responseStall: number;
  /** How much of a body that nobody wants is read, and for how long, so that the client sees the answer. */
  drainBytes: number;
  drainTimeout: number;
}

export const defaultLimits: ServerLimits = {
  connections: 8192,
  connectionsPerAddress: 2048,
  openingTimeout: 10_000,
  headersTimeout: 10_000,
  // Longer than the keep-alive of clients and balancers, so that they close first.
  keepAliveTimeout: 75_000,
  requestsPerConnection: 100_000,
  pipelined: 32,
  // S3 allows 8 KB of headers, of which 2 KB metadata; session tokens and presigned URLs need room beside them.
  headerBytes: 32_768,
  headerCount: 200,
  bodyBytesPerSecond: 256,
  bodyRateWindow: 20_000,
  wholeWithin: 200,
  responseStall: 60_000,
  drainBytes: 1 << 20,
  drainTimeout: 2_000,
};
