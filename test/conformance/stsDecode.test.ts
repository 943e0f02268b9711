/** EC2's encoded authorization failure messages, and who may read them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EC2 } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { STS } from "@aws-sdk/client-sts";
import { otherAccount } from "../attack/people.ts";
import { startInstance, type Instance } from "../instance.ts";

let instance: Instance;
before(async () => {
  instance = await startInstance();
});
after(() => instance?.stop());

async function userWith(UserName: string, ...Statement: object[]) {
  const iam = new IAM(instance.client);
  const { User } = await iam.createUser({ UserName });
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  if (Statement.length > 0) await iam.putUserPolicy({ UserName, PolicyName: "p", PolicyDocument });
  const { AccessKey } = await iam.createAccessKey({ UserName });
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey!;
  const credentials = { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! };
  return { user: User!, config: { ...instance.client, credentials } };
}

async function refusal(ec2: EC2): Promise<string> {
  try {
    await ec2.createVpc({ CidrBlock: "10.9.0.0/16" });
  } catch (error) {
    assert.equal((error as Error).name, "UnauthorizedOperation");
    return (error as Error).message;
  }
  throw new Error("it was allowed");
}

const encodedIn = (message: string) => /Encoded authorization failure message: ([A-Za-z0-9_-]+)$/.exec(message)![1]!;

test("the message says who asked for what, and the statement that refused", async () => {
  const { user, config } = await userWith(
    "builder",
    { Effect: "Allow", Action: "ec2:*", Resource: "*" },
    { Sid: "NoNetworks", Effect: "Deny", Action: "ec2:CreateVpc", Resource: "*" },
  );
  const message = await refusal(new EC2(config));
  assert.match(message, /^You are not authorized to perform this operation\. User: arn:aws:iam::\d{12}:user\/builder/);
  assert.match(message, /with an explicit deny/);
  const EncodedMessage = encodedIn(message);
  // Nothing of it is readable as it is.
  assert.doesNotMatch(Buffer.from(EncodedMessage, "base64url").toString("latin1"), /NoNetworks|CreateVpc/);
  const { DecodedMessage } = await new STS(instance.client).decodeAuthorizationMessage({ EncodedMessage });
  const decoded = JSON.parse(DecodedMessage!);
  assert.deepEqual([decoded.allowed, decoded.explicitDeny], [false, true]);
  assert.deepEqual(decoded.context.principal, { id: user.UserId, name: "builder", arn: user.Arn });
  assert.equal(decoded.context.action, "ec2:CreateVpc");
  const [statement] = decoded.matchedStatements.items;
  assert.equal(statement.statementId, "NoNetworks");
  assert.deepEqual(statement.actions.items, [{ value: "ec2:CreateVpc" }]);
  assert.ok(decoded.context.conditions.items.some(({ key }: { key: string }) => key.toLowerCase() === "aws:sourceip"));
});

test("only who may decode can read it, in the account it is of, as it was made", async () => {
  const { config } = await userWith("nobody");
  const EncodedMessage = encodedIn(await refusal(new EC2(config)));
  await assert.rejects(new STS(config).decodeAuthorizationMessage({ EncodedMessage }), { name: "AccessDenied" });
  const sts = new STS(instance.client);
  const { DecodedMessage } = await sts.decodeAuthorizationMessage({ EncodedMessage });
  assert.equal(JSON.parse(DecodedMessage!).explicitDeny, false);
  const invalid = { name: "InvalidAuthorizationMessageException" };
  const other = await otherAccount(instance);
  const elsewhere = new STS({ ...instance.client, credentials: other.credentials });
  await assert.rejects(elsewhere.decodeAuthorizationMessage({ EncodedMessage }), invalid);
  const last = EncodedMessage.slice(0, -4) + (EncodedMessage.endsWith("AAAA") ? "BBBB" : "AAAA");
  for (const text of [last, "x", "AAAA", `${EncodedMessage}\n`]) {
    await assert.rejects(sts.decodeAuthorizationMessage({ EncodedMessage: text }), invalid, text);
  }
});
