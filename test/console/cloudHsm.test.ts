/** The way to an active CloudHSM cluster in a real browser, with openssl as the customer's authority; KMS and CloudHSM side by side. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { KMS } from "@aws-sdk/client-kms";
import type { Browser, Page } from "playwright-core";
import { HsmCustomer, missingForHsm } from "../hsmCustomer.ts";
import { startInstance, type Instance } from "../instance.ts";
import { admitAdministrator, launch, noBrowser, signedInAdministrator, type Look } from "./browser.ts";

const skip = noBrowser() || (await missingForHsm());
const screenshots = process.env["JIKIMI_SCREENSHOTS"];
const officer = "officer-4711";
const folder = mkdtempSync(join(tmpdir(), "jikimi-console-hsm-"));
const accessibility = readFileSync(new URL("accessibility.js", import.meta.url), "utf8");

let instance: Instance;
let customer: HsmCustomer;
let browser: Browser;

before(async () => {
  if (skip) return;
  instance = await startInstance({ args: ["--ephemeral"], env: { JIKIMI_PKCS11_MODULE: "embedded" } });
  customer = new HsmCustomer(instance, folder);
  await admitAdministrator(instance);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await instance?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const open = (page: Page, address: string) => page.goto(`${instance.endpoint}/_jikimi/console/#/${address}`);

async function pictured(page: Page, name: string): Promise<void> {
  assert.deepEqual(await page.evaluate(accessibility), []);
  assert.ok(Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth")) <= 0, `${name} overflows`);
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

let cluster: string;

test("from nothing to an active cluster, step by step as the page says", { skip }, async () => {
  const { page, misdeeds } = await signedInAdministrator(browser, instance, { language: "en" });
  const dialog = page.getByRole("dialog");
  /** The step that the page calls for now. */
  const step = (name: string) => page.locator('li[aria-current="step"]').filter({ hasText: name });
  await open(page, "cloudhsm");
  await page.getByRole("button", { name: "Create cluster" }).click();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const link = page.getByRole("link", { name: /^cluster-/ });
  await link.waitFor();
  cluster = await link.innerText();
  await link.click();
  await step("Add the first HSM").waitFor();
  await step("Add the first HSM").getByRole("button", { name: "Add HSM" }).click();
  await dialog.getByRole("button", { name: "Add HSM" }).click();
  await dialog.waitFor({ state: "detached" });
  // It goes on by itself, without a reload.
  await step("Sign the request").waitFor();
  const downloading = page.waitForEvent("download");
  await step("Sign the request").getByRole("button", { name: "Download request" }).click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), `${cluster}_ClusterCsr.csr`);
  const signed = await customer.sign(readFileSync(await download.path(), "utf8"));
  await pictured(page, "hsm-steps-en");

  await step("Upload the certificates").getByRole("button", { name: "Initialize" }).click();
  await dialog.getByLabel("Signed cluster certificate (PEM)").fill(signed.TrustAnchor);
  await dialog.getByLabel("Certificate of your CA (PEM)").fill(signed.TrustAnchor);
  await dialog.getByRole("button", { name: "Initialize" }).click();
  await dialog.getByText("CloudHsmInvalidRequestException").waitFor();
  await dialog.getByLabel("Signed cluster certificate (PEM)").fill(signed.SignedCert);
  await dialog.getByRole("button", { name: "Initialize" }).click();
  await dialog.waitFor({ state: "detached" });
  const command = step("Activate it").getByText(`jikimi hsm activate --cluster ${cluster}`);
  await command.waitFor();
  await customer.must(["activate", "--cluster", cluster], officer);
  await step("Use it").waitFor();
  await page.getByRole("button", { name: "ClusterCertificate", exact: true }).waitFor();
  assert.deepEqual(misdeeds, []);
});

test(
  "a key store of KMS in the cluster: made in the browser, connected while one looks, with a key in it",
  { skip },
  async () => {
    await customer.createHsm(cluster, "b");
    await customer.settled(cluster, "ACTIVE", 2);
    const asOfficer = ["--cluster", cluster, "--as", "admin", "--role", "crypto-user"];
    await customer.must(["user", "create", "kmsuser", ...asOfficer], officer, "kms-password-1");
    const { page, misdeeds } = await signedInAdministrator(browser, instance, { language: "en" });
    const dialog = page.getByRole("dialog");
    const act = async (name: string) => {
      await page.getByRole("button", { name, exact: true }).click();
      await dialog.getByRole("button", { name, exact: true }).click();
      await dialog.waitFor({ state: "detached" });
    };
    await open(page, "kms/stores");
    await page.getByRole("button", { name: "Create CloudHSM key store" }).click();
    await dialog.getByLabel("Custom key store name").fill("in-the-cluster");
    await dialog.getByLabel("Trust anchor certificate (PEM)").fill(readFileSync(join(folder, "ca.crt"), "utf8"));
    await dialog.getByLabel("Password of the crypto user kmsuser").fill("kms-password-1");
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("link", { name: "in-the-cluster" }).click();
    await page.getByRole("heading", { level: 1, name: "in-the-cluster" }).waitFor();
    await act("Connect");
    // It goes on by itself, and shows without a reload.
    await page.getByText("CONNECTED", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Create key in this store" }).click();
    await dialog.getByRole("button", { name: "Create key", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("cell", { name: "Enabled" }).waitFor();
    await pictured(page, "hsm-store-en");
    await act("Disconnect");
    await page.getByRole("cell", { name: "Unavailable" }).waitFor();
    assert.deepEqual(misdeeds, []);
  },
);

const looks: (Look & { named: string })[] = [
  { language: "ko", named: "ko" },
  { language: "ko", dark: true, named: "ko-dark" },
  { language: "en", width: 420, named: "en-420" },
];
for (const look of looks) {
  test(`the pages in ${look.named}: no page is too wide, none lacks a name`, { skip }, async () => {
    const { page, misdeeds } = await signedInAdministrator(browser, instance, look);
    for (const [address, name] of [
      ["cloudhsm", "hsm-clusters"],
      [`cloudhsm/${cluster}`, "hsm-cluster"],
      ["cloudhsm/compare", "hsm-compare"],
    ] as const) {
      await open(page, address);
      await page.locator("#content h1").waitFor();
      await page.locator('[class*="awsui_spinner"]').first().waitFor({ state: "detached" });
      await pictured(page, `${name}-${look.named}`);
    }
    assert.deepEqual(misdeeds, []);
  });
}

test("side by side: what is shown is what there is", { skip }, async () => {
  const kms = new KMS(instance.client);
  await kms.createKey({});
  await kms.createKey({});
  const { page, misdeeds } = await signedInAdministrator(browser, instance, { language: "en" });
  await open(page, "cloudhsm/compare");
  const row = (name: string) => page.getByRole("row").filter({ hasText: name });
  const keys = (count: string) => row("Keys of this account").getByRole("cell", { name: count, exact: true });
  await keys("2").waitFor();
  await keys("1").waitFor();
  await row("State now").getByText("in-the-cluster: DISCONNECTED").waitFor();
  await row("State now").getByText(`${cluster}: ACTIVE, HSM 2`).waitFor();
  assert.deepEqual(misdeeds, []);
});
