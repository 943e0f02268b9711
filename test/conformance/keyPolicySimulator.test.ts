/** What the console's simulator of key policies says, held against what KMS answers the user. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { simulateKeyPolicy } from "../../console/src/pages/kms/policySimulation.ts";
import { startInstance, type Instance } from "../instance.ts";

let instance: Instance;
before(async () => {
  instance = await startInstance();
});
after(() => instance?.stop());

const statement = (Effect: string, Action: string | string[], Principal?: object) => ({
  Effect,
  Action,
  Resource: "*",
  ...(Principal ? { Principal } : {}),
});

test("the simulator says what KMS does, for key policies that name, leave it to IAM, deny or are silent", async () => {
  const iam = new IAM(instance.client);
  const administrator = new KMS(instance.client);
  const { accountId } = instance.ready;
  const root = { AWS: `arn:aws:iam::${accountId}:root` };
  const asConsole = async (_service: string, operation: string, input: object = {}) =>
    operation === "SimulateCustomPolicy"
      ? iam.simulateCustomPolicy(input as never)
      : iam.simulatePrincipalPolicy(input as never);
  const users = new Map<string, { arn: string; kms: KMS }>();
  const identities = { none: undefined, all: statement("Allow", "kms:*"), denied: statement("Deny", "kms:Encrypt") };
  for (const [name, identity] of Object.entries(identities)) {
    const { User } = await iam.createUser({ UserName: name });
    if (identity) {
      const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: identity });
      await iam.putUserPolicy({ UserName: name, PolicyName: "p", PolicyDocument });
    }
    const { AccessKey } = await iam.createAccessKey({ UserName: name });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    users.set(name, { arn: User!.Arn!, kms: new KMS({ ...instance.client, credentials }) });
  }
  const every = { AWS: [...users.values()].map(({ arn }) => arn) };
  const policies = {
    handsOver: [statement("Allow", "kms:*", root)],
    handsOverLooking: [statement("Allow", "kms:DescribeKey", { AWS: accountId })],
    names: [statement("Allow", ["kms:Encrypt", "kms:DescribeKey"], every)],
    silent: [statement("Allow", "kms:*", { AWS: `arn:aws:iam::${accountId}:user/admin` })],
    denies: [statement("Allow", "kms:*", root), statement("Deny", "kms:Encrypt", every)],
  };
  const seen = new Set<string>();
  for (const [policyName, Statement] of Object.entries(policies)) {
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    const { KeyMetadata } = await administrator.createKey({ Policy, BypassPolicyLockoutSafetyCheck: true });
    const KeyId = KeyMetadata!.KeyId!;
    for (const [userName, { arn, kms }] of users) {
      const simulated = await simulateKeyPolicy(asConsole, { userArn: arn, keyArn: KeyMetadata!.Arn!, policy: Policy });
      const calls = {
        "kms:Encrypt": () => kms.encrypt({ KeyId, Plaintext: Buffer.from("x") }),
        "kms:DescribeKey": () => kms.describeKey({ KeyId }),
      };
      for (const [action, call] of Object.entries(calls)) {
        const answered = await call().then(
          () => "allowed",
          ({ message }: Error) => (/explicit deny/.test(message) ? "explicitDeny" : "implicitDeny"),
        );
        const said = simulated.find((each) => each.action === action)!.decision;
        assert.equal(said, answered, `${policyName}, ${userName}, ${action}`);
        seen.add(answered);
      }
    }
  }
  assert.deepEqual([...seen].toSorted(), ["allowed", "explicitDeny", "implicitDeny"]);
});
