/**
 * Every operation that is served, by somebody who may do nothing, and by somebody who may do everything but that:
 * refused, before anything has been done.
 */
import { after, before, test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { request as httpRequest, type IncomingMessage } from "node:http";
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
  /MissingAuthenticationToken|AuthFailure|AuthorizationError|AccessDenied|InvalidIdentityToken|InvalidAction|UnknownOperation|MethodNotAllowed/;

let instance: Instance;
let operations: ServedOperation[];
let iam: IAMClient;

before(async () => {
  instance = await startInstance();
  iam = new IAMClient(instance.client);
  const resources = await createResources(instance);
  const { endpoint, accountId, region } = instance.ready;
  const arnOf = (service: string, resource: string): string => `arn:aws:${service}:${region}:${accountId}:${resource}`;
  const topic = arnOf("sns", "ordinary");
  const { KeyId, GranteePrincipal } = resources["kms"]! as { KeyId: string; GranteePrincipal: string };
  const grant = new CreateGrantCommand({ KeyId, GranteePrincipal, Operations: ["Decrypt"] });
  const { GrantId } = await new KMSClient(instance.client).send(grant);
  operations = servedOperations({
    ...resources,
    kms: { ...resources["kms"], GrantId },
    securityhub: { ResourceArn: arnOf("securityhub", "hub/default") },
    scheduler: {
      ResourceArn: arnOf("scheduler", "schedule-group/ordinary"),
      ScheduleExpression: "rate(1 day)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: { Arn: arnOf("sqs", "queue"), RoleArn: GranteePrincipal },
    },
    "cloudtrail-data": {
      channelArn: arnOf("cloudtrail", "channel/00000000-0000-4000-8000-000000000001"),
      id: "1",
      eventData: "{}",
    },
    sqs: { QueueUrl: `${endpoint}/${accountId}/queue` },
    sns: {
      TopicArn: topic,
      ResourceArn: topic,
      SubscriptionArn: `${topic}:00000000-0000-4000-8000-000000000001`,
      Protocol: "sqs",
      Endpoint: arnOf("sqs", "ordinary"),
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

/** As a client sends it that does not sign: only the host name still says which service is meant. */
function sendUnsigned({ service, draft }: ServedOperation): Promise<{ status: number; text: string }> {
  const { endpoint, region } = instance.ready;
  const { hostname, port } = new URL(endpoint);
  const host = `${service.endpointPrefix}.${region}.amazonaws.com`;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      host: hostname,
      port,
      method: draft.method,
      path: draft.query === undefined ? draft.path : `${draft.path}?${draft.query}`,
      headers: { ...draft.headers, host, "content-length": String(draft.body.length) },
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode!, text: `${errorType(response)} ${text}` }));
    });
    sent.end(draft.body);
  });
}

/** Where the protocols that speak JSON name the error. */
const errorType = ({ headers }: IncomingMessage): string => String(headers["x-amzn-errortype"] ?? "");

test("a stranger without credentials is refused everything, and nothing is done", async (t) => {
  const writes = await writesFrom(instance);
  const served: string[] = [];
  const unreached: string[] = [];
  for (const operation of operations) {
    const { name } = operation;
    const { status, text } = await sendUnsigned(operation);
    const isRefusal = status >= 400 && status < 500;
    const asked = name.startsWith("s3:Head") || refusals.test(text);
    if (isRefusal && !asked) unreached.push(name);
    const saysItOfEachKey = name === "s3:DeleteObjects" && text.includes("<Code>AccessDenied</Code>");
    if (!isRefusal && !saysItOfEachKey && !withoutCredentials.has(name))
      served.push(`${name}: ${status} ${text.slice(0, 200)}`);
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
