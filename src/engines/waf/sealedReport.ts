/** Reports on their way from the edge to the service: what they show of requests is sealed by the key holder. */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { WafReport, WafReportEvent } from "./contract.ts";

const purpose = "waf-report";

type Shown = Pick<WafReport, "samples" | "logs">;

/** `protect` is the key holder's. */
export async function sealReport(
  report: WafReport,
  protect: (purpose: string, bound: string, secret: Uint8Array) => Promise<Uint8Array>,
): Promise<WafReportEvent> {
  const { samples, logs, ...rest } = report;
  const packed = zstdCompressSync(Buffer.from(JSON.stringify({ samples, logs } satisfies Shown)));
  return {
    ...rest,
    sampled: [...new Set(samples.map(({ ruleMetric }) => ruleMetric))],
    logCount: logs.length,
    sealed: Buffer.from(await protect(purpose, report.webAclArn, packed)).toString("base64"),
  };
}

/** `reveal` is the key holder's. */
export async function openReport(
  { webAclArn, sealed }: Pick<WafReportEvent, "webAclArn" | "sealed">,
  reveal: (purpose: string, bound: string, secret: Uint8Array) => Promise<Uint8Array>,
): Promise<Shown> {
  const packed = await reveal(purpose, webAclArn, Buffer.from(sealed, "base64"));
  return JSON.parse(zstdDecompressSync(packed).toString("utf8")) as Shown;
}
