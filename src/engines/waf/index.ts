/** What others use of the firewall. */
export { compile } from "./compile.ts";
export { MemoryRateCounters } from "./rateCounters.ts";
export { WafReporter } from "./report.ts";
export { documentKey, loadSource, type WafDocumentKey } from "./source.ts";
export { openReport, sealReport } from "./sealedReport.ts";
export { capacityOf } from "./capacity.ts";
export { type Location, openLocation } from "./geo/location.ts";
