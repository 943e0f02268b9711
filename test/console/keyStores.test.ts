/** Custom key stores and the seal in a real browser: made, connected, used, broken, and what is said of it. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { KMS } from "@aws-sdk/client-kms";
import type { Browser, Page } from "playwright-core";
import { startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { XksPath } from "../xksPath.ts";
import { admitAdministrator, launch, noBrowser, signedInAdministrator, type Look } from "./browser.ts";

const skip = noBrowser();
const screenshots = process.env["JIKIMI_SCREENSHOTS"];
const proxies = "/_jikimi/xks-proxies";
const host = "xks.jikimi.internal";
const accessibility = readFileSync(new URL("accessibility.js", import.meta.url), "utf8");

let [proxy, instance] = [] as unknown as [Instance, Instance];
let browser: Browser;
let path: XksPath;
let kms: KMS;

before(async () => {
  if (skip) return;
  proxy = await startInstance({ args: ["--ephemeral"] });
  path = await XksPath.to(proxy.endpoint);
  const env = {
    JIKIMI_XKS_PROXIES: `${host}=127.0.0.1:${path.port}`,
    JIKIMI_XKS_CA: join(proxy.dataDir, "tls/ca.pem"),
    JIKIMI_XKS_TIMEOUT_MS: "1500",
  };
  instance = await startInstance({ args: ["--ephemeral"], env });
  kms = new KMS(instance.client);
  await admitAdministrator(instance);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await path?.close();
  await instance?.stop();
  await proxy?.stop();
});

const open = (page: Page, address: string) => page.goto(`${instance.endpoint}/_jikimi/console/#/${address}`);

async function pictured(page: Page, name: string): Promise<void> {
  assert.deepEqual(await page.evaluate(accessibility), []);
  assert.ok(Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth")) <= 0, `${name} overflows`);
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

test(
  "an external key store: created, connected, with a key in it, disconnected, failed, deleted",
  { skip },
  async () => {
    const configuration = await operator(proxy, "POST", proxies, { action: "create", name: "seoul" });
    const { KeyMetadata } = await new KMS(proxy.client).createKey({});
    const keyArn = KeyMetadata!.Arn;
    await operator(proxy, "POST", proxies, { action: "put-key", name: "seoul", externalKeyId: "one", keyArn });
    const { AccessKeyId, RawSecretAccessKey } = configuration.XksProxyAuthenticationCredential;

    const { page, misdeeds } = await signedInAdministrator(browser, instance, { language: "en" });
    await open(page, "kms/stores");
    await page.getByRole("button", { name: "Create external key store" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Custom key store name").fill("seoul");
    await dialog.getByLabel("Proxy URI endpoint").fill(`https://${host}`);
    await dialog.getByLabel("Proxy URI path").fill(configuration.XksProxyUriPath);
    await dialog.getByLabel("Access key ID of the proxy credential").fill(AccessKeyId);
    await dialog.getByLabel("Secret access key of the proxy credential").fill("x".repeat(43));
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await dialog.getByText("XksProxyIncorrectAuthenticationCredentialException").waitFor();
    await dialog.getByLabel("Secret access key of the proxy credential").fill(RawSecretAccessKey);
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("link", { name: "seoul" }).click();
    await page.getByRole("heading", { level: 1, name: "seoul" }).waitFor();

    const act = async (name: string) => {
      await page.getByRole("button", { name, exact: true }).click();
      await dialog.getByRole("button", { name, exact: true }).click();
      await dialog.waitFor({ state: "detached" });
    };
    await act("Connect");
    await page.getByText("CONNECTED", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Create key in this store" }).click();
    await dialog.getByLabel("External key ID").fill("one");
    await dialog.getByRole("button", { name: "Create key", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("cell", { name: "one", exact: true }).waitFor();
    const { CustomKeyStores: [store] = [] } = await kms.describeCustomKeyStores({});
    assert.equal(store!.ConnectionState, "CONNECTED");
    await pictured(page, "store-en");

    // What the page asked can be pasted, and holds no secret.
    await page.getByRole("button", { name: "Copy as CLI" }).click();
    const commands = await dialog.innerText();
    assert.match(commands, /aws kms describe-custom-key-stores --custom-key-store-id cks-/);
    assert.equal(commands.includes(RawSecretAccessKey), false);
    await page.keyboard.press("Escape");

    await act("Disconnect");
    await page.getByText("DISCONNECTED", { exact: true }).waitFor();
    path.broken = true;
    path.reset();
    await act("Connect");
    await page.getByText("XKS_PROXY_NOT_REACHABLE").waitFor();
    await page.getByText("The proxy, or the key manager behind it, cannot be reached.").waitFor();
    path.broken = false;
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
    const { CustomKeyStores: [store] = [] } = await kms.describeCustomKeyStores({});
    for (const [address, name] of [
      ["kms/stores", "stores"],
      [`kms/stores/${store!.CustomKeyStoreId}`, "store"],
      ["seal", "seal"],
    ] as const) {
      await open(page, address);
      await page.locator("#content h1").waitFor();
      await page.locator('[class*="awsui_spinner"]').first().waitFor({ state: "detached" });
      await pictured(page, `${name}-${look.named}`);
    }
    assert.deepEqual(misdeeds, []);
  });
}

test("the seal: its kind, since when, and what is said while it is sealed, to everybody", { skip }, async () => {
  const { page, misdeeds } = await signedInAdministrator(browser, instance, { language: "en" });
  await open(page, "seal");
  await page.getByText("Development key, beside the data").waitFor();
  await page.getByText("None pending").waitFor();
  await operator(instance, "POST", "/_jikimi/seal");
  await page.reload();
  const sealed = page.getByText(/The keys of this installation are sealed \(sealed by an operator\)/);
  await sealed.waitFor();
  await operator(instance, "POST", "/_jikimi/unseal", {});
  const { seal } = (await (await fetch(`${instance.endpoint}/_jikimi/health`)).json()) as { seal: object };
  assert.deepEqual(seal, { sealed: false, seal: "development" });
  await page.reload();
  await page.locator("h1").waitFor();
  assert.equal(await sealed.count(), 0);
  assert.deepEqual(misdeeds, []);
});
