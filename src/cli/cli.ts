/** What a command works with: where it writes, in which language, and which folder it means. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import type { RoleSpec } from "../roles/processChild.ts";
import type { Messages } from "./messages/index.ts";

export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
}

/** The process around the commands; a test makes its own. */
export interface CliHost {
  env: NodeJS.ProcessEnv;
  cwd: string;
  stdout: Output;
  stderr: Output;
  stdin: NodeJS.ReadStream;
  /** Script that starts this command line again, for roles and `--detach`. */
  script: string;
  /** Root of the source tree. */
  home: string;
  version: string;
  roles: readonly RoleSpec[];
}

export interface GlobalOptions {
  data?: string;
  json?: boolean;
  lang?: string;
}

type Look = "bold" | "dim" | "red" | "green" | "yellow";

export class Cli {
  readonly host: CliHost;
  readonly text: Messages;
  readonly locale: string;

  constructor(host: CliHost, text: Messages, locale: string) {
    this.host = host;
    this.text = text;
    this.locale = locale;
  }

  /** For people, on stdout. */
  print(text: string): void {
    this.host.stdout.write(`${text}\n`);
  }

  /** Progress, hints and warnings: on stderr, so that stdout can be piped. */
  note(text: string): void {
    this.host.stderr.write(`${text}\n`);
  }

  printJson(value: unknown): void {
    this.host.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Rows of a label and a value, aligned also where Hangul takes two columns. */
  printRows(rows: readonly (readonly [string, string])[]): void {
    const width = Math.max(0, ...rows.map(([label]) => columns(label)));
    for (const [label, value] of rows) {
      const [first = "", ...rest] = value.split("\n");
      this.print(`  ${this.look("dim", label)}${" ".repeat(width - columns(label))}  ${first}`);
      for (const line of rest) this.print(`  ${" ".repeat(width)}  ${line}`);
    }
  }

  /** Colour only for a person: a terminal, and NO_COLOR not set (https://no-color.org). */
  look(look: Look, text: string, output: Output = this.host.stdout): string {
    if (!output.isTTY || this.host.env["NO_COLOR"] || this.host.env["TERM"] === "dumb") return text;
    return styleText(look, text, { validateStream: false });
  }

  warn(text: string): void {
    this.note(`${this.look("yellow", this.text.warning, this.host.stderr)}: ${text}`);
  }

  dataDir(options: GlobalOptions): string {
    const asked = options.data ?? (this.host.env["JIKIMI_DATA"] || undefined);
    if (asked !== undefined) return resolve(this.host.cwd, asked);
    const base = this.host.env["XDG_DATA_HOME"];
    return join(base?.startsWith("/") ? base : join(this.host.env["HOME"] ?? homedir(), ".local", "share"), "jikimi");
  }
}

/** Columns on a terminal: Hangul and other East Asian wide characters take two (Unicode UAX 11). */
export function columns(text: string): number {
  let count = 0;
  for (const character of text)
    count += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(character) ? 2 : 1;
  return count;
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
