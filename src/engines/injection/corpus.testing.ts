/** Reads a file of `testdata`: one text a line. */
import { readFileSync } from "node:fs";

export function corpus(name: string): string[] {
  const text = readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Buffer.from(line, "utf8").toString("latin1"));
}
