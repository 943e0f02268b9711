/** What keys cost, what is encrypted, and who may use a key, as a person at the console sees it. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { SQS } from "@aws-sdk/client-sqs";
import { startInstance, type Instance } from "../instance.ts";
import { admitAdministrator, launch, noBrowser, signedInAdministrator, type Look } from "./browser.ts";

const skip = noBrowser();
const screenshots = process.env["JIKIMI_SCREENSHOTS"];
const accessibility = readFileSync(new URL("accessibility.js", import.meta.url), "utf8");

let instance: Instance;
let browser: Browser;
let keyId: string;

before(async () => {
  if (skip) return;
  instance = await startInstance({ args: ["--ephemeral"] });
  await admitAdministrator(instance);
  const kms = new KMS(instance.client);
  keyId = (await kms.createKey({ Description: "papers" })).KeyMetadata!.KeyId!;
  await kms.rotateKeyOnDemand({ KeyId: keyId });
  await kms.enableKeyRotation({ KeyId: keyId });
  const s3 = new S3(instance.s3Client);
  await s3.createBucket({ Bucket: "papers" });
  const underKey = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyId } as const;
  await s3.putObject({ Bucket: "papers", Key: "a.txt", Body: "a paper of a few words", ...underKey });
  const sqs = new SQS(instance.client);
  await sqs.createQueue({ QueueName: "open", Attributes: { SqsManagedSseEnabled: "false" } });
  await new IAM(instance.client).createUser({ UserName: "reader" });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

async function picture(page: Page, name: string): Promise<void> {
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

const looks: Look[] = [
  { language: "ko", dark: true },
  { language: "en", width: 420 },
];

for (const look of looks) {
  const korean = look.language === "ko";
  const name = (page: string) => `${page}-${look.language}-${look.width ?? "wide"}`;

  test(`ledger, matrix, kinds and simulator in ${look.language}, ${look.width ?? "wide"}`, { skip }, async () => {
    const { page, misdeeds } = await signedInAdministrator(browser, instance, look);
    const open = (path: string) => page.goto(`${instance.endpoint}/_jikimi/console/#/${path}`);
    const fits = async (where: string) => {
      assert.deepEqual(await page.evaluate(accessibility), [], where);
      const overflow = Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
      assert.ok(overflow <= 0, `${where}: ${overflow} px too wide`);
    };

    await open("ledger");
    await page.getByText(korean ? "고객 관리형 키, 키·시간" : "Customer managed keys, key-hours").waitFor();
    assert.match(await page.locator("#content").innerText(), /2026-11-24/);
    await fits("ledger");
    await picture(page, name("ledger"));

    await open("encryption");
    await page
      .getByText(korean ? "키 없이 만들어짐" : "made without a key")
      .first()
      .waitFor();
    const shown = await page.locator("#content").innerText();
    assert.ok(shown.includes(`key/${keyId}`), "the key of the object");
    assert.match(shown, /[0-9a-f]{64}/);
    assert.match(shown, /TLSv1\.3 TLS_/);
    await fits("encryption");
    await picture(page, name("encryption"));

    await open("key-types");
    await page
      .getByText(korean ? "해당 서비스를 통해서만" : "through its service only")
      .first()
      .waitFor();
    await fits("key-types");
    await picture(page, name("key-types"));

    await open(`kms/${keyId}`);
    await page.getByRole("button", { name: korean ? "시뮬레이션" : "Simulate", exact: true }).waitFor();
    await page.getByLabel(korean ? "사용자" : "User", { exact: true }).click();
    await page.getByRole("option", { name: "reader" }).click();
    await page.getByRole("button", { name: korean ? "시뮬레이션" : "Simulate", exact: true }).click();
    await page
      .getByText(korean ? "IAM에 맡김" : "leaves it to IAM")
      .first()
      .waitFor();
    await page
      .getByText(korean ? "허용되지 않음" : "Not allowed")
      .first()
      .waitFor();
    await fits("simulator");
    await picture(page, name("simulator"));

    await page.getByRole("tab", { name: korean ? "키 교체" : "Key rotation" }).click();
    await page.locator(".timeline li.planned").waitFor();
    assert.equal(await page.locator(".timeline li").count(), 3);
    await fits("rotation");
    await picture(page, name("rotation"));
    assert.deepEqual(misdeeds, []);
  });
}
