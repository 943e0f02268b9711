/**
 * Every operation that is served, by somebody who may do nothing, and by somebody who may do everything but that:
 * refused, before anything has been done.
 */
import { after, before, test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { CreateGrantCommand, KMSClient } from "@aws-sdk/client-kms";
import { createResources } from "../hostile/resources.ts";
import { Attacker, type Answer } from "../hostile/signedRequest.ts";
import { startInstance, type Instance } from "../instance.ts";
import { servedOperations, type ServedOperation } from "./everyOperation.ts";
import { policy } from "./people.ts";
import { settled, writesFrom } from "./state.ts";

/** Operations that AWS lets every caller with credentials make; "No permissions are required" in their references. */
const open = new Set(["sts:GetCallerIdentity", "sts:GetSessionToken"]);
/** Those that ask about a token instead of a signature; a wrong token is their refusal. */
const byToken = new Set(["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]);

/** What a request without signature is told; to S3 it may be somebody anonymous. */
const refusals =
  /MissingAuthenticationToken|MissingAuthenticationTokenException|AuthFailure|AccessDenied|InvalidIdentityToken|InvalidAction|UnknownOperation|MethodNotAllowed/;

let instance: Instance;
let operations: ServedOperation[];
let iam: IAMClient;

before(async () => {
  instance = await startInstance();
  iam = new IAMClient(instance.client);
  const resources = await createResources(instance);
  const { endpoint, accountId, region } = instance.ready;
  const topic = `arn:aws:sns:${region}:${accountId}:ordinary`;
  const { KeyId, GranteePrincipal } = resources["kms"]! as { KeyId: string; GranteePrincipal: string };
  const grant = new CreateGrantCommand({ KeyId, GranteePrincipal, Operations: ["Decrypt"] });
  const { GrantId } = await new KMSClient(instance.client).send(grant);
  operations = servedOperations({
    ...resources,
    kms: { ...resources["kms"], GrantId },
    sqs: { QueueUrl: `${endpoint}/${accountId}/queue` },
    sns: {
      TopicArn: topic,
      ResourceArn: topic,
      SubscriptionArn: `${topic}:00000000-0000-4000-8000-000000000001`,
      Protocol: "sqs",
      Endpoint: `arn:aws:sqs:${region}:${accountId}:ordinary`,
    },
  });
  await settled(instance);
});
after(() => instance?.stop());

async function attackerNamed(UserName: string, PolicyDocument?: string): Promise<Attacker> {
  await iam.send(new CreateUserCommand({ UserName }));
  if (PolicyDocument !== undefined) {
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "all-but-one", PolicyDocument }));
  }
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey!;
  return new Attacker({ ...instance.ready, accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! });
}

/** HEAD has no body to say it in; DeleteObjects says it of each key. */
function isRefused({ name }: ServedOperation, { status, code }: Answer): boolean {
  if (name.startsWith("s3:Head")) return status === 403;
  if (byToken.has(name)) return status >= 400;
  // SNS calls it AuthorizationError, EC2 UnauthorizedOperation.
  return /^(AccessDenied(Exception)?|AuthorizationError|UnauthorizedOperation)$/.test(code);
}

/** Refused for its form before anybody asked who it is: nothing served, and nothing learned of the authorization. */
function isUnreached({ status, code }: Answer): boolean {
  return status >= 400 && status < 500 && code !== "";
}

/** Of the operations that are served, those whose authorization the requests have to reach. */
const leastReached = 0.95;

function checkReach(unreached: readonly string[], context: TestContext): void {
  for (const one of unreached) context.diagnostic(`not reached: ${one}`);
  const share = 1 - unreached.length / operations.length;
  assert.ok(
    share >= leastReached,
    `only ${share} of all operations got as far as authorization: ${unreached.join(", ")}`,
  );
}

/** The link in every message works without credentials: the subscription's ARN is what its owner was given. Source: SNS API Reference, Unsubscribe. */
const withoutCredentials = new Set(["sns:Unsubscribe"]);

test("a stranger without credentials is refused everything, and nothing is done", async (t) => {
  const writes = await writesFrom(instance);
  const served: string[] = [];
  const unreached: string[] = [];
  for (const { name, draft } of operations) {
    const query = draft.query === undefined ? "" : `?${draft.query}`;
    const { "content-length": _, ...headers } = draft.headers;
    const hasBody = draft.method !== "GET" && draft.method !== "HEAD" && draft.body.length > 0;
    const response = await fetch(`${instance.endpoint}${draft.path}${query}`, {
      method: draft.method,
      headers,
      ...(hasBody ? { body: new Uint8Array(draft.body) } : {}),
    });
    const text = await response.text();
    const isRefusal = response.status >= 400 && response.status < 500;
    const asked = name.startsWith("s3:Head") || refusals.test(text);
    if (isRefusal && !asked) unreached.push(name);
    const saysItOfEachKey = name === "s3:DeleteObjects" && text.includes("<Code>AccessDenied</Code>");
    if (!isRefusal && !saysItOfEachKey && !withoutCredentials.has(name))
      served.push(`${name}: ${response.status} ${text.slice(0, 200)}`);
  }
  assert.deepEqual(served, []);
  assert.deepEqual(await writes(), []);
  checkReach(unreached, t);
});

test("a user without any permission is refused everything, and nothing is done", async (t) => {
  const attacker = await attackerNamed("nobody");
  const writes = await writesFrom(instance);
  const served: string[] = [];
  const unreached: string[] = [];
  for (const operation of operations) {
    if (open.has(operation.name)) continue;
    const answer = await attacker.send(operation.draft);
    if (isRefused(operation, answer)) continue;
    if (isUnreached(answer)) unreached.push(`${operation.name} (${answer.code})`);
    else served.push(`${operation.name}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
  attacker.close();
  assert.deepEqual(served, []);
  assert.deepEqual(await writes(), []);
  assert.ok(operations.length > 250, `only ${operations.length} operations were tried`);
  checkReach(unreached, t);
});

test("an administrator who is denied one action is refused what needs it, and nothing is done", async (t) => {
  let people = 0;
  const served: string[] = [];
  const unreached: string[] = [];
  for (const operation of operations) {
    if (open.has(operation.name) || byToken.has(operation.name)) continue;
    for (const action of operation.actions) {
      // A user of its own for each: a policy that is changed takes a moment until it holds (changes.test.ts).
      const attacker = await attackerNamed(
        `nearly-${++people}`,
        policy({ Effect: "Allow", Action: "*", Resource: "*" }, { Effect: "Deny", Action: action, Resource: "*" }),
      );
      const writes = await writesFrom(instance);
      const answer = await attacker.send(operation.draft);
      const done = await writes();
      attacker.close();
      if (isRefused(operation, answer) && done.length === 0) continue;
      if (isUnreached(answer) && done.length === 0) unreached.push(`${operation.name} (${answer.code})`);
      else {
        served.push(
          `${operation.name} without ${action}: ${answer.status} ${answer.text.slice(0, 200)} ${done.join(" ")}`,
        );
      }
    }
  }
  assert.deepEqual(served, []);
  checkReach(unreached, t);
});
