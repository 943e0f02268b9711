/**
 * Programs that the suites use as independent witnesses. As root on Debian and its kin they are installed; elsewhere
 * what is missing is named, and the tests that need it skip themselves.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

interface Witness {
  /** Debian package. */
  package: string;
  /** Programs of which one must be there; patterns, or names looked up on PATH. */
  anyOf: readonly string[];
  /** What it witnesses. */
  reason: string;
}

const witnesses: readonly Witness[] = [
  {
    package: "postgresql",
    anyOf: ["/usr/lib/postgresql/*/bin/postgres"],
    reason: "store on PostgreSQL; rotated passwords",
  },
  { package: "nats-server", anyOf: ["nats-server", "/usr/sbin/nats-server"], reason: "stream on NATS JetStream" },
  { package: "openssl", anyOf: ["openssl"], reason: "signatures, certificates, handshakes" },
  { package: "curl", anyOf: ["curl"], reason: "HTTP and SigV4 as curl signs it" },
  { package: "strace", anyOf: ["strace"], reason: "what the key holder asks of the kernel" },
  { package: "awscli", anyOf: ["/usr/bin/aws"], reason: "the AWS CLI as Debian ships it" },
  { package: "chromium", anyOf: ["/usr/bin/chromium"], reason: "the console, as a browser shows it" },
  {
    package: "fonts-noto-cjk",
    anyOf: ["/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"],
    reason: "Hangul in it",
  },
  { package: "xmlsec1", anyOf: ["xmlsec1"], reason: "a SAML identity provider's signatures and encryption" },
  { package: "qemu-utils", anyOf: ["qemu-io"], reason: "volumes, as a virtual machine attaches them" },
  { package: "softhsm2", anyOf: ["softhsm2-util"], reason: "PKCS#11 modules" },
  { package: "opensc", anyOf: ["pkcs11-tool"], reason: "how the seal asks a PKCS#11 token" },
  { package: "p11-kit", anyOf: ["p11-kit"], reason: "HSMs whose keys are in a PKCS#11 module" },
  {
    package: "libengine-pkcs11-openssl",
    anyOf: ["/usr/lib/*/engines-3/pkcs11.so"],
    reason: "OpenSSL as an application of an HSM",
  },
  {
    package: "p11-kit-modules",
    anyOf: ["/usr/lib/*/pkcs11/p11-kit-client.so"],
    reason: "how applications reach an HSM",
  },
  { package: "swtpm", anyOf: ["swtpm"], reason: "a TPM for the seal" },
  { package: "tpm2-tools", anyOf: ["tpm2_unseal"], reason: "how the seal asks a TPM" },
  {
    package: "python3-venv",
    anyOf: ["/usr/lib/python3*/ensurepip/__init__.py"],
    reason: "boto3 in an environment of its own",
  },
];

/** Kept in step with the models, which are generated with this botocore. */
const requirements = ["boto3==1.43.11", "botocore==1.43.11", "awscli==1.45.11"];

export function missingWitnesses(env: NodeJS.ProcessEnv): Witness[] {
  return witnesses.filter((each) => !each.anyOf.some((program) => isThere(program, env)));
}

/** Installs what is missing where that is possible; tells what still is. */
export function bringWitnesses(env: NodeJS.ProcessEnv, say: (text: string) => void): void {
  const missing = missingWitnesses(env);
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    say(`installing ${missing.map((each) => each.package).join(" ")}`);
    const apt = (args: readonly string[]): boolean => {
      const quiet = { ...env, DEBIAN_FRONTEND: "noninteractive" };
      const { status } = spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...args], {
        env: quiet,
        stdio: "ignore",
        timeout: 900_000,
      });
      return status === 0;
    };
    apt(["update"]);
    const all = apt(["install", "-y", "--no-install-recommends", ...missing.map((each) => each.package)]);
    // One package that this release of the system does not have must not cost the others.
    if (!all) for (const each of missing) apt(["install", "-y", "--no-install-recommends", each.package]);
  }
  for (const each of missingWitnesses(env))
    say(`missing: ${each.package} (${each.reason}); tests that need it are skipped`);
}

/** A Python environment with boto3 and the AWS CLI, cached; its programs come first on the returned PATH. */
export function bringPython(env: NodeJS.ProcessEnv, say: (text: string) => void): string {
  const path = env["PATH"] ?? "";
  if (!isThere("python3", env)) {
    say("missing: python3; tests with boto3 are skipped");
    return path;
  }
  const hash = createHash("sha256").update(requirements.join("\n")).digest("hex").slice(0, 12);
  const folder = join(cacheFolder(env), `python-${hash}`);
  const done = join(folder, ".complete");
  if (!existsSync(done) && !makeVenv(folder, env, say)) {
    say("missing: boto3 and the AWS CLI of the Python package index; tests that need them are skipped");
    return path;
  }
  return `${join(folder, "bin")}${delimiter}${path}`;
}

/** A virtual environment cannot be moved, so it is made in place; the mark says that it is whole. */
function makeVenv(folder: string, env: NodeJS.ProcessEnv, say: (text: string) => void): boolean {
  say(`installing ${requirements.join(" ")} (once)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const run = (program: string, args: readonly string[]): boolean =>
    spawnSync(program, args, { env, stdio: "ignore", timeout: 900_000 }).status === 0;
  const made =
    run("python3", ["-m", "venv", folder]) &&
    run(join(folder, "bin", "python3"), [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      ...requirements,
    ]);
  if (made) writeFileSync(join(folder, ".complete"), "");
  else rmSync(folder, { recursive: true, force: true });
  return made;
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") ? base : join(env["HOME"] ?? homedir(), ".cache"), "jikimi");
}

function isThere(program: string, env: NodeJS.ProcessEnv): boolean {
  if (program.includes("*")) return globSync(program).length > 0;
  if (program.startsWith("/")) return existsSync(program);
  return (env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
