/** A JSON log line in words: time, role, level, message, then what else it carries. */
import type { Cli } from "./cli.ts";
import type { LogLine } from "./logFiles.ts";

/** pino's levels. */
const levels: Record<number, string> = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };
const shownApart = new Set(["level", "time", "role", "pid", "msg", "err"]);

export function logText(cli: Cli, line: LogLine): string {
  const entry = parse(line.text);
  if (!entry) return `${cli.look("dim", line.role)} ${line.text}`;
  const level = levels[Number(entry["level"])] ?? "";
  const rest = Object.entries(entry)
    .filter(([name]) => !shownApart.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const error = entry["err"] as { message?: string; stack?: string } | undefined;
  const parts = [
    cli.look("dim", String(entry["time"] ?? "")),
    String(entry["role"] ?? line.role),
    Number(entry["level"]) >= 50
      ? cli.look("red", level)
      : Number(entry["level"]) >= 40
        ? cli.look("yellow", level)
        : level,
    String(entry["msg"] ?? ""),
    ...rest,
  ].filter((part) => part !== "");
  return [parts.join(" "), ...(error ? [String(error.stack ?? error.message)] : [])].join("\n");
}

/** For programs: a line that a role wrote before its log was open, or a crash, becomes an entry too. */
export function logJson(line: LogLine): string {
  return parse(line.text) ? line.text : JSON.stringify({ role: line.role, msg: line.text });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
