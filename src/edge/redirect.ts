/** Redirect actions. Source: Elastic Load Balancing API reference, RedirectActionConfig. */
import type { RoutingAction } from "./config.ts";

type Redirect = Extract<RoutingAction, { type: "redirect" }>;

/** The request's own parts, for the placeholders. */
export interface UriParts {
  /** `http` or `https`. */
  protocol: string;
  host: string;
  port: number;
  /** With its leading slash. */
  path: string;
  query: string;
}

export function locationOf(action: Redirect, request: UriParts): string {
  const values: Readonly<Record<string, string>> = {
    protocol: request.protocol.toUpperCase(),
    host: request.host,
    port: String(request.port),
    path: request.path.replace(/^\//, ""),
    query: request.query,
  };
  const fill = (text: string): string =>
    text.replace(/#\{(protocol|host|port|path|query)\}/g, (_, name: string) => values[name] ?? "");
  const protocol = fill(action.protocol).toLowerCase();
  const query = fill(action.query);
  // INVARIANT: nothing of the request ends the header line: the parser let no control character through, and what it did is escaped.
  const location = `${protocol}://${fill(action.host)}:${fill(action.port)}${fill(action.path)}${query === "" ? "" : `?${query}`}`;
  return location.replace(/[^\x21-\x7e]/g, encodeURIComponent);
}
