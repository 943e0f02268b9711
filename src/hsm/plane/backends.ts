/**
 * What holds the keys of clusters on this machine: a PKCS #11 module (the operator's, or SoftHSM), or the embedded token. It is
 * chosen when a cluster gets its first HSM, and stays with the cluster.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { writeDurably } from "#keys/files.ts";
import type { BackendChoice } from "../process/messages.ts";

export interface ChosenBackend {
  kind: "embedded" | "pkcs11" | "none";
  /** One line for people, or why there is none. At most 32 characters of it are shown to applications. */
  description: string;
  module?: string;
  /** What the processes of a cluster in this folder are told. */
  choose(clusterFolder: string): BackendChoice;
  /** Makes what the module of a new cluster needs. */
  prepare?(clusterFolder: string): Promise<void>;
  /** PIN of a token that is the operator's. */
  pin?(): Buffer;
  /** Folder of the module's own files in a cluster's folder, where we know it: backups have it. */
  files?: string;
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

/** Folder of SoftHSM's token in a cluster's folder; not the name of an HSM. */
const tokenFolder = ".token";
/** Of the token there. Each cluster has its own folder, and a backup keeps its token when it goes to another cluster. */
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
    variables: token ? {} : { SOFTHSM2_CONF: join(folder, tokenFolder, "softhsm2.conf") },
  });
  if (missing !== undefined) return { kind: "none", description: missing, choose };
  return {
    kind: "pkcs11",
    description: token ? `PKCS #11 token ${token.label}` : "SoftHSM software token",
    module: module!,
    choose,
    ...(token ? { pin: () => pinOf(token.pinFile) } : { prepare: prepareSoftHsm, files: tokenFolder }),
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

async function prepareSoftHsm(clusterFolder: string): Promise<void> {
  const folder = join(clusterFolder, tokenFolder);
  await mkdir(join(folder, "tokens"), { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const settings = {
    "directories.tokendir": join(folder, "tokens"),
    "objectstore.backend": "file",
    "log.level": "ERROR",
    "slots.removable": "false",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  await writeDurably(join(folder, "softhsm2.conf"), lines.join(""));
}

function pinOf(path: string): Buffer {
  return Buffer.from(readFileSync(path, "utf8").replace(/\r?\n$/, ""));
}
