/**
 * Every operation that is served, by somebody who may do nothing, and by somebody who may do everything but that:
 * refused, before anything has been done.
 */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { createResources } from "../hostile/resources.ts";
import { Attacker, type Answer } from "../hostile/signedRequest.ts";
import { startInstance, type Instance } from "../instance.ts";
import { servedOperations, type ServedOperation } from "./everyOperation.ts";
import { changes, documents } from "./state.ts";

/** Operations that AWS lets every caller with credentials make; "No permissions are required" in their references. */
const open = new Set(["sts:GetCallerIdentity", "sts:GetSessionToken"]);
/** Those that ask about a token instead of a signature; a wrong token is their refusal. */
const byToken = new Set(["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]);

let instance: Instance;
let operations: ServedOperation[];
let iam: IAMClient;

before(async () => {
  instance = await startInstance();
  iam = new IAMClient(instance.client);
  operations = servedOperations(await createResources(instance));
});
after(() => instance.stop());

async function attackerNamed(UserName: string): Promise<Attacker> {
  await iam.send(new CreateUserCommand({ UserName }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey!;
  return new Attacker({ ...instance.ready, accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! });
}

/** HEAD has no body to say it in; DeleteObjects says it of each key. */
function isRefused({ name }: ServedOperation, { status, code }: Answer): boolean {
  if (name.startsWith("s3:Head")) return status === 403;
  if (byToken.has(name)) return status >= 400;
  return /^AccessDenied(Exception)?$/.test(code);
}

test("a user without any permission is refused everything, and nothing is done", async () => {
  const attacker = await attackerNamed("nobody");
  const before = documents(instance);
  const served: string[] = [];
  for (const operation of operations) {
    if (open.has(operation.name)) continue;
    const answer = await attacker.send(operation.draft);
    if (!isRefused(operation, answer)) served.push(`${operation.name}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
  attacker.close();
  assert.deepEqual(served, []);
  assert.deepEqual(changes(before, documents(instance)), []);
  assert.ok(operations.length > 250, `only ${operations.length} operations were tried`);
});

test("an administrator who is denied one action is refused what needs it, and nothing is done", async () => {
  const attacker = await attackerNamed("nearly");
  const ofCaller = (name: string) => name.startsWith("iam/user/") && name.endsWith("/nearly");
  const served: string[] = [];
  for (const operation of operations) {
    if (open.has(operation.name) || byToken.has(operation.name)) continue;
    for (const action of operation.actions) {
      await iam.send(
        new PutUserPolicyCommand({
          UserName: "nearly",
          PolicyName: "all-but-one",
          PolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: [
              { Effect: "Allow", Action: "*", Resource: "*" },
              { Effect: "Deny", Action: action, Resource: "*" },
            ],
          }),
        }),
      );
      const before = documents(instance, ofCaller);
      const answer = await attacker.send(operation.draft);
      const done = changes(before, documents(instance, ofCaller));
      if (!isRefused(operation, answer) || done.length > 0) {
        served.push(`${operation.name} without ${action}: ${answer.status} ${answer.text.slice(0, 200)} ${done.join(" ")}`);
      }
    }
  }
  attacker.close();
  assert.deepEqual(served, []);
});
