/**
 * What holds the keys of clusters on this machine: a PKCS #11 module (the operator's, or SoftHSM), or the embedded token. It is
 * chosen when a cluster gets its first HSM, and stays with the cluster.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { BackendChoice } from "../process/messages.ts";

export interface ChosenBackend {
  kind: "embedded" | "pkcs11" | "none";
  /** One line for people, or why there is none. At most 32 characters of it are shown to applications. */
  description: string;
  module?: string;
  /** What the process of an HSM is told. @param tokenFolder of that HSM */
  choose(tokenFolder: string): BackendChoice;
  /** PIN of a token that is the operator's. */
  pin?(): Buffer;
  /** Of a module whose tokens are ours, one in each HSM's folder: its configuration for a folder of tokens. */
  settings?(tokens: string): string;
}

export const embeddedBackend: ChosenBackend = {
  kind: "embedded",
  description: "embedded software token",
  choose: () => ({ kind: "embedded" }),
};

export interface ModuleSettings {
  /** Path of the module, or `softhsm`: where packages put it. */
  module: string;
  /** Label of a token that is there, and the file with its PIN. Unless given, the module is SoftHSM and tokens are made. */
  token?: { label: string; pinFile: string };
  /** PATH. */
  path: string;
}

/** Of SoftHSM's token. Each HSM has it in a folder of its own, and a backup keeps its token when it goes to another cluster. */
const ownLabel = "jikimi";

export function moduleBackend({ module: named, token, path }: ModuleSettings): ChosenBackend {
  const module = named === "softhsm" ? softHsmModules().find((each) => existsSync(each)) : named;
  const program = path
    .split(delimiter)
    .map((folder) => join(folder, "p11-kit"))
    .find((each) => existsSync(each));
  const missing =
    module === undefined || !existsSync(module)
      ? `there is no PKCS #11 module ${module ?? "of SoftHSM"}`
      : program === undefined
        ? "p11-kit is not installed: it runs the module"
        : !token && !/softhsm/i.test(module)
          ? "a token of this module has to be named: only SoftHSM's are made here"
          : undefined;
  const choose = (folder: string): BackendChoice => ({
    kind: "pkcs11",
    program: program ?? "",
    module: module ?? "",
    label: token?.label ?? ownLabel,
    makesToken: token === undefined,
    variables: token ? {} : { SOFTHSM2_CONF: join(folder, "softhsm2.conf") },
  });
  if (missing !== undefined) return { kind: "none", description: missing, choose };
  return {
    kind: "pkcs11",
    description: token ? `PKCS #11 token ${token.label}` : "SoftHSM software token",
    module: module!,
    choose,
    ...(token ? { pin: () => pinOf(token.pinFile) } : { settings: softHsmSettings }),
  };
}

/** SoftHSM where it and p11-kit's server are installed, and the embedded token where they are not. */
export function usualBackend(path: string): ChosenBackend {
  const softHsm = moduleBackend({ module: "softhsm", path });
  return softHsm.kind === "pkcs11" && hasServer(path) ? softHsm : embeddedBackend;
}

/** The program behind `p11-kit remote`, which Fedora packages apart. Debian: libexec; p11-kit before 0.23: lib. */
function hasServer(path: string): boolean {
  const prefixes = path.split(delimiter).map((folder) => dirname(folder));
  return prefixes.some((prefix) =>
    ["libexec", "lib", "lib64"].some((folder) => existsSync(join(prefix, folder, "p11-kit", "p11-kit-remote"))),
  );
}

/** Where Debian, Fedora and Homebrew put the module. */
function softHsmModules(): string[] {
  const multiarch = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => name.includes("-linux-")) : [];
  return [
    "/usr/lib/softhsm/libsofthsm2.so",
    ...multiarch.map((name) => `/usr/lib/${name}/softhsm/libsofthsm2.so`),
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
  ];
}

function softHsmSettings(tokens: string): string {
  const settings = {
    "directories.tokendir": tokens,
    "objectstore.backend": "file",
    "log.level": "ERROR",
    "slots.removable": "false",
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}

function pinOf(path: string): Buffer {
  return Buffer.from(readFileSync(path, "utf8").replace(/\r?\n$/, ""));
}
