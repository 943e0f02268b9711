import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let home: string;

const lock = {
  lockfileVersion: 3,
  packages: {
    "": { name: "x" },
    "node_modules/run": { version: "1.0.0" },
    "node_modules/develop": { version: "2.0.0", dev: true },
    "node_modules/other-platform": { version: "3.0.0", optional: true },
  },
};

/** Stands in for npm: notes how it was called and installs as npm records it. */
const fakeNpm = `#!${process.execPath}
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify("@NOTES@")}, args.join(" ") + "\\n");
if (existsSync("npm-fails")) { console.error(readFileSync("npm-fails", "utf8")); if (args[0] === "ci" || !existsSync("only-ci")) process.exit(1); }
setTimeout(() => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const packages = Object.fromEntries(Object.entries(lock.packages).filter(([path, entry]) => path && !entry.optional && !(entry.dev && args.includes("--omit=dev"))));
  mkdirSync("node_modules", { recursive: true });
  writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
}, 300);
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-launcher-"));
  home = join(folder, "home with space");
  mkdirSync(join(home, "src/cli"), { recursive: true });
  for (const file of ["jikimi", "src/cli/launcher.mjs"]) copyFileSync(join(source, file), join(home, file));
  writeFileSync(
    join(home, "src/cli/main.ts"),
    "console.log(JSON.stringify([process.pid, ...process.argv.slice(2)]));\n",
  );
  writeFileSync(join(home, "package.json"), '{ "type": "module" }');
  writeFileSync(join(home, "package-lock.json"), JSON.stringify(lock));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/npm"), fakeNpm.replace("@NOTES@", join(folder, "npm.notes")));
  chmodSync(join(folder, "bin/npm"), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const env = () => ({
  ...process.env,
  XDG_CACHE_HOME: join(folder, "cache"),
  PATH: [join(folder, "bin"), dirname(process.execPath), process.env["PATH"]].join(delimiter),
});

function launch(args: readonly string[], program = join(home, "jikimi")) {
  return spawnSync(program, args, { encoding: "utf8", env: env(), cwd: tmpdir(), timeout: 60_000 });
}

const npmCalls = (): string[] => {
  const path = join(folder, "npm.notes");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
};

test("the first start installs, later ones say and do nothing", () => {
  const first = launch(["up", "--port", "0 1"]);
  assert.equal(first.status, 0, first.stderr);
  assert.deepEqual(JSON.parse(first.stdout).slice(1), ["up", "--port", "0 1"]);
  assert.match(first.stderr, /installing dependencies \(for running, once\)/);
  assert.match(npmCalls()[0] ?? "", /^ci --ignore-scripts --omit=dev/);
  rmSync(join(folder, "bin/npm"));
  const second = launch(["status"]);
  assert.equal(second.status, 0);
  assert.equal(second.stderr, "");
});

test("the development dependencies come with test and are never taken away", () => {
  launch(["up"]);
  launch(["test"]);
  launch(["up"]);
  assert.equal(npmCalls().length, 2);
  assert.doesNotMatch(npmCalls()[1] ?? "", /omit/);
  writeFileSync(join(home, "package-lock.json"), JSON.stringify({ ...lock, changed: true }));
  launch(["up"]);
  assert.equal(npmCalls().length, 2, "the same packages are there, whatever else changed");
  writeFileSync(join(home, "package-lock.json"), JSON.stringify(lock).replace("1.0.0", "1.0.1"));
  launch(["up"]);
  assert.doesNotMatch(npmCalls()[2] ?? "omit", /omit/);
});

test("what npm install has put there is taken as it is", () => {
  mkdirSync(join(home, "node_modules"));
  writeFileSync(join(home, "node_modules/.package-lock.json"), JSON.stringify({ packages: lock.packages }));
  assert.equal(launch(["test"]).status, 0);
  assert.deepEqual(npmCalls(), []);
});

test("two at once install once", async () => {
  const codes = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise((resolve) =>
          spawn(join(home, "jikimi"), ["up"], { env: env(), stdio: "ignore" }).once("exit", resolve),
        ),
    ),
  );
  assert.deepEqual(codes, [0, 0, 0]);
  assert.equal(npmCalls().length, 1);
});

test("a lock of a dead launcher is taken over", () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  mkdirSync(join(home, ".cache"));
  writeFileSync(join(home, ".cache/dependencies.lock"), String(dead));
  assert.equal(launch(["up"]).status, 0);
});

test("it finds its folder through links and from any folder", () => {
  symlinkSync(join(home, "jikimi"), join(folder, "first"));
  symlinkSync("../first", join(folder, "bin/jikimi-link"));
  assert.equal(launch(["up"], join(folder, "bin/jikimi-link")).status, 0);
  const byName = spawnSync("jikimi-link", ["status"], { encoding: "utf8", env: env(), cwd: "/" });
  assert.equal(byName.status, 0, byName.stderr);
});

test("the process that was started is the one that runs", async () => {
  launch(["up"]);
  const child = spawn(join(home, "jikimi"), ["up"], { env: env() });
  const line = await new Promise<string>((resolve) => child.stdout.once("data", (chunk) => resolve(String(chunk))));
  assert.equal(JSON.parse(line)[0], child.pid);
});

test("a failure says what, why and what to do, and leaves no lock", () => {
  writeFileSync(join(home, "npm-fails"), "npm error network ENOTFOUND registry");
  const { status, stdout, stderr } = launch(["up"]);
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /`npm ci --ignore-scripts` failed\n {2}why: npm error network ENOTFOUND registry\n {2}fix: /);
  rmSync(join(home, "npm-fails"));
  assert.equal(launch(["up"]).status, 0);
});

test("a lock file without other platforms' binaries is no obstacle", () => {
  writeFileSync(join(home, "npm-fails"), "npm error code EUSAGE");
  writeFileSync(join(home, "only-ci"), "");
  assert.equal(launch(["up"]).status, 0);
  assert.match(npmCalls()[1] ?? "", /^install --no-save --ignore-scripts --omit=dev/);
});

test("without Node it says what is missing", () => {
  mkdirSync(join(folder, "empty"));
  for (const program of ["sh", "dirname", "readlink"]) {
    symlinkSync(
      spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim(),
      join(folder, "empty", program),
    );
  }
  const { status, stderr } = spawnSync(join(home, "jikimi"), ["up"], {
    encoding: "utf8",
    env: { PATH: join(folder, "empty") },
  });
  assert.equal(status, 1);
  assert.match(stderr, /no Node\.js[^]*fix: install Node\.js/);
});
