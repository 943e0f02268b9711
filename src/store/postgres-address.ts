import { readFileSync } from "node:fs";
import { isIP } from "node:net";

export interface PostgresAddress {
  /** Hosts in the order given; a path with "/" is the folder of a Unix socket. */
  hosts: { host: string; port: number }[];
  user?: string;
  password?: string;
  database?: string;
  /** As node:tls takes it; absent means no TLS. */
  ssl?: "require" | { rejectUnauthorized: true; ca?: string };
}

/**
 * Reads a PostgreSQL URL with one or several hosts:
 * `postgres://user:password@h1:5432,h2:5432/database?sslmode=verify-full&sslrootcert=/path`, or
 * `postgres://user@/database?host=/run/postgresql&port=5433`. Parameters that would be ignored are refused.
 * Source: PostgreSQL manual, "Connection URIs" and "SSL Support".
 */
export function parsePostgresUrl(url: string): PostgresAddress {
  const match = /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (!match) throw new TypeError("not a PostgreSQL URL");
  const [, user, password, authority = "", database, query = ""] = match;
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!["host", "port", "sslmode", "sslrootcert", "target_session_attrs"].includes(name)) {
      throw new TypeError(`unknown parameter ${name} in the PostgreSQL URL`);
    }
  }
  const attributes = parameters.get("target_session_attrs") ?? "read-write";
  if (attributes !== "read-write" && attributes !== "primary") {
    throw new TypeError(`target_session_attrs must be read-write, got ${attributes}`);
  }
  const port = Number(parameters.get("port") ?? 5432);
  const names = parameters.get("host") ?? authority;
  const hosts = (names === "" ? "localhost" : names).split(",").map((text) => splitHost(text, port));
  const address: PostgresAddress = { hosts };
  if (user) address.user = decodeURIComponent(user);
  if (password) address.password = decodeURIComponent(password);
  if (database) address.database = decodeURIComponent(database);
  const ssl = sslOf(parameters);
  if (ssl) address.ssl = ssl;
  return address;
}

function splitHost(text: string, fallback: number): { host: string; port: number } {
  const decoded = decodeURIComponent(text);
  const match = isIP(decoded) === 6 || decoded.includes("/") ? null : /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(decoded);
  const port = match?.[2] === undefined ? fallback : Number(match[2]);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new TypeError(`bad port in ${decoded}`);
  return { host: match?.[1] ?? decoded, port };
}

function sslOf(parameters: URLSearchParams): PostgresAddress["ssl"] {
  const mode = parameters.get("sslmode") ?? "disable";
  const root = parameters.get("sslrootcert");
  if (mode === "disable") return undefined;
  if (mode === "require" && root === null) return "require";
  if (mode === "verify-full" || (mode === "require" && root !== null)) {
    return root === null ? { rejectUnauthorized: true } : { rejectUnauthorized: true, ca: readFileSync(root, "utf8") };
  }
  // "prefer" and "allow" fall back to plain text without a word.
  throw new TypeError(`sslmode must be disable, require or verify-full, got ${mode}`);
}
