/**
 * `node console/build/main.ts`: brings what the console is built with and builds it, unless that has been done for the
 * very same sources. Says what it does, one line a step.
 *
 * INVARIANT: `dist` appears whole: it is made beside its place and moved there.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const stampPath = join(dist, "built");
const lockPath = join(root, ".building");
const sources = [
  "src/**/*",
  "build/**/*",
  "index.html",
  "package.json",
  "package-lock.json",
  "../src/model/data/*.json",
  "../src/cli/messages/josa.ts",
];

const say = (text: string): void => void process.stderr.write(`console: ${text}\n`);
const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

async function main(): Promise<void> {
  const stamp = sourceHash();
  if (read(stampPath) === stamp) return;
  await locked(async () => {
    if (read(stampPath) === stamp) return;
    installDependencies();
    const since = performance.now();
    say("building");
    await build(stamp);
    say(`built in ${((performance.now() - since) / 1000).toFixed(1)} s`);
  });
}

function sourceHash(): string {
  const hash = createHash("sha256");
  for (const path of globSync(sources, { cwd: root }).toSorted()) {
    const full = join(root, path);
    if (/\.(ts|tsx|css|html|json)$/.test(path)) hash.update(path).update("\0").update(readFileSync(full)).update("\0");
  }
  return hash.digest("hex");
}

function installDependencies(): void {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const installed = join(root, "node_modules", ".jikimi");
  if (read(installed) === lock) return;
  say("installing what it is built with (once)");
  const run = (command: string) =>
    spawnSync("npm", [command, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: root,
      encoding: "utf8",
      timeout: 600_000,
      env: { ...process.env, npm_config_update_notifier: "false" },
    });
  // `npm ci` refuses a lock file that was made against a registry without the binaries of every platform.
  const done = [run("ci"), run("install")].find(({ status }) => status === 0);
  if (!done) throw new Error("npm could not install the dependencies of the console; it needs the npm registry once");
  writeFileSync(installed, lock);
}

async function build(stamp: string): Promise<void> {
  const [{ build: viteBuild }, { apiTablePlugin, systemFontsPlugin }] = await Promise.all([
    import("vite"),
    import("./plugins.ts"),
  ]);
  const draft = join(root, `dist.${process.pid}`);
  try {
    await viteBuild({
      root,
      configFile: false,
      logLevel: "error",
      base: "/_jikimi/console/",
      plugins: [apiTablePlugin(), systemFontsPlugin()],
      build: {
        outDir: draft,
        emptyOutDir: true,
        target: "es2023",
        // What is inlined would be data: addresses, which the page's policy does not allow for scripts and fonts.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        chunkSizeWarningLimit: 2000,
      },
    });
    compress(draft);
    writeFileSync(join(draft, "built"), stamp);
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function compress(folder: string): void {
  for (const name of globSync("assets/*.{js,css,svg}", { cwd: folder })) {
    const path = join(folder, name);
    const body = readFileSync(path);
    const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
    writeFileSync(`${path}.br`, brotliCompressSync(body, { params }));
    writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
  }
}

const waitMs = 200;

/** One build of a folder at a time; what a dead one left behind is taken over. */
async function locked(work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      mkdirSync(lockPath);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = Number(read(join(lockPath, "pid")) ?? "0");
    if (owner > 0 && !isAlive(owner)) rmSync(lockPath, { recursive: true, force: true });
    else await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  try {
    writeFileSync(join(lockPath, "pid"), String(process.pid));
    await work();
  } finally {
    rmSync(lockPath, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
