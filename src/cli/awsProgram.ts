/** Finds an AWS CLI and says how far it goes by AWS_ENDPOINT_URL. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** First versions with AWS_ENDPOINT_URL. Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints". */
const endpointVariableSince: Record<string, readonly [number, number]> = { "1": [1, 29], "2": [2, 13] };

export function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** `aws-cli/2.9.19 Python/3.11 …` → "2.9.19". */
export function awsCliVersion(path: string, env: NodeJS.ProcessEnv): string | undefined {
  const result = spawnSync(path, ["--version"], { encoding: "utf8", env, timeout: 30_000 });
  return /aws-cli\/(\d+\.\d+\.\d+)/.exec(`${result.stdout}${result.stderr}`)?.[1];
}

/**
 * `most`: version 1 has host names of its own for sqs, rds, docdb, neptune, emr and health, which win over the variable and
 * lose to `--endpoint-url` only (`awscli/customizations/overridesslcommonname.py`, seen in 1.45.11).
 */
export function obeysEndpointVariable(version: string | undefined): "all" | "most" | "nothing" {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  const since = endpointVariableSince[String(major)];
  if (since ? minor < since[1] : major < 3) return "nothing";
  return major === 1 ? "most" : "all";
}
