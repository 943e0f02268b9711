/** `jikimi up --demo`: within a minute requests are blocked, findings are there, the webhook knows of them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { WAFV2 } from "@aws-sdk/client-wafv2";
import { run } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const minute = { within: 60_000, every: 250 };
let instance: Instance;
let url: string;
let demoFolder: string;
before(async () => {
  demoFolder = await mkdtemp(join(tmpdir(), "jikimi-demo-"));
  instance = await startInstance({ args: ["--demo"], dataDir: demoFolder });
  url = (instance.ready as unknown as { demo: { applicationUrl: string } }).demo.applicationUrl;
});
after(async () => {
  await instance?.stop();
  await rm(demoFolder, { recursive: true, force: true });
});

/** By curl, which knows `*.localhost`: the status, and the body. */
async function get(path: string, ...more: string[]): Promise<{ status: number; body: string }> {
  const args = ["-sS", "-o", "-", "-w", "\\n%{http_code}", ...more, new URL(path, url).href];
  const { stdout, code, stderr } = await run("curl", args, { PATH: process.env["PATH"] });
  assert.equal(code, 0, stderr);
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

test("the application answers, and what attacks it is blocked", async () => {
  await eventually(async () => (await get("/")).status === 200, minute);
  assert.match((await get("/?q=O%27Brien")).body, /<h1>Shop<\/h1>/);
  assert.equal((await get("/?q=%27%20OR%201%3D1--")).status, 403);
  assert.equal((await get("/", "-H", "x-scanner: nikto")).status, 403);
  assert.equal((await get("/", "--interface", "127.0.0.66")).status, 403);
  // The attacker is at work by itself.
  const waf = new WAFV2(instance.client);
  const WebAclArn = (await waf.listWebACLs({ Scope: "REGIONAL" })).WebACLs![0]!.ARN!;
  await eventually(async () => {
    const { SampledRequests } = await waf.getSampledRequests({
      WebAclArn,
      RuleMetricName: "demo-script",
      Scope: "REGIONAL",
      TimeWindow: { StartTime: new Date(Date.now() - 600_000), EndTime: new Date() },
      MaxItems: 10,
    });
    return SampledRequests!.some(({ Request }) => Request!.URI!.startsWith("/"));
  }, minute);
});

test("the first findings come within a minute, and the webhook is told", async () => {
  const guardduty = new GuardDuty(instance.client);
  const DetectorId = (await guardduty.listDetectors({})).DetectorIds![0]!;
  const wanted = ["Policy:IAMUser/RootCredentialUsage", "Stealth:IAMUser/CloudTrailLoggingDisabled"];
  await eventually(async () => {
    const { FindingIds } = await guardduty.listFindings({ DetectorId });
    if (FindingIds!.length < wanted.length) return false;
    const { Findings } = await guardduty.getFindings({ DetectorId, FindingIds });
    return wanted.every((type) => Findings!.some(({ Type }) => Type === type));
  }, minute);
  const hub = new SecurityHub(instance.client);
  await eventually(async () => (await hub.getFindings({})).Findings!.length >= wanted.length, minute);
  await eventually(async () => {
    const notices = JSON.parse((await get("/notices")).body) as { message: string }[];
    return wanted.every((type) => notices.some(({ message }) => message.includes(type)));
  }, minute);
});

test("a demonstration that was killed goes on at its next start, and nothing is made twice", async () => {
  const { port } = new URL(instance.endpoint);
  await instance.kill();
  instance = await startInstance({ args: ["--demo"], dataDir: demoFolder, port: Number(port) });
  await eventually(async () => (await get("/")).status === 200, minute);
  assert.equal((await get("/?q=%27%20OR%201%3D1--")).status, 403);
  assert.equal((await new WAFV2(instance.client).listWebACLs({ Scope: "REGIONAL" })).WebACLs!.length, 1);
});

test("a folder with an installation in it is not made a demonstration", async () => {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-no-demo-"));
  const other = await startInstance({ dataDir: folder });
  await other.stop();
  const main = join(repository, "src/cli/main.ts");
  const ran = await run(process.execPath, [main, "up", "--demo", "--data", folder, "--port", "0"], process.env);
  await rm(folder, { recursive: true, force: true });
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /is no demonstration/);
});
