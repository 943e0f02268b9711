/**
 * An application put behind a load balancer and a web ACL through the pages alone; then the pages show, in true
 * numbers, what came through and what did not.
 */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createListener, type AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { admitAdministrator, launch, noBrowser, signedInAdministrator, type Watched } from "./browser.ts";

const skip = noBrowser();

let instance: Instance;
let browser: Browser;
let watched: Watched;
let page: Page;
let application: Server;

before(async () => {
  if (skip) return;
  application = createServer((_request, response) => response.end("the application")).listen(0, "127.0.0.1");
  instance = await startInstance({ args: ["--ephemeral"] });
  await admitAdministrator(instance);
  browser = await launch();
  watched = await signedInAdministrator(browser, instance, { language: "en" });
  page = watched.page;
});
after(async () => {
  await browser?.close();
  await instance?.stop();
  application?.close();
});

const open = (path: string) => page.goto(`${instance.endpoint}/_jikimi/console/#/${path}`);
const dialog = () => page.getByRole("dialog");
const press = (name: string) => page.getByRole("button", { name, exact: true }).first().click();

async function answer(fields: Record<string, string>, submit: string): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await dialog().getByLabel(label, { exact: true }).fill(value);
  await dialog().getByRole("button", { name: submit, exact: true }).click();
  await dialog()
    .waitFor({ state: "detached" })
    .catch(async () => assert.fail(await dialog().innerText()));
}

async function choose(from: string, option: string): Promise<void> {
  await dialog().getByRole("button", { name: from }).click();
  await page.getByRole("option", { name: option, exact: true }).click();
}

async function freePort(): Promise<number> {
  const server = createListener();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Lets this machine in, which the default group does not. */
async function openGroup(): Promise<string> {
  const ec2 = new EC2(instance.client);
  const { GroupId } = await ec2.createSecurityGroup({ GroupName: "front", Description: "front" });
  const everything = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  await ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [everything] });
  return GroupId!;
}

test(
  "behind a load balancer and a web ACL: what comes through, what does not, and both are counted",
  { skip },
  async () => {
    const elb = new ElasticLoadBalancingV2(instance.client);
    const port = await freePort();
    const group = await openGroup();

    await open("load-balancers");
    await press("Create target group");
    await answer({ Name: "shop", Port: String((application.address() as AddressInfo).port) }, "Create");
    await page.getByRole("row", { name: "shop" }).getByRole("radio").click();
    await page.getByRole("button", { name: "Actions", exact: true, disabled: false }).click();
    await page.getByRole("menuitem", { name: "Register target", exact: true }).click();
    await answer({ "Instance ID or IP address": "127.0.0.1" }, "Register target");
    await press("Create load balancer");
    await answer({ Name: "front", "Security groups": group }, "Create");
    const { TargetGroups } = await elb.describeTargetGroups({ Names: ["shop"] });
    await page.getByRole("link", { name: "front", exact: true }).click();
    await press("Add listener");
    await answer({ Port: String(port), "Forward to target group (ARN)": TargetGroups![0]!.TargetGroupArn! }, "Create");
    await page
      .getByRole("cell", { name: `HTTP:${port}` })
      .first()
      .waitFor();

    const { LoadBalancers } = await elb.describeLoadBalancers({ Names: ["front"] });
    const { DNSName, LoadBalancerArn } = LoadBalancers![0]!;
    await open("waf");
    await press("Create web ACL");
    await answer({ Name: "guard" }, "Create");
    await page.getByRole("link", { name: "guard", exact: true }).click();
    await press("Add rule");
    await choose("SQL injection in the query string", "A text in the path");
    await answer({ Name: "no-admin", "Limit, text or ARN, as the kind asks": "/admin" }, "Save changes");
    await page.getByRole("cell", { name: "no-admin" }).first().waitFor();
    await press("Associate resource");
    await answer({ "Resource ARN": LoadBalancerArn! }, "Save changes");

    const url = (path: string) => `http://127.0.0.1:${port}${path}`;
    const ask = async (path: string) => (await fetch(url(path), { headers: { host: DNSName! } })).status;
    await eventually(async () => (await ask("/")) === 200);
    await eventually(async () => (await ask("/ADMIN/panel")) === 403);

    await page.reload();
    await page.getByRole("cell", { name: "GET /ADMIN/panel" }).first().waitFor({ timeout: 20_000 });
    await open("");
    const station = (name: string) => page.locator(".strip li").filter({ hasText: name });
    for (const name of ["answered by load balancers", "requests blocked", "healthy targets", "load balancers"]) {
      await eventually(async () => {
        // Somebody is there: pages look again ever more rarely while nobody is.
        await page.mouse.move(600 * Math.random(), 400);
        return Number(await station(name).last().locator(".figure").innerText()) > 0;
      });
    }
    assert.equal(await station("packets dropped").locator(".figure").innerText(), "absent");
    assert.deepEqual(watched.misdeeds, []);
  },
);
