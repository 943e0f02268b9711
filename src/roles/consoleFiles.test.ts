import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { HttpRequest } from "#wire/contract.ts";
import { ConsoleFiles, consolePath } from "./consoleFiles.ts";

const request = (path: string, headers: Record<string, string> = {}, method = "GET"): HttpRequest => ({
  method,
  path,
  query: "",
  headers,
  body: (async function* () {})(),
  remoteAddress: "127.0.0.1",
});

async function withFolder(work: (folder: string, files: ConsoleFiles) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-console-"));
  try {
    await work(`${folder}/`, new ConsoleFiles(`${folder}/`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("while nothing is built, a page without scripts says so and looks again; then the built one comes", () =>
  withFolder(async (folder, files) => {
    const waiting = (await files.answer(request(consolePath, { "accept-language": "ko-KR" })))!;
    assert.equal(waiting.status, 503);
    assert.match(String(waiting.body), /http-equiv="refresh".*콘솔을 빌드하고 있습니다/);
    assert.doesNotMatch(String(waiting.headers["content-security-policy"]), /script-src|unsafe/);
    const asset = request(`${consolePath}assets/a-1.js`);
    assert.equal(await files.answer(asset), undefined);
    await mkdir(`${folder}assets`);
    await writeFile(`${folder}index.html`, "<!doctype html>");
    await writeFile(`${folder}assets/a-1.js`, "plain");
    await writeFile(`${folder}assets/a-1.js.br`, "brotli");
    const page = (await files.answer(request(consolePath)))!;
    assert.equal(page.status, 200);
    assert.equal(page.headers["cache-control"], "no-store");
    const policy = String(page.headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    assert.equal(String((await files.answer(asset))!.body), "plain");
    const compressed = (await files.answer({ ...asset, headers: { "accept-encoding": "gzip, br" } }))!;
    assert.equal(compressed.headers["content-encoding"], "br");
    assert.equal(String(compressed.body), "brotli");
  }));

test("nothing outside of the folder of assets is served, and nothing but reads is answered", () =>
  withFolder(async (folder, files) => {
    await mkdir(`${folder}assets`);
    await writeFile(`${folder}built`, "secret");
    await writeFile(`${folder}assets/.hidden.js`, "secret");
    await writeFile(`${folder}assets/a.exe`, "secret");
    const paths = [
      "built",
      "assets/../built",
      "assets/..%2fbuilt",
      "assets//built",
      "assets/.hidden.js",
      "assets/a.exe",
      "assets/",
    ];
    for (const path of paths) assert.equal(await files.answer(request(consolePath + path)), undefined, path);
    assert.equal(await files.answer(request(consolePath, {}, "POST")), undefined);
    assert.equal((await files.answer(request(consolePath.slice(0, -1))))?.status, 308);
  }));
