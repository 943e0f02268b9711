/** Opening a sealed installation in a browser, share by share; nothing on the way to the key holder sees a share. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { KMS } from "@aws-sdk/client-kms";
import { startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { admitAdministrator, enterAdministrator, launch, newPage, noBrowser } from "./browser.ts";

const skip = noBrowser();
const dataDir = mkdtempSync(join(tmpdir(), "jikimi-unseal-"));

let instance: Instance;
let browser: Browser;
let shares: string[];

before(async () => {
  if (skip) return;
  instance = await startInstance({ dataDir, args: ["--seal", "shamir:2/3"] });
  ({ shares } = instance.ready as unknown as { shares: string[] });
  await admitAdministrator(instance);
  await operator(instance, "POST", "/_jikimi/seal");
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await instance?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test("the sign-in page asks for shares while it is sealed, and lets people in when it is open", { skip }, async () => {
  const { page, misdeeds } = await newPage(browser, instance, { language: "en" });
  const bodies: string[] = [];
  page.on("request", (request) => bodies.push(request.postData() ?? ""));
  await page.goto(`${instance.endpoint}/`);
  const form = page.getByRole("form", { name: "Unseal" });
  const enter = async (share: string) => {
    await form.getByLabel("One share of the seal").fill(share);
    await form.getByRole("button", { name: "Unseal" }).click();
  };
  await page.getByText(/sealed \(sealed by an operator\)/).waitFor();
  await enter("not a share");
  await form.getByText(/this is not a share/).waitFor();
  // Guessing has to wait, for everybody.
  const guess = () =>
    fetch(`${instance.endpoint}/_jikimi/console/api/unseal`, {
      method: "POST",
      body: JSON.stringify({ boxes: { AAAA: "AAAA" } }),
    });
  const hasty = await guess();
  assert.equal(hasty.status, 429);
  assert.equal(hasty.headers.get("retry-after"), "2");
  const offered = async (share: string, then: () => Promise<unknown>) => {
    // The pause is over some time; what is entered too early is refused and stays in the field.
    for (;;) {
      await enter(share);
      const early = form.getByText(/Another attempt has just been made/);
      if (await Promise.race([then().then(() => true), early.waitFor().then(() => false)])) return;
    }
  };
  await offered(shares[0]!, () => page.getByText("1 of 2 shares entered").waitFor());
  await enter(shares[2]!);
  await form.waitFor({ state: "detached" });
  for (const share of shares)
    assert.equal(
      bodies.some((body) => body.includes(share)),
      false,
    );

  assert.equal((await guess()).status, 409);
  await enterAdministrator(page, instance);
  await page.locator("#content h1").waitFor();
  await new KMS(instance.client).listKeys({});
  assert.deepEqual(misdeeds, []);
});

test("pages of other origins may not even try", { skip }, async () => {
  await operator(instance, "POST", "/_jikimi/seal");
  const url = `${instance.endpoint}/_jikimi/console/api/unseal`;
  for (const headers of [{ origin: "https://elsewhere.example" }, { "sec-fetch-site": "cross-site" }]) {
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ boxes: { AAAA: "AAAA" } }) });
    assert.equal(answer.status, 403);
  }
  for (const boxes of [undefined, null, "", [], {}, { a: "" }, { a: 7 }, { a: "x".repeat(9000) }]) {
    const answer = await fetch(url, { method: "POST", body: JSON.stringify({ boxes }) });
    assert.equal(answer.status, 400);
  }
});
