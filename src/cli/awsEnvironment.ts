/** What AWS tools need to know to talk to this instance instead of AWS. */
import { lookup } from "node:dns/promises";
import { adminPaths, type AdminStatus } from "../roles/adminContract.ts";
import { readCredentials, type AdministratorCredentials } from "../roles/credentialsFile.ts";
import { dataPaths } from "../roles/role.ts";
import { CliError } from "./cliError.ts";
import type { Cli, GlobalOptions } from "./cli.ts";
import { runningInstance } from "./instance.ts";

export interface AwsEnvironment {
  endpoint: string;
  /**
   * SDKs put the account id in front of S3 Control's host name, which an IP address cannot bear. `undefined` where
   * `*.localhost` does not resolve to this machine.
   */
  s3ControlEndpoint: string | undefined;
  region: string;
  credentials: AdministratorCredentials;
}

export async function awsEnvironment(cli: Cli, options: GlobalOptions): Promise<AwsEnvironment> {
  const instance = runningInstance(cli, options);
  const status = await instance.get<AdminStatus>(adminPaths.status);
  const path = dataPaths.credentials(instance.dataDir);
  const credentials = readCredentials(path);
  if (!credentials) {
    throw new CliError(cli.text.noCredentials(path), {
      why: cli.text.noCredentialsWhy,
      fix: cli.text.noCredentialsFix,
    });
  }
  const { port } = new URL(status.endpoint);
  return {
    endpoint: status.endpoint,
    s3ControlEndpoint: (await wildcardResolves()) ? `http://s3-control.localhost:${port}` : undefined,
    region: status.region,
    credentials,
  };
}

/** Whether names under `localhost` lead to this machine, as RFC 6761 section 6.3 asks and not every resolver does. */
export async function wildcardResolves(): Promise<boolean> {
  try {
    const addresses = await lookup("111122223333.s3-control.localhost", { all: true });
    return addresses.length > 0 && addresses.every(({ address }) => address === "::1" || address.startsWith("127."));
  } catch {
    return false;
  }
}

/**
 * Variables to set, and those that would override or mislead and are unset.
 * Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints" and "Environment variables".
 */
export function awsVariables(env: AwsEnvironment): { set: Record<string, string>; unset: readonly string[] } {
  const set: Record<string, string> = { AWS_ENDPOINT_URL: env.endpoint };
  if (env.s3ControlEndpoint) set["AWS_ENDPOINT_URL_S3_CONTROL"] = env.s3ControlEndpoint;
  set["AWS_ACCESS_KEY_ID"] = env.credentials.accessKeyId;
  set["AWS_SECRET_ACCESS_KEY"] = env.credentials.secretAccessKey;
  set["AWS_REGION"] = env.region;
  set["AWS_DEFAULT_REGION"] = env.region;
  // Nothing here is an EC2 instance: without this, SDKs ask 169.254.169.254 when a credential is refused.
  set["AWS_EC2_METADATA_DISABLED"] = "true";
  return { set, unset: ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] };
}
