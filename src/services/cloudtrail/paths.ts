/** Names of log and digest files. Source: CloudTrail User Guide, "CloudTrail log file examples", "CloudTrail digest file structure". */
import type { Trail } from "./state.ts";

/** `[prefix/]AWSLogs/[organization/]account`. */
export function objectPrefix(trail: Pick<Trail, "prefix" | "organization">, account: string): string {
  return [trail.prefix, "AWSLogs", trail.organization, account].filter((part) => part !== undefined).join("/");
}

/** `at` is the delivery, epoch milliseconds; `unique` 16 characters. */
export function logFileKey(trail: Trail, account: string, region: string, at: number, unique: string): string {
  const stamp = compact(at).replace(/\d{2}Z$/, "Z");
  return `${objectPrefix(trail, account)}/CloudTrail/${region}/${day(at)}/${account}_CloudTrail_${region}_${stamp}_${unique}.json.gz`;
}

export function digestFileKey(trail: Trail, account: string, region: string, end: number): string {
  const file = `${account}_CloudTrail-Digest_${region}_${trail.name}_${trail.homeRegion}_${compact(end)}.json.gz`;
  return `${objectPrefix(trail, account)}/CloudTrail-Digest/${region}/${day(end)}/${file}`;
}

/** `YYYY/MM/DD`. */
function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10).replaceAll("-", "/");
}

/** `YYYYMMDDTHHMMSSZ`. */
function compact(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, "");
}
