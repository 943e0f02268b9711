/** Names of services by the namespace their IAM actions carry. Source: Service Authorization Reference. */
import { readFileSync } from "node:fs";

let names: ReadonlyMap<string, string> | undefined;

/** Immutable data; read once per process. */
export function serviceNames(): ReadonlyMap<string, string> {
  names ??= new Map(
    readFileSync(new URL("./data/serviceNames.tsv", import.meta.url), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t") as [string, string]),
  );
  return names;
}
