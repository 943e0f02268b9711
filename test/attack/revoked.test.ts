/** Rights that are taken away are gone with the answer, and rights that are given are there: no request after it sees the old policy. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DeleteUserPolicyCommand, ListUsersCommand, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { startInstance, type Instance } from "../instance.ts";
import { administrator, policy, refusal, user } from "./people.ts";

let instance: Instance;
before(async () => {
  instance = await startInstance();
});
after(() => instance?.stop());

test("a policy holds from the answer to its call on, each of two hundred times", async () => {
  const admin = administrator(instance);
  const eve = await user(instance, admin, "eve");
  const of = { UserName: "eve", PolicyName: "p" };
  const PolicyDocument = policy({ Effect: "Allow", Action: "iam:ListUsers", Resource: "*" });
  const seen = { given: 0, taken: 0 };
  for (let round = 0; round < 100; round++) {
    await admin.iam.send(new PutUserPolicyCommand({ ...of, PolicyDocument }));
    if ((await refusal(eve.iam.send(new ListUsersCommand({})))) === "") seen.given++;
    await admin.iam.send(new DeleteUserPolicyCommand(of));
    if ((await refusal(eve.iam.send(new ListUsersCommand({})))) === "AccessDenied") seen.taken++;
  }
  assert.deepEqual(seen, { given: 100, taken: 100 });
});
