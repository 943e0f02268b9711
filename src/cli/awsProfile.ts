/**
 * Writes one named profile into the AWS configuration files and leaves every other byte of them as it is.
 * Sources: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "Service-specific endpoints".
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { AwsEnvironment } from "./awsEnvironment.ts";

export interface ProfileFiles {
  config: string;
  credentials: string;
}

export function profileFiles(env: NodeJS.ProcessEnv): ProfileFiles {
  const folder = join(env["HOME"] ?? homedir(), ".aws");
  return {
    config: env["AWS_CONFIG_FILE"] || join(folder, "config"),
    credentials: env["AWS_SHARED_CREDENTIALS_FILE"] || join(folder, "credentials"),
  };
}

/** True when anything changed. `profile` is never "default": the caller refuses it. */
export function writeProfile(files: ProfileFiles, profile: string, env: AwsEnvironment): boolean {
  const services = ["s3 =", "  addressing_style = path"];
  const config = [
    [
      `profile ${profile}`,
      [`region = ${env.region}`, `endpoint_url = ${env.endpoint}`, ...services, `services = ${profile}`],
    ],
    [
      `services ${profile}`,
      env.s3ControlEndpoint
        ? ["s3control =", `  endpoint_url = ${env.s3ControlEndpoint}`]
        : ["s3 =", `  endpoint_url = ${env.endpoint}`],
    ],
  ] as const;
  const credentials = [
    [
      profile,
      [
        `aws_access_key_id = ${env.credentials.accessKeyId}`,
        `aws_secret_access_key = ${env.credentials.secretAccessKey}`,
      ],
    ],
  ] as const;
  const first = rewrite(files.config, (text) =>
    config.reduce((old, [name, lines]) => setSection(old, name, lines), text),
  );
  const second = rewrite(files.credentials, (text) =>
    credentials.reduce((old, [name, lines]) => setSection(old, name, lines), text),
  );
  return first || second;
}

/** Replaces the section, or adds it at the end. Everything outside of it stays as it is. */
export function setSection(text: string, name: string, lines: readonly string[]): string {
  const body = `[${name}]\n${lines.join("\n")}\n`;
  const all = text.split("\n");
  const start = all.findIndex((line) => sectionName(line) === name);
  if (start < 0) {
    const separator = text === "" || text.endsWith("\n\n") ? "" : text.endsWith("\n") ? "\n" : "\n\n";
    return text + separator + body;
  }
  let end = start + 1;
  while (end < all.length && sectionName(all[end] ?? "") === undefined) end++;
  // Blank lines and comments before the next section belong to that one.
  while (end > start + 1 && /^\s*([#;].*)?$/.test(all[end - 1] ?? "")) end--;
  return [...all.slice(0, start), ...body.trimEnd().split("\n"), ...all.slice(end)].join("\n");
}

function sectionName(line: string): string | undefined {
  return /^\s*\[\s*([^\]]+?)\s*\]/.exec(line)?.[1]?.replace(/\s+/g, " ");
}

/** Whole or not at all, through a link if it is one, with the mode it had (0600 for a new file). */
function rewrite(path: string, change: (text: string) => string): boolean {
  const target = existsSync(path) ? realpathSync(path) : path;
  const before = existsSync(target) ? readFileSync(target, "utf8") : undefined;
  const after = change(before ?? "");
  if (after === before) return false;
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const draft = `${target}.${process.pid}.new`;
  writeFileSync(draft, after, { mode: 0o600 });
  if (before !== undefined) chmodSync(draft, statSync(target).mode & 0o777);
  renameSync(draft, target);
  return true;
}
