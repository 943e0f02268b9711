/**
 * Every page in both languages, wide and narrow: what it shows, that it can be used without eyes or mouse, that it asks
 * nobody else. `JIKIMI_SCREENSHOTS` names a folder to look at the pages in.
 */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { startInstance, type Instance } from "../instance.ts";
import {
  admitAdministrator,
  enterAdministrator,
  launch,
  newPage,
  noBrowser,
  signedInAdministrator,
  type Look,
  type Watched,
} from "./browser.ts";
import { furnish } from "./pages.ts";

const skip = noBrowser();
const screenshots = process.env["JIKIMI_SCREENSHOTS"];

let instance: Instance;
let browser: Browser;
let pages: string[];

before(async () => {
  if (skip) return;
  instance = await startInstance({ args: ["--ephemeral"] });
  await admitAdministrator(instance);
  pages = await furnish(instance);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

const signedIn = (look: Look): Promise<Watched> => signedInAdministrator(browser, instance, look);

/** The page has its heading, and waits for nothing any more. */
async function settled(page: Page): Promise<void> {
  await page.locator("#content h1").waitFor();
  await page.locator('[class*="awsui_spinner"]').first().waitFor({ state: "detached" });
}

/** What a page lacks for those who hear it, or who do not use a mouse; it runs in the page. */
const accessibility = readFileSync(new URL("accessibility.js", import.meta.url), "utf8");

const looks: Look[] = [{ language: "ko" }, { language: "en", width: 420 }];

for (const look of looks) {
  test(`every page in ${look.language}, ${look.width ?? "wide"}`, { skip, timeout: 180_000 }, async () => {
    const { page, misdeeds } = await signedIn(look);
    const problems: string[] = [];
    for (const path of pages) {
      await page.goto(`${instance.endpoint}/_jikimi/console/#/${path}`);
      await settled(page);
      for (const problem of (await page.evaluate(accessibility)) as string[]) problems.push(`${path}: ${problem}`);
      for (const alert of await page.locator('[class*="awsui_type-error"]').allInnerTexts())
        problems.push(`${path}: ${alert}`);
      const overflow = Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
      if (overflow > 0) problems.push(`${path}: ${overflow} px too wide`);
      const text = await page.locator("main, #content").first().innerText();
      if (/\{\w+(:[^}]*)?\}/.test(text)) problems.push(`${path}: an unfilled text`);
      if (look.language === "en" && /[가-힣]/.test(text.replaceAll(/문서|보고서|페이지|한 줄/g, ""))) {
        problems.push(`${path}: Hangul in English: ${/.*[가-힣].*/.exec(text)?.[0]}`);
      }
      if (screenshots) {
        mkdirSync(screenshots, { recursive: true });
        const name = `${path.replaceAll(/\W+/g, "-") || "home"}-${look.language}-${look.width ?? "wide"}.png`;
        await page.screenshot({ path: join(screenshots, name) });
      }
    }
    assert.deepEqual(problems, []);
    assert.deepEqual(misdeeds, []);
  });
}

test("by keyboard alone: past the navigation, along it, into a dialog and out of it", { skip }, async () => {
  const { page, misdeeds } = await signedIn({ language: "en" });
  const focused = () => page.evaluate("document.activeElement.id || document.activeElement.textContent");
  await page.reload();
  await settled(page);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "content");
  await page.getByRole("navigation").getByRole("link", { name: "SQS", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Queues" }).waitFor();
  assert.equal(await focused(), "content");
  const create = page.getByRole("button", { name: "Create queue" });
  await create.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  assert.equal(await page.evaluate(`document.querySelector("[role=dialog]").contains(document.activeElement)`), true);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.match(String(await focused()), /Create queue/);
  assert.deepEqual(misdeeds, []);
});

test("the first route is at most 450 KB on the wire, and its files are kept for good", { skip }, async () => {
  const { page } = await newPage(browser, instance, { language: "ko" });
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.goto(`${instance.endpoint}/_jikimi/console/`);
  await enterAdministrator(page, instance);
  await settled(page);
  // Every tile has its number, so everything that the page needs has been loaded.
  await page.locator(".tiles").filter({ hasNotText: "…" }).waitFor();
  const kilobytes = Math.round(bytes / 1024);
  console.log(`signing in and the home page: ${kilobytes} KB`);
  assert.ok(kilobytes > 50 && kilobytes <= 450, `${kilobytes} KB`);
  const asset = /assets\/[\w-]+\.js/.exec(await (await fetch(`${instance.endpoint}/_jikimi/console/`)).text())![0];
  for (const [encoding, sent] of [
    ["br, gzip", "br"],
    ["gzip", "gzip"],
    ["identity", null],
  ] as const) {
    const answer = await fetch(`${instance.endpoint}/_jikimi/console/${asset}`, {
      headers: { "accept-encoding": encoding },
    });
    assert.equal(answer.headers.get("content-encoding"), sent);
    assert.match(answer.headers.get("cache-control")!, /immutable/);
    await answer.arrayBuffer();
  }
  for (const path of ["assets/../built", "assets/..%2fbuilt", "assets/.x.js", "built", "assets/none.js"]) {
    assert.equal((await fetch(`${instance.endpoint}/_jikimi/console/${path}`)).status, 404, path);
  }
});
