/** `jikimi findings` against a started installation: every format, in both languages, and its exit codes. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { run } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { rootKey } from "../rootKey.ts";

describe("jikimi findings", () => {
  let instance: Instance;

  const findings = (...args: string[]) =>
    run(process.execPath, [join(repository, "src/cli/main.ts"), "findings", "--data", instance.dataDir, ...args], {
      PATH: process.env["PATH"],
      NO_COLOR: "1",
      LANG: "C.UTF-8",
    });

  before(async () => {
    instance = await startInstance();
  });

  after(async () => {
    await instance?.stop();
  });

  test("none, then one: what is written, and when it fails", async () => {
    assert.match((await findings()).stdout, /^no findings/);
    assert.match((await findings("--lang", "ko")).stdout, /조사 결과가 없습니다/);
    assert.equal((await findings("--fail-on", "LOW")).code, 0);
    const guard = new GuardDuty(instance.client);
    const { DetectorId } = await guard.createDetector({ Enable: true });
    await guard.createSampleFindings({ DetectorId, FindingTypes: ["Backdoor:EC2/DenialOfService.Tcp"] });
    assert.equal((await findings("--fail-on", "LOW")).code, 0, "a sample is nobody's fault");
    const root = new IAM({ ...instance.client, credentials: await rootKey(instance, instance.ready.accountId) });
    await root.listUsers({});
    const FindingIds = await eventually(async () => {
      const found = (await guard.listFindings({ DetectorId })).FindingIds!;
      return found.length === 2 && found;
    });
    const table = await findings("--fail-on", "HIGH");
    assert.equal(table.code, 0);
    assert.match(table.stdout, /LOW +Policy:IAMUser\/RootCredentialUsage +\d{12} +us-east-1 +×1 +The API ListUsers/);
    assert.equal((await findings("--fail-on", "LOW")).code, 3);
    assert.equal((await findings("--fail-on", "SOME")).code, 2);

    const json = JSON.parse((await findings("--format", "json")).stdout);
    assert.deepEqual(
      json.findings.map(({ severity }: { severity: number }) => severity),
      [8, 2],
    );
    const sarif = JSON.parse((await findings("--format", "sarif")).stdout);
    assert.equal(sarif.runs[0].results.length, 2);
    const asff = JSON.parse((await findings("--format", "asff")).stdout).Findings;
    assert.deepEqual(asff[1].Types, ["TTPs/Policy:IAMUser-RootCredentialUsage"]);
    assert.deepEqual(asff[1].Severity, { Product: 2, Label: "LOW", Normalized: 40 });
    assert.equal(asff[1].ProductFields["aws/guardduty/service/action/awsApiCallAction/api"], "ListUsers");
    assert.equal(asff[0].Sample, true);

    await guard.archiveFindings({ DetectorId, FindingIds });
    assert.equal((await findings("--fail-on", "LOW")).code, 0);
    assert.equal((await findings("--fail-on", "LOW", "--archived")).code, 3);
  });
});
