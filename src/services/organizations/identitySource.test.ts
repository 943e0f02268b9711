import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "#kernel/log.ts";
import { testAccount } from "#gateway/testing.ts";
import { createOrganizationIdentity } from "./identitySource.ts";
import { scopeOf } from "./state.ts";
import { denyS3, document, OrganizationsTest } from "./testing.ts";

/** Reads the store each time: the cache is the followed cache's business. */
function identityOf(organizations: OrganizationsTest) {
  let time = 0;
  const monotonic = () => (time += 1e9);
  return createOrganizationIdentity({ store: organizations.store, log: silentLogger, monotonic });
}

const names = (levels: readonly (readonly { name: string }[])[] | undefined) =>
  levels?.map((level) => level.map(({ name }) => name.split("/").at(-1)));

test("levels go from the root over units to the account, each with what is attached there", async () => {
  const organizations = await OrganizationsTest.start();
  const identity = identityOf(organizations);
  const account = await organizations.member("one");
  const outer = await organizations.unit("outer");
  const inner = await organizations.unit("inner", outer);
  const [a, b] = [await organizations.policy("a"), await organizations.policy("b")];
  await organizations.call("AttachPolicy", { PolicyId: a, TargetId: outer });
  await organizations.call("AttachPolicy", { PolicyId: b, TargetId: account });
  await organizations.call("DetachPolicy", { PolicyId: "p-FullAWSAccess", TargetId: account });
  const { root } = organizations;
  await organizations.call("MoveAccount", { AccountId: account, SourceParentId: root, DestinationParentId: inner });
  const full = "p-FullAWSAccess";
  assert.deepEqual(names(await identity.serviceControl(account)), [[full], [full, a], [full], [b]]);
  const { Organization } = await organizations.call("DescribeOrganization");
  assert.deepEqual(await identity.organization(account), {
    id: Organization.Id,
    path: `${Organization.Id}/${root}/${outer}/${inner}/`,
    managementAccount: testAccount,
  });
  assert.equal(await identity.resourceControl(account), undefined);
  await organizations.call("EnablePolicyType", { RootId: root, PolicyType: "RESOURCE_CONTROL_POLICY" });
  const all = "p-RCPFullAWSAccess";
  assert.deepEqual(names(await identity.resourceControl(account)), [[all], [all], [all], [all]]);
  await organizations.call("DisablePolicyType", { RootId: root, PolicyType: "SERVICE_CONTROL_POLICY" });
  assert.equal(await identity.serviceControl(account), undefined);
  identity.close();
});

test("the management account is bound by nothing, and an account alone is in no organization", async () => {
  const organizations = await OrganizationsTest.start();
  const identity = identityOf(organizations);
  await organizations.call("AttachPolicy", {
    PolicyId: await organizations.policy("p"),
    TargetId: organizations.root,
  });
  assert.equal(await identity.serviceControl(testAccount), undefined);
  assert.equal((await identity.organization(testAccount))?.managementAccount, testAccount);
  assert.equal(await identity.organization("444455556666"), undefined);
  identity.close();
});

test("an attached policy that is missing denies everything", async () => {
  const organizations = await OrganizationsTest.start();
  const identity = identityOf(organizations);
  const account = await organizations.member("one");
  const PolicyId = await organizations.policy("p", denyS3);
  await organizations.call("AttachPolicy", { PolicyId, TargetId: account });
  await organizations.store.commit([{ op: "delete", key: { ...scopeOf(testAccount), type: "policy", id: PolicyId } }]);
  const levels = await identity.serviceControl(account);
  assert.deepEqual(levels!.at(-1)!.at(-1), {
    name: levels!.at(-1)!.at(-1)!.name,
    document: document({ Effect: "Deny", Action: "*", Resource: "*" }),
  });
  identity.close();
});
