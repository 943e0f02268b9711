/**
 * Names of access and connection log files, and who writes them. Source: Elastic Load Balancing User Guide, "Access log files",
 * "Connection log files", "Enable access logs" (bucket policy for `logdelivery.elasticloadbalancing.amazonaws.com`).
 */
export const logPrincipal = "logdelivery.elasticloadbalancing.amazonaws.com";

export type LogKind = "access" | "connection";

const under = (prefix: string): string => (prefix === "" ? "" : `${prefix.replace(/\/$/, "")}/`);

export function testFileKey(kind: LogKind, account: string, prefix: string): string {
  return `${under(prefix)}AWSLogs/${account}/ELB${kind === "access" ? "AccessLog" : "ConnectionLog"}TestFile`;
}

export interface LogFile {
  kind: LogKind;
  prefix: string;
  account: string;
  region: string;
  /** `app/my-load-balancer/50dc6c495c0c9188` */
  name: string;
  address: string;
  /** Epoch milliseconds of the end of the interval. */
  end: number;
  /** Letters and digits. */
  unique: string;
}

export function logFileKey({ kind, prefix, account, region, name, address, end, unique }: LogFile): string {
  const iso = new Date(end).toISOString();
  const folder = `AWSLogs/${account}/elasticloadbalancing/${region}/${iso.slice(0, 10).replaceAll("-", "/")}`;
  const time = `${iso.slice(0, 16).replaceAll(/[-:]/g, "")}Z`;
  const file = [account, "elasticloadbalancing", region, name.replaceAll("/", "."), time, address, unique].join("_");
  return `${under(prefix)}${folder}/${kind === "connection" ? "conn_log_" : ""}${file}.log.gz`;
}
