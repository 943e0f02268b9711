/**
 * `<data>/credentials`, mode 0600: the administrator that the first start made. It has the form of an AWS shared
 * credentials file, so `AWS_SHARED_CREDENTIALS_FILE=<data>/credentials` works with any AWS tool.
 */
import { readFileSync } from "node:fs";
import { writeDurably } from "#keys/files.ts";

export interface AdministratorCredentials {
  accessKeyId: string;
  secretAccessKey: string;
}

export async function writeCredentials(path: string, credentials: AdministratorCredentials): Promise<void> {
  await writeDurably(
    path,
    `[default]\naws_access_key_id = ${credentials.accessKeyId}\naws_secret_access_key = ${credentials.secretAccessKey}\n`,
  );
}

/** `undefined` when there is no such file, or no credentials in it. */
export function readCredentials(path: string): AdministratorCredentials | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const value = (name: string): string | undefined => new RegExp(`^${name}\\s*=\\s*(\\S+)\\s*$`, "m").exec(text)?.[1];
  const accessKeyId = value("aws_access_key_id");
  const secretAccessKey = value("aws_secret_access_key");
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
}
