/**
 * Writes `src/model/data/<service>.json` from the installed `@aws-sdk/client-*` packages and botocore.
 *
 *   node tools/generate-models.ts            write
 *   node tools/generate-models.ts --check    fail when the committed files differ; skipped without botocore
 *   node tools/generate-models.ts --report   also print what each source lacks
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FileHead, FileModel } from "#model/file.ts";
import { findBotocore, readBotocore } from "./models/fromBotocore.ts";
import { readSdk } from "./models/fromSdk.ts";
import { mergeGraphs } from "./models/merge.ts";
import { services, type ServiceRow } from "./models/services.ts";
import { printFile, printIndex, toFile } from "./models/write.ts";

const folder = join(import.meta.dirname, "../src/model/data");
/** The botocore release the committed models were made from; another one gives other constraints. */
const pinnedBotocore = "1.43.11";
const notice =
  "by tools/generate-models.ts from the AWS SDK for JavaScript and botocore (Apache-2.0, see NOTICE). Do not edit.";

function packageVersion(name: string): string {
  const path = join(import.meta.dirname, "../node_modules", name, "package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

async function generate(
  service: ServiceRow,
  botocore: { data: string; version: string },
): Promise<[FileModel, string]> {
  const constraints = readBotocore(botocore.data, service.id);
  const source = `botocore ${botocore.version}`;
  if (service.client === undefined) return [toFile(service, constraints, `${notice} ${source}`), ""];
  const graph = await readSdk(service.client);
  if (graph === undefined) throw new Error(`${service.client} exports no schemas: drop it from the table`);
  const report = mergeGraphs(graph, constraints);
  const generated = `${notice} ${service.client} ${packageVersion(service.client)}, ${source}`;
  return [toFile(service, graph, generated), JSON.stringify(report)];
}

async function main(args: readonly string[]): Promise<number> {
  const check = args.includes("--check");
  const botocore = findBotocore();
  if (botocore === undefined || (check && botocore.version !== pinnedBotocore)) {
    const found = botocore === undefined ? "is not installed" : `is ${botocore.version}`;
    console.log(`models: skipped, needs botocore ${pinnedBotocore} for python3 (it ${found})`);
    return check ? 0 : 1;
  }
  mkdirSync(folder, { recursive: true });
  const stale: string[] = [];
  const put = (name: string, text: string): void => {
    const path = join(folder, name);
    if (!check) writeFileSync(path, text);
    else if (!existsSync(path) || readFileSync(path, "utf8") !== text) stale.push(path);
  };
  const heads: FileHead[] = [];
  for (const service of services) {
    const [file, report] = await generate(service, botocore);
    const { operations: _o, errors: _e, shapes: _s, generated: _g, ...head } = file;
    heads.push(head);
    put(`${service.id}.json`, printFile(file));
    if (args.includes("--report")) console.log(service.id, Object.keys(file.operations).length, report);
  }
  put("index.json", printIndex(`${notice} botocore ${botocore.version}`, heads));
  const wanted = new Set(["index.json", ...services.map((service) => `${service.id}.json`)]);
  for (const name of readdirSync(folder)) {
    if (wanted.has(name)) continue;
    if (check) stale.push(join(folder, name));
    else rmSync(join(folder, name));
  }
  for (const path of stale)
    console.error(`models: ${path} is not what the generator writes: run node tools/generate-models.ts`);
  return stale.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
