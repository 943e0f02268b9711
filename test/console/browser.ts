/** Chromium of the system, with nothing of its own on the network, and a page that counts what it must never do. */
import { globSync } from "node:fs";
import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";
import { CreateLoginProfileCommand, IAMClient } from "@aws-sdk/client-iam";
import type { Instance } from "../instance.ts";

const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Why browser tests cannot run here; `false` when they can. */
export function noBrowser(): string | false {
  if (!paths.some((each) => existsSync(each))) return "there is no Chromium";
  const built = globSync("console/dist/index.html", { cwd: new URL("../..", import.meta.url) }).length > 0;
  return built ? false : "the console is not built: node console/build/main.ts";
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: paths.find((each) => existsSync(each))!,
    args: [
      // Root has no user namespace sandbox in containers; the pages are our own.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-default-apps",
      "--disable-domain-reliability",
      "--disable-sync",
      "--no-first-run",
      "--no-default-browser-check",
      "--no-proxy-server",
      "--no-pings",
      "--disable-dev-shm-usage",
    ],
  });
}

/** What a page did that it must never do: requests elsewhere, violations of its policy, errors of its scripts. */
export class Watched {
  readonly page: Page;
  readonly misdeeds: string[] = [];

  constructor(page: Page, instance: Instance) {
    this.page = page;
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${instance.endpoint}/`) && !/^(data|blob):/.test(url))
        this.misdeeds.push(`request to ${url}`);
    });
    page.on("pageerror", (error) => this.misdeeds.push(`error: ${error.stack ?? error.message}`));
    page.on("console", (message) => {
      if (/Content.Security.Policy|Refused to/i.test(message.text())) this.misdeeds.push(message.text());
    });
  }
}

export interface Look {
  language: "ko" | "en";
  width?: number;
  dark?: boolean;
}

export async function newPage(browser: Browser, instance: Instance, look: Look): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: look.width ?? 1360, height: 900 },
    locale: look.language === "ko" ? "ko-KR" : "en-US",
    timezoneId: "Asia/Seoul",
    colorScheme: look.dark ? "dark" : "light",
  });
  // Conditions are waited for; a machine that tests everything at once is slow.
  context.setDefaultTimeout(30_000);
  return new Watched(await context.newPage(), instance);
}

const password = "Correct-Horse-1";

/** Gives the administrator of the first start a password. */
export async function admitAdministrator(instance: Instance): Promise<void> {
  await new IAMClient(instance.client).send(new CreateLoginProfileCommand({ UserName: "admin", Password: password }));
}

/** A page on which the administrator has signed in. */
export async function signedInAdministrator(browser: Browser, instance: Instance, look: Look): Promise<Watched> {
  const watched = await newPage(browser, instance, look);
  const { page } = watched;
  await page.goto(`${instance.endpoint}/`);
  await enterAdministrator(page, instance);
  await page.locator("#content h1").waitFor();
  return watched;
}

/** Fills and sends the form that lies open, in whichever language. */
export async function enterAdministrator(page: Page, instance: Instance): Promise<void> {
  await page.locator("form input").nth(0).fill(instance.ready.accountId);
  await page.locator("form input").nth(1).fill("admin");
  await page.locator("input[type=password]").fill(password);
  await page.keyboard.press("Enter");
}
