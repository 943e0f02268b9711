/** `node tools/architecture.ts`: fails when an import goes against the arrows of the architecture. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { findViolations } from "./testing/architecture.ts";

const violations = findViolations(dirname(dirname(fileURLToPath(import.meta.url))));
for (const { file, specifier, rule } of violations) process.stdout.write(`${file} imports ${specifier}: ${rule}\n`);
process.exitCode = violations.length > 0 ? 1 : 0;
