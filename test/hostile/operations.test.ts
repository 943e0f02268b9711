/**
 * Bad input for every served operation, with a valid signature: it is answered with an error of AWS, soon, and the
 * process goes on. `JIKIMI_HOSTILE=all` tries every text everywhere (minutes); otherwise each place gets a few of them.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { loadModel } from "#model/load.ts";
import { services } from "../../src/roles/services.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { casesOf, type Case } from "./cases.ts";
import { createResources } from "./resources.ts";
import { Attacker, type Answer } from "./signedRequest.ts";
import type { Known } from "./values.ts";

const share = process.env["JIKIMI_HOSTILE"] === "all" ? undefined : 3;
const inFlight = 24;
/** Resident set of the api role, bytes. Requests of 1 MB are among those in flight. */
const rssLimit = 1 << 30;
/** What ends a resource comes last, so that the rest has something to speak of. */
const ending = /^(Abort|Complete|Close|Deactivate|Delete|Deregister|Detach|Disable|Leave|Remove|Schedule|Stop)/;

describe("bad input for every operation", () => {
  let instance: Instance;
  let attacker: Attacker;
  let known: Record<string, Known>;
  let api: number;

  before(async () => {
    instance = await startInstance();
    known = await createResources(instance);
    attacker = new Attacker(instance.ready);
    api = (await instance.rolePids())["api"]!;
  });

  after(async () => {
    attacker?.close();
    await instance?.stop();
  });

  for (const { id, operations } of services) {
    test(`${id}: answered with an error of AWS`, { timeout: share === undefined ? 600_000 : 120_000 }, async () => {
      const model = loadModel(id);
      const names = [...operations.keys()].toSorted((a, b) => Number(ending.test(a)) - Number(ending.test(b)));
      const cases = names.flatMap((name) => [...casesOf(model, model.operations.get(name)!, known[id] ?? {}, share)]);
      const findings: string[] = [];
      const next = cases.values();
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          for (const each of next) {
            const finding = await attacker.send(each.draft).then(
              (answer) => wrongWith(each, answer),
              (error: Error) => error.message,
            );
            if (finding !== undefined) {
              findings.push(`${each.service.id}:${each.operation.name}, ${each.kind}, ${each.what}: ${finding}`);
            }
          }
        }),
      );
      assert.deepEqual(findings.slice(0, 30), [], `${findings.length} of ${cases.length}`);
      assert.equal((await instance.rolePids())["api"], api, "the process that began goes on");
      const rss = await residentSet(api);
      assert.ok(rss < rssLimit, `resident set ${rss}`);
    });
  }

  test("afterwards a call is served, and its record is in the event history", async () => {
    await new IAMClient(instance.client).send(new CreateUserCommand({ UserName: "after-the-storm" }));
    const trail = new CloudTrailClient({ ...instance.client, region: "us-east-1" });
    const attribute = { AttributeKey: "ResourceName" as const, AttributeValue: "after-the-storm" };
    const byName = { AttributeKey: "EventName" as const, AttributeValue: "CreateUser" };
    await eventually(
      async () => {
        for (const LookupAttributes of [[attribute], [byName]]) {
          const { Events = [] } = await trail.send(new LookupEventsCommand({ LookupAttributes }));
          if (Events.some((event) => event.CloudTrailEvent!.includes("after-the-storm"))) return true;
        }
        return false;
      },
      { within: 60_000 },
    );
  });
});

/** What must never be answered; `undefined` when the answer is in order. */
function wrongWith(each: Case, answer: Answer): string | undefined {
  const { status, code } = answer;
  // S3 answers 501 NotImplemented to headers and bucket kinds that it does not serve.
  const honest = status === 501 && code === "NotImplemented" && each.service.signingName === "s3";
  if (status >= 500 && !honest) return `${status} ${code} ${answer.text.slice(0, 200)}`;
  // HTTP itself refuses headers that are too large or are none, before anybody knows of which service they speak.
  const byHttp = answer.text === "" && (status === 400 || status === 431);
  if (status >= 400 && code === "" && each.operation.http.method !== "HEAD" && !byHttp) {
    return `${status} without a code`;
  }
  const mustFail = each.kind === "missing" || each.kind === "wrong type" || each.kind === "out of bounds";
  if (mustFail && status < 300) return `${status}: accepted`;
  return undefined;
}

async function residentSet(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
