/**
 * Lines of access and connection logs. Sources: Elastic Load Balancing User Guide, "Access logs for your Application Load
 * Balancer" (access log entries) and "Connection logs for your Application Load Balancer" (connection log entries).
 */
import type { ClientConnection } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import type { ListenerState } from "./listenerState.ts";
import { hostOf } from "./targets.ts";

/** Longer ones are cut. */
const mostUserAgent = 8 * 1024;

/** The time of the answer in epoch milliseconds, and its tick. */
export interface Now {
  now: number;
  tick: number;
}

export function accessLogLine(exchange: Exchange, { now, tick }: Now): string {
  const { connection, state, chosen, targetGroup, checked, rule } = exchange;
  const target = chosen ? addressAndPort(chosen.address, chosen.port) : "-";
  const reached = exchange.sentTick !== undefined;
  return [
    typeOf(exchange),
    time(now),
    state.frontEnd.name,
    addressAndPort(connection.address, connection.port),
    reached ? target : "-",
    ...processingTimes(exchange, tick),
    String(exchange.status || 0),
    String(exchange.targetStatus ?? "-"),
    String(exchange.headReceived + exchange.bodyReceived),
    String(exchange.sent),
    quoted(`${exchange.method} ${urlOf(exchange)} ${exchange.httpVersion}`),
    quoted(headerOf(exchange.rawHeaders, "user-agent").slice(0, mostUserAgent)),
    connection.tls?.cipher || "-",
    connection.tls?.protocol || "-",
    targetGroup?.document.arn ?? "-",
    quoted(exchange.traceId),
    quoted(connection.tls?.serverName ?? ""),
    quoted(connection.tls?.certificateArn ?? ""),
    rule ? (rule.priority === "default" ? "0" : rule.priority) : "-1",
    time(exchange.startedAt),
    quoted(exchange.actions.join(",")),
    quoted(exchange.redirectUrl ?? ""),
    quoted(exchange.errorReason ?? ""),
    quoted(reached ? target : ""),
    quoted(exchange.targetStatus === undefined ? "" : String(exchange.targetStatus)),
    quoted(checked.classification ?? ""),
    quoted(checked.reason ?? ""),
    connection.traceId,
    quoted(exchange.transformed?.host ?? ""),
    quoted(exchange.transformed?.uri ?? ""),
    quoted(exchange.transformed?.status ?? ""),
  ].join(" ");
}

/** A request that could not be read. */
export function unreadableLine(
  state: ListenerState,
  connection: ClientConnection,
  status: number,
  now: number,
): string {
  const type = connection.tls ? "https" : "http";
  const port = state.document.port;
  const client = addressAndPort(connection.address, connection.port);
  return (
    `${type} ${time(now)} ${state.frontEnd.name} ${client} - -1 -1 -1 ${status} - 0 0 ` +
    `"- ${type}://${state.frontEnd.dnsName}:${port}- -" "-" ${connection.tls?.cipher || "-"} ${connection.tls?.protocol || "-"} - ` +
    `"-" "-" "-" - ${time(now)} "-" "-" "-" "-" "-" "-" "-" ${connection.traceId} "-" "-" "-"`
  );
}

export function connectionLogLine(state: ListenerState, connection: ClientConnection, failed: boolean): string {
  const { tls } = connection;
  const secure = state.document.protocol === "HTTPS";
  return [
    time(connection.openedAt),
    connection.address,
    String(connection.port),
    String(state.document.port),
    tls?.protocol || "-",
    tls?.cipher || "-",
    tls ? seconds(tls.handshakeMs) : "-",
    // Client certificates are not asked for yet.
    '"-"',
    '"-"',
    "-",
    secure ? (failed ? "Failed:UnmappedConnectionError" : "Success") : "-",
    connection.traceId,
    tls?.keyExchange ?? "-",
  ].join(" ");
}

function typeOf({ http2, secure, websocket }: Exchange): string {
  if (http2) return "h2";
  if (websocket) return secure ? "wss" : "ws";
  return secure ? "https" : "http";
}

/** From the client until sent, from sent until the first byte of the answer, from there on; -1 where it did not come to it. */
function processingTimes({ startedTick, sentTick, answeredTick }: Exchange, tick: number): string[] {
  if (sentTick === undefined) return ["-1", "-1", "-1"];
  const before = seconds(sentTick - startedTick);
  if (answeredTick === undefined) return [before, "-1", "-1"];
  return [before, seconds(answeredTick - sentTick), seconds(tick - answeredTick)];
}

function seconds(milliseconds: number): string {
  return (Math.max(0, milliseconds) / 1000).toFixed(3);
}

/** Microseconds, as in the documented examples. */
function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, -1)}000Z`;
}

function urlOf({ scheme, hostHeader, state, target }: Exchange): string {
  const { port } = state.document;
  const host = hostHeader === "" ? state.frontEnd.dnsName : hostHeader;
  const withPort = /:\d+$/.test(host) ? host : `${host}:${port}`;
  return `${scheme}://${withPort}${target}`;
}

function headerOf(rawHeaders: readonly string[], name: string): string {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) return rawHeaders[index + 1] ?? "";
  }
  return "";
}

function addressAndPort(address: string, port: number): string {
  return `${hostOf(address)}:${port}`;
}

/** INVARIANT: whatever a client sent stays inside its quotes and on its line. */
function quoted(text: string): string {
  if (text === "") return '"-"';
  const safe = text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, (character) => {
    const bytes = Buffer.from(character);
    return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("");
  });
  return `"${safe}"`;
}
