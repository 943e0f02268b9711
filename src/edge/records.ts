/** What the edge tells of its traffic: gathers log lines and metrics and hands them to the outbox. */
import type { Clock } from "#kernel/clock.ts";
import { accessLogStream, type AccessLogEvent, type LogDestination } from "./config.ts";
import { accessLogLine, connectionLogLine, unreadableLine } from "./accessLogLine.ts";
import type { ClientConnection } from "./connection.ts";
import type { Edge, EdgeObserver } from "./edge.ts";
import type { ListenerState } from "./listenerState.ts";
import { EdgeMetrics } from "./metrics.ts";

/** Characters of lines in one event; an event of a stream holds 320 KB of JSON. */
const mostCharacters = 150_000;
/** How many turns of gathering come between two of metrics. */
const metricsEvery = 5;
export const metricsStream = "metrics";

type Put = (stream: string, key: string, event: unknown) => void;

interface Lines {
  event: Omit<AccessLogEvent, "lines">;
  lines: string[];
  characters: number;
}

export class Records implements Omit<EdgeObserver, "status" | "health"> {
  readonly metrics = new EdgeMetrics();
  readonly #clock: Clock;
  readonly #put: Put;
  readonly #lines = new Map<string, Lines>();
  #turn = 0;

  constructor(clock: Clock, put: Put) {
    this.#clock = clock;
    this.#put = put;
  }

  finished: EdgeObserver["finished"] = (exchange) => {
    const now = this.#clock.now();
    this.metrics.request(exchange, now);
    const { accessLogs } = exchange.state.frontEnd.attributes;
    if (!accessLogs) return;
    const line = accessLogLine(exchange, { now, tick: performance.now() });
    this.#line("access", exchange.state, exchange.connection, accessLogs, line, now);
  };

  unreadable: EdgeObserver["unreadable"] = (state, connection, status) => {
    const now = this.#clock.now();
    this.metrics.unreadable(state, status, now);
    const { accessLogs } = state.frontEnd.attributes;
    if (accessLogs)
      this.#line("access", state, connection, accessLogs, unreadableLine(state, connection, status, now), now);
  };

  handshake: EdgeObserver["handshake"] = (state, connection, error) => {
    const now = this.#clock.now();
    if (error) this.metrics.connection(state, "ClientTLSNegotiationErrorCount", now);
    this.#connection(state, connection, error !== undefined, now);
  };

  opened: EdgeObserver["opened"] = (state, connection) => {
    const now = this.#clock.now();
    this.metrics.connection(state, "NewConnectionCount", now);
    // With TLS, the end of the handshake is what is logged.
    if (state.document.protocol === "HTTP") this.#connection(state, connection, false, now);
  };

  rejected: EdgeObserver["rejected"] = (state) => {
    this.metrics.connection(state, "RejectedConnectionCount", this.#clock.now());
  };

  slow: EdgeObserver["slow"] = () => {};

  #connection(state: ListenerState, connection: ClientConnection, failed: boolean, now: number): void {
    const { connectionLogs } = state.frontEnd.attributes;
    if (!connectionLogs) return;
    const line = connectionLogLine(state, connection, failed);
    this.#line("connection", state, connection, connectionLogs, line, now);
  }

  #line(
    kind: AccessLogEvent["kind"],
    { account, region, frontEnd }: ListenerState,
    { localAddress }: ClientConnection,
    destination: LogDestination,
    line: string,
    now: number,
  ): void {
    const name = `${kind}|${frontEnd.arn}|${localAddress}|${destination.bucket}|${destination.prefix}`;
    let lines = this.#lines.get(name);
    if (!lines) {
      const from = { frontEnd: frontEnd.arn, name: frontEnd.name, account, region, destination, address: localAddress };
      lines = { event: { kind, ...from, from: now, to: now }, lines: [], characters: 0 };
      this.#lines.set(name, lines);
    }
    lines.lines.push(line);
    lines.event.to = now;
    lines.characters += line.length;
    if (lines.characters > mostCharacters) this.#send(name, lines);
  }

  #send(name: string, { event, lines }: Lines): void {
    this.#lines.delete(name);
    this.#put(accessLogStream, event.frontEnd, { ...event, lines } satisfies AccessLogEvent);
  }

  /** Called about once a second. `last`: nothing more will come. */
  gather(edge: Edge, last: boolean): void {
    for (const [name, lines] of this.#lines) this.#send(name, lines);
    if (this.#turn++ % metricsEvery !== 0 && !last) return;
    this.#gauges(edge);
    for (const event of this.metrics.take()) {
      this.#put(metricsStream, `${event.account}/${event.region}/${event.namespace}`, event);
    }
  }

  #gauges(edge: Edge): void {
    const now = this.#clock.now();
    for (const { group, placed, frontEnd } of edge.groups()) {
      this.metrics.hosts(placed, group, frontEnd.name, now);
    }
    const open = new Map<ListenerState, number>();
    for (const connection of edge.connections) {
      const state = edge.stateOf(connection);
      if (state) open.set(state, (open.get(state) ?? 0) + 1);
    }
    for (const [state, count] of open) this.metrics.connections(state, count, now);
  }
}
