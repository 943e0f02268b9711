/** The same call as the AWS CLI makes it. Source of the names: botocore's `xform_name`. */
import type { Input } from "./protocols.ts";

/** CLI commands that are not called as our services are. */
const commands: Readonly<Record<string, string>> = { s3: "s3api" };

export function cliCommand(
  service: string,
  operation: string,
  input: Input,
  where: { endpoint: string; region: string },
): string {
  if (service === "jikimi") return curl(operation, input, where);
  const words = ["aws", commands[service] ?? service, kebab(operation)];
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    words.push(...argument(`--${kebab(name)}`, value));
  }
  if (operation === "GetObject") words.push("outfile");
  words.push("--region", where.region, "--endpoint-url", where.endpoint);
  return words.join(" ");
}

/** What is ours has no command of the AWS CLI; curl signs it with the same credentials. */
function curl(path: string, input: Input, { endpoint, region }: { endpoint: string; region: string }): string {
  const query = new URLSearchParams(input as Record<string, string>).toString();
  const url = `${endpoint}/_jikimi/${path}${query === "" ? "" : `?${query}`}`;
  return `curl --aws-sigv4 aws:amz:${region}:jikimi --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --header "x-amz-security-token: $AWS_SESSION_TOKEN" ${quote(url)}`;
}

function argument(flag: string, value: unknown): string[] {
  if (value === true) return [flag];
  if (value === false) return [flag.replace("--", "--no-")];
  if (value instanceof Blob) return [flag, value instanceof File ? quote(value.name) : "file"];
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string")) {
    return [flag, ...value.map(quote)];
  }
  return [flag, quote(typeof value === "object" ? JSON.stringify(value) : String(value))];
}

export function kebab(name: string): string {
  return name
    .replace(/([A-Z]{2,})s(?=$|[A-Z])/g, (_, letters: string) => `${letters[0]}${letters.slice(1).toLowerCase()}s`)
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1-$2")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .toLowerCase();
}

/** For POSIX shells. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
