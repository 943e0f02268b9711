import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { commands } from "./commands/index.ts";
import { columns } from "./cli.ts";
import { obeysEndpointVariable } from "./awsProgram.ts";
import { say } from "./testdata/testHost.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("bad usage ends with 2, says what, and how to go on", async () => {
  const cases = [
    ["--bogus"],
    ["bogus"],
    ["up", "--bogus"],
    ["up", "extra"],
    ["time"],
    ["completion", "tcsh"],
    ["env", "--shell", "x"],
    ["run"],
    ["time", "90d"],
    ["logs", "-n", "x"],
    ["up", "--data", folder, "--port", "70000"],
    ["up", "--data", folder, "--store", "nonsense"],
    ["up", "--data", folder, "--region", "nosuch-1"],
  ];
  for (const argv of cases) {
    const { code, stdout, stderr } = await say(argv);
    assert.equal(code, 2, argv.join(" "));
    assert.equal(stdout, "", argv.join(" "));
    assert.match(stderr, /^jikimi: .+/, argv.join(" "));
  }
  assert.deepEqual(readdirSync(folder), []);
});

test("what is wrong with a command line is said in the language of the texts", async () => {
  const cases: [argv: string[], english: RegExp, korean: RegExp][] = [
    [["bogus"], /there is no command bogus$/m, /그런 명령은 없습니다: bogus$/m],
    [["up", "--bogus"], /there is no option --bogus$/m, /그런 옵션은 없습니다: --bogus$/m],
    [["up", "--prot", "1"], /did you mean --port\?$/m, /--port를 말씀하셨나요\?$/m],
    [["up", "more", "words"], /too many arguments: more, words$/m, /인수가 너무 많습니다: more, words$/m],
    [["backup"], /an argument is missing: <path>$/m, /인수가 빠졌습니다: <path>$/m],
    [["up", "--port"], /an option needs a value: --port <port>$/m, /옵션에 값이 필요합니다: --port <port>$/m],
    [["run"], /an option is needed: --role <role>$/m, /꼭 필요한 옵션입니다: --role <role>$/m],
    [["completion", "tcsh"], /tcsh is none of bash, zsh, fish, pwsh$/m, /tcsh는 bash, zsh, fish, pwsh 중 하나가/m],
    [["up", "--region", "mars"], /mars is no name of a Region/, /mars는 us-east-1 같은 리전 이름이 아닙니다/],
  ];
  for (const [argv, english, korean] of cases) {
    assert.match((await say(["--lang", "en", "--data", folder, ...argv])).stderr, english, argv.join(" "));
    assert.match((await say(["--lang", "ko", "--data", folder, ...argv])).stderr, korean, argv.join(" "));
  }
});

test("with --json every line of the logs is an object, whoever wrote it", async () => {
  mkdirSync(join(folder, "logs"));
  const entry = '{"level":30,"time":"2026-01-01T00:00:00.000Z","role":"api","msg":"listening"}';
  writeFileSync(join(folder, "logs", "api.log"), `${entry}\n`);
  writeFileSync(join(folder, "logs", "supervisor.log"), "starting api\n");
  const { stdout } = await say(["logs", "--json", "--data", folder]);
  assert.deepEqual(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
    [{ role: "supervisor", msg: "starting api" }, JSON.parse(entry)],
  );
  const { code, stderr } = await say(["logs", "nobody", "--data", folder]);
  assert.equal(code, 2);
  assert.match(stderr, /nobody is none of api, supervisor/);
});

test("every command has its help", async () => {
  for (const { name, hidden, passThrough } of commands) {
    if (hidden || passThrough) continue;
    const { code, stdout } = await say([name, "--help"]);
    assert.equal(code, 0, name);
    assert.match(stdout, new RegExp(`^Usage: jikimi ${name} `), name);
  }
});

test("every command needs a running instance or does not, and says so with 4", async () => {
  for (const argv of [
    ["down"],
    ["status"],
    ["env"],
    ["root"],
    ["seal"],
    ["coverage"],
    ["why-denied", "x"],
    ["time", "+1d"],
    ["backup", join(folder, "b")],
    ["logs"],
  ]) {
    const { code, stderr } = await say([...argv, "--data", folder]);
    assert.equal(code, 4, argv.join(" "));
    assert.match(stderr, /fix: start it with `jikimi up`/);
  }
});

test("a stale run file is told from a running instance", async () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  writeFileSync(join(folder, "run.json"), JSON.stringify({ pid: dead, dataDir: folder }));
  const { code, stderr } = await say(["status", "--data", folder]);
  assert.equal(code, 4);
  assert.match(stderr, new RegExp(`${dead}, ended without cleaning up`));
});

test("an instance that does not answer on its socket is said to be so", async () => {
  writeFileSync(join(folder, "run.json"), JSON.stringify({ pid: process.pid, dataDir: folder }));
  const { code, stderr } = await say(["status", "--data", folder]);
  assert.equal(code, 4);
  assert.match(stderr, /does not answer on its operator socket/);
});

test("errors in JSON are one line", async () => {
  const { code, stdout, stderr } = await say(["status", "--json", "--data", folder]);
  assert.equal(code, 4);
  assert.equal(stdout, "");
  const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
  assert.deepEqual(Object.keys(error), ["what", "why", "fix", "exitCode"]);
});

test("help names every command, in the language that is asked for", async () => {
  const english = await say(["--help"]);
  const korean = await say(["--help"], { LANG: "ko_KR.UTF-8" });
  assert.equal(english.code, 0);
  for (const { name } of commands) {
    assert.match(english.stdout, new RegExp(`^  ${name} `, "m"));
    assert.match(korean.stdout, new RegExp(`^  ${name} `, "m"));
  }
  assert.match(korean.stdout, /사용법:.*\n[^]*명령:/);
  assert.doesNotMatch(english.stdout, /[가-힣]/);
  assert.match((await say(["up", "--help", "--lang", "ko"])).stdout, /포트/);
});

test("colour is for terminals only", async () => {
  const { stdout, stderr } = await say(["status", "--data", folder]);
  assert.doesNotMatch(stdout + stderr, /\u001b/);
});

test("a foreign process on the port is named and nothing is started", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await say(["up", "--data", join(folder, "d"), "--port", String(port)]);
  server.close();
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`port ${port} is taken\n  why: process ${process.pid} listens on it`));
});

test("--ephemeral takes no folder that holds anything", async () => {
  writeFileSync(join(folder, "precious"), "x");
  const { code, stderr } = await say(["up", "--ephemeral", "--data", folder]);
  assert.equal(code, 1);
  assert.match(stderr, /not empty/);
  assert.ok(statSync(join(folder, "precious")).isFile());
});

test("a data folder too deep for a socket is refused with the limit", async () => {
  const { code, stderr } = await say(["up", "--data", join(folder, "x".repeat(120))]);
  assert.equal(code, 1);
  assert.match(stderr, /107 bytes|103 bytes/);
});

test("the default profile is never written", async () => {
  for (const name of ["default", "DEFAULT", "a b"]) {
    const { code } = await say(["env", "--profile", name, "--data", folder]);
    assert.equal(code, 2, name);
  }
});

test("doctor states each check and repairs an open data folder", async () => {
  mkdirSync(join(folder, "d"));
  chmodSync(join(folder, "d"), 0o755);
  const args = ["doctor", "--json", "--data", join(folder, "d")];
  type Report = { checks: { id: string; state: string; fix?: string; repaired?: boolean }[] };
  const state = async (more: string[]) =>
    (JSON.parse((await say([...args, ...more])).stdout) as Report).checks.find((check) => check.id === "data-folder");
  const before = await state([]);
  assert.deepEqual([before?.state, before?.fix], ["warning", `chmod 700 ${join(folder, "d")}`]);
  const after = await state(["--fix"]);
  assert.deepEqual([after?.state, after?.repaired], ["ok", true]);
  assert.equal(statSync(join(folder, "d")).mode & 0o777, 0o700);
});

test("completion is accepted by the shells that are here", async () => {
  for (const shell of ["bash", "zsh", "fish", "pwsh"] as const) {
    const { code, stdout } = await say(["completion", shell]);
    assert.equal(code, 0);
    for (const { name } of commands) assert.ok(stdout.includes(name), `${shell}: ${name}`);
    if (shell !== "pwsh" && spawnSync(shell, ["-c", "exit"]).error === undefined) {
      execFileSync(shell, ["-n"], { input: stdout });
    }
  }
  const { stdout } = await say(["completion", "bash"]);
  const probe = `${stdout}\nCOMP_WORDS=(jikimi st); COMP_CWORD=1; _jikimi; echo "\${COMPREPLY[@]}"`;
  assert.equal(execFileSync("bash", ["-c", probe], { encoding: "utf8" }).trim(), "status");
});

test("old AWS CLIs are known", () => {
  const cases: [string | undefined, string][] = [
    ["2.9.19", "nothing"],
    ["2.13.0", "all"],
    ["1.28.9", "nothing"],
    ["1.29.0", "most"],
    ["1.45.11", "most"],
    ["3.0.0", "all"],
    [undefined, "nothing"],
  ];
  for (const [version, expected] of cases) assert.equal(obeysEndpointVariable(version), expected, String(version));
});

test("Hangul takes two columns", () => {
  assert.equal(columns("a한글b"), 6);
});
