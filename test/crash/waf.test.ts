/**
 * The firewall under `kill -9`: without the api role it goes on blocking, and tells of it afterwards, each request once;
 * after the end of everything, acknowledged rules are in force again.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { type Rule, WAFV2 } from "@aws-sdk/client-wafv2";
import { eventually, type Instance, startInstance } from "../instance.ts";
import { Application } from "../wafApplication.ts";

let folder: string;
let instance: Instance;
let application: Application;
let webAcl: { Name: string; Id: string; ARN: string };
/** Restarts take their time on a busy machine. */
const patience = { within: 60_000 };
const logGroupName = "aws-waf-logs-crash";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-waf-crash-"));
  instance = await startInstance({ dataDir: folder });
  application = await Application.behindLoadBalancer(instance, "crash");
  const waf = new WAFV2(instance.client);
  const { Summary } = await waf.createWebACL({
    Name: "crash",
    Scope: "REGIONAL",
    DefaultAction: { Allow: {} },
    VisibilityConfig: visibility("crash"),
    Rules: [blocking("/first")],
  });
  webAcl = { Name: "crash", Id: Summary!.Id!, ARN: Summary!.ARN! };
  await new CloudWatchLogs(instance.client).createLogGroup({ logGroupName });
  const { region, accountId } = instance.ready;
  await waf.putLoggingConfiguration({
    LoggingConfiguration: {
      ResourceArn: webAcl.ARN,
      LogDestinationConfigs: [`arn:aws:logs:${region}:${accountId}:log-group:${logGroupName}`],
    },
  });
  // Last: the edge hears of changes in their order, so whoever is blocked is logged as well.
  await waf.associateWebACL({ WebACLArn: webAcl.ARN, ResourceArn: application.loadBalancerArn });
  await eventually(async () => (await application.status({ path: "/first" })) === 403);
});
after(async () => {
  application?.close();
  await instance?.stop();
  await rm(folder, { recursive: true, force: true });
});

const visibility = (MetricName: string) => ({
  MetricName,
  SampledRequestsEnabled: true,
  CloudWatchMetricsEnabled: true,
});

function blocking(path: string): Rule {
  const Name = path.slice(1);
  const SearchString = new TextEncoder().encode(path);
  return {
    Name,
    Priority: 0,
    Statement: {
      ByteMatchStatement: {
        SearchString,
        FieldToMatch: { UriPath: {} },
        TextTransformations: [{ Priority: 0, Type: "NONE" }],
        PositionalConstraint: "STARTS_WITH",
      },
    },
    Action: { Block: {} },
    VisibilityConfig: visibility(Name),
  };
}

/** Paths of blocked requests in the log, in order. */
async function logged(): Promise<string[]> {
  const { events } = await new CloudWatchLogs(instance.client).filterLogEvents({
    logGroupName,
    filterPattern: '{ $.action = "BLOCK" }',
  });
  return events!.map(({ message }) => (JSON.parse(message!) as { httpRequest: { uri: string } }).httpRequest.uri);
}

test("without the api role it goes on blocking, and each request is told once when the role is back", async () => {
  process.kill((await instance.rolePids())["api"]!, "SIGKILL");
  const paths = Array.from({ length: 20 }, (_, i) => `/first/${i}`);
  for (const path of paths) assert.equal(await application.status({ path }), 403, path);
  assert.equal(await application.status({ path: "/" }), 200);
  const found = await eventually(async () => {
    const uris = (await logged()).filter((uri) => uri.startsWith("/first/"));
    return uris.length >= paths.length && uris;
  }, patience);
  assert.deepEqual(found.toSorted(), paths.toSorted());
});

test("an acknowledged change is in force after the end of everything", async () => {
  const waf = new WAFV2(instance.client);
  const { LockToken } = await waf.getWebACL({ ARN: webAcl.ARN });
  await waf.updateWebACL({
    ...webAcl,
    Scope: "REGIONAL",
    LockToken: LockToken!,
    DefaultAction: { Allow: {} },
    VisibilityConfig: visibility("crash"),
    Rules: [blocking("/second")],
  });
  await instance.kill();
  instance = await startInstance({ dataDir: folder });
  await eventually(async () => (await application.status({ path: "/second" })) === 403, patience);
  assert.equal(await application.status({ path: "/first" }), 200);
});
