/** What the machine itself offers: Node, privileges, clock, disk. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { formatBytes, type Cli } from "../cli.ts";
import { awsCliVersion, findProgram, obeysEndpointVariable } from "../awsProgram.ts";
import type { Check, CheckResult } from "./check.ts";

const leastNodeMajor = 26;
const littleDisk = 1024 ** 3;

/** Tries what a process under the permission model must not be able to do, and prints what it could. */
const probe = `
const could = [];
const attempt = async (what, work) => { try { await work(); could.push(what); } catch {} };
const { readFileSync, writeFileSync } = require("node:fs");
await attempt("read", () => readFileSync("/etc/hostname"));
await attempt("write", () => writeFileSync("/dev/null", "x"));
await attempt("spawn", () => require("node:child_process").execFileSync("true"));
await attempt("connect", () => new Promise((resolve, reject) => {
  const socket = require("node:net").connect({ host: "127.0.0.1", port: 9 });
  socket.once("connect", resolve);
  socket.once("error", (error) => error.code === "ECONNREFUSED" ? resolve() : reject(error));
}));
console.log(could.join(", "));
`;

export const machineChecks: readonly Check[] = [
  {
    id: "node",
    name: (cli) => cli.text.checkNode,
    run: (cli) =>
      Number(process.versions.node.split(".")[0]) >= leastNodeMajor
        ? { state: "ok", detail: process.version }
        : { state: "unavailable", detail: process.version, fix: cli.text.nodeFix },
  },
  { id: "permission-model", name: (cli) => cli.text.checkPermission, run: permissionModel },
  {
    id: "privileges",
    name: (cli) => cli.text.checkRoot,
    run: (cli) =>
      process.getuid?.() === 0
        ? { state: "ok", detail: cli.text.isRoot }
        : { state: "warning", detail: cli.text.notRoot, fix: cli.text.notRootFix },
  },
  { id: "clock", name: (cli) => cli.text.checkClock, run: clockDiscipline },
  { id: "disk", name: (cli) => cli.text.checkDisk, run: (cli, options) => disk(cli, cli.dataDir(options)) },
  { id: "softhsm", name: (cli) => cli.text.checkSoftHsm, run: softHsm },
  { id: "p11-kit", name: (cli) => cli.text.checkP11Kit, run: pkcs11Client },
  { id: "aws-cli", name: (cli) => cli.text.checkAws, run: awsCli },
];

function permissionModel(cli: Cli): CheckResult {
  const result = spawnSync(process.execPath, ["--permission", "--input-type=module", "--eval", wrapped(probe)], {
    encoding: "utf8",
    env: {},
    timeout: 20_000,
  });
  if (result.status !== 0) {
    return { state: "unavailable", detail: result.stderr.trim().split("\n").at(-1) ?? "", fix: cli.text.nodeFix };
  }
  const could = result.stdout.trim();
  return could === ""
    ? { state: "ok", detail: cli.text.permissionWorks }
    : { state: "unavailable", detail: cli.text.permissionLeaks(could), fix: cli.text.nodeFix };
}

function wrapped(code: string): string {
  return `import { createRequire } from "node:module"; const require = createRequire("file:///");${code}`;
}

/** adjtimex(2) tells through `timedatectl` or `chronyc`; the kernel's own flag has no file. */
function clockDiscipline(cli: Cli): CheckResult {
  const timedatectl = findProgram("timedatectl", cli.host.env);
  if (timedatectl) {
    const { stdout, status } = spawnSync(timedatectl, ["show", "--property=NTPSynchronized", "--value"], {
      encoding: "utf8",
      timeout: 10_000,
    });
    if (status === 0) return synchronized(cli, stdout.trim() === "yes");
  }
  const chronyc = findProgram("chronyc", cli.host.env);
  if (chronyc) {
    const { stdout, status } = spawnSync(chronyc, ["-c", "tracking"], { encoding: "utf8", timeout: 10_000 });
    if (status === 0) return synchronized(cli, !stdout.includes("Not synchronised"));
  }
  return { state: "warning", detail: cli.text.clockUnknown, fix: cli.text.clockFix };
}

function synchronized(cli: Cli, yes: boolean): CheckResult {
  return yes
    ? { state: "ok", detail: cli.text.clockSynchronized }
    : { state: "warning", detail: cli.text.clockUnsynchronized, fix: cli.text.clockFix };
}

function disk(cli: Cli, dataDir: string): CheckResult {
  let folder = dataDir;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const detail = cli.text.diskFree(formatBytes(free));
  return free >= littleDisk ? { state: "ok", detail } : { state: "warning", detail, fix: cli.text.diskFix };
}

/** Where Debian, Fedora and Homebrew put the module. */
function softHsm(cli: Cli): CheckResult {
  const multiarch = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => name.includes("-linux-")) : [];
  const candidates = [
    "/usr/lib/softhsm/libsofthsm2.so",
    ...multiarch.map((name) => `/usr/lib/${name}/softhsm/libsofthsm2.so`),
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
  ];
  const found = candidates.find((path) => existsSync(path));
  return found
    ? { state: "ok", detail: cli.text.programThere(found) }
    : { state: "unavailable", detail: cli.text.programMissing("SoftHSM"), fix: cli.text.needsPackage("softhsm2") };
}

/** What applications use HSMs with. */
function pkcs11Client(cli: Cli): CheckResult {
  const multiarch = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => name.includes("-linux-")) : [];
  const folders = ["/usr/lib64", ...multiarch.map((name) => `/usr/lib/${name}`), "/opt/homebrew/lib"];
  const found = folders.map((folder) => `${folder}/pkcs11/p11-kit-client.so`).find((path) => existsSync(path));
  return found
    ? { state: "ok", detail: cli.text.programThere(found) }
    : {
        state: "unavailable",
        detail: cli.text.programMissing("p11-kit-client.so"),
        fix: cli.text.needsPackage("p11-kit-modules"),
      };
}

function awsCli(cli: Cli): CheckResult {
  const path = findProgram("aws", cli.host.env);
  const version = path && awsCliVersion(path, cli.host.env);
  if (!version) return { state: "unavailable", detail: cli.text.programMissing("aws"), fix: cli.text.noAwsFix };
  const named = `${version} (${path})`;
  const obeys = obeysEndpointVariable(version);
  if (obeys === "all") return { state: "ok", detail: named };
  const detail = obeys === "most" ? cli.text.awsObeysMost(named) : cli.text.awsObeysNothing(named);
  return { state: "warning", detail, fix: cli.text.awsObeysFix };
}
