/** How an application of this machine reaches a cluster: p11-kit's client module, and the socket that it is to talk to. */
import { existsSync, readdirSync } from "node:fs";
import type { AdminHsms } from "../../roles/adminContract.ts";
import { CliError } from "../cliError.ts";
import type { Cli } from "../cli.ts";

/** Where Debian, Fedora and Homebrew put it. */
function clientModule(): string | undefined {
  const multiarch = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => name.includes("-linux-")) : [];
  const candidates = [
    ...multiarch.map((name) => `/usr/lib/${name}/pkcs11/p11-kit-client.so`),
    "/usr/lib64/pkcs11/p11-kit-client.so",
    "/usr/lib/pkcs11/p11-kit-client.so",
    "/opt/homebrew/lib/pkcs11/p11-kit-client.so",
  ];
  return candidates.find((path) => existsSync(path));
}

/**
 * Environment of the application: where p11-kit's client module finds the cluster, and the module itself under the name
 * that OpenSSL's PKCS #11 engine and OpenSC's tools are given it by.
 */
export function pkcs11Variables(cli: Cli, cluster: AdminHsms["clusters"][number]): Record<string, string> {
  const { text } = cli;
  if (cluster.socket === undefined) throw new CliError(text.hsmNone(cluster.clusterId), { fix: text.hsmNoneFix });
  const module = clientModule();
  if (module === undefined) {
    throw new CliError(text.programMissing("p11-kit-client.so"), { fix: text.needsPackage("p11-kit-modules") });
  }
  return { P11_KIT_SERVER_ADDRESS: `unix:path=${cluster.socket}`, PKCS11_MODULE_PATH: module };
}
