/** What this service's tests share: a gateway over a store in memory, a register of accounts, and an organization in it. */
import assert from "node:assert/strict";
import type { AccountRecord, Accounts } from "#gateway/accounts.ts";
import type { State } from "#gateway/context.ts";
import { TestGateway, testAccount, type TestCallOptions } from "#gateway/testing.ts";
import { AwsError } from "#kernel/errors.ts";
import { globalRegion } from "#store/contract.ts";
import { organizationsService } from "./index.ts";

const at = { account: "000000000000", region: globalRegion, service: "register" };
const read = async (state: State, account: string) => (await state.get<AccountRecord>("account", account, at))?.value;

/** Keeps the contract: everything is staged into the caller's unit of work. */
const register: Accounts = {
  get: read,
  getMany: (state, ids) => Promise.all(ids.map((id) => read(state, id))),
  async byEmail(state, email) {
    const { items } = await state.list<AccountRecord>("account", {}, at);
    return items.find(({ value }) => value.email === email.toLowerCase())?.key.id;
  },
  async create(state, { account, name, email, now }) {
    const record: AccountRecord = { account, name, email: email.toLowerCase(), createdAt: now, status: "ACTIVE" };
    state.put("account", account, record, { at });
  },
  async close(state, account) {
    state.put("account", account, { ...(await read(state, account))!, status: "SUSPENDED" }, { at });
  },
  async rename(state, account, name) {
    state.put("account", account, { ...(await read(state, account))!, name }, { at });
  },
};

export class OrganizationsTest extends TestGateway {
  root = "";

  constructor(options: TestCallOptions = {}) {
    super(organizationsService(register), options);
  }

  /** With the management account registered, an organization, and SCPs switched on. */
  static async start(featureSet = "ALL"): Promise<OrganizationsTest> {
    const started = new OrganizationsTest();
    await started.register(testAccount, "root@example.com");
    await started.call("CreateOrganization", { FeatureSet: featureSet });
    started.root = (await started.call("ListRoots")).Roots[0].Id;
    if (featureSet === "ALL") {
      await started.call("EnablePolicyType", { RootId: started.root, PolicyType: "SERVICE_CONTROL_POLICY" });
    }
    return started;
  }

  /** An account that stands alone. */
  async register(account: string, email: string): Promise<string> {
    const value: AccountRecord = { account, name: email, email, createdAt: this.clock.now(), status: "ACTIVE" };
    await this.store.commit([{ op: "put", key: { ...at, type: "account", id: account }, value }]);
    return account;
  }

  async member(name: string): Promise<string> {
    const { CreateAccountStatus } = await this.call("CreateAccount", {
      AccountName: name,
      Email: `${name}@example.com`,
    });
    const done = await this.call("DescribeCreateAccountStatus", { CreateAccountRequestId: CreateAccountStatus.Id });
    return done.CreateAccountStatus.AccountId;
  }

  async unit(Name: string, ParentId = this.root): Promise<string> {
    return (await this.call("CreateOrganizationalUnit", { Name, ParentId })).OrganizationalUnit.Id;
  }

  async policy(Name: string, Content = denyS3, Type = "SERVICE_CONTROL_POLICY"): Promise<string> {
    return (await this.call("CreatePolicy", { Name, Description: "", Content, Type })).Policy.PolicySummary.Id;
  }

  async refused(
    operation: string,
    input: Record<string, unknown>,
    code: string,
    reason?: string,
    options: TestCallOptions = {},
  ): Promise<void> {
    await assert.rejects(this.call(operation, input, options), (error: unknown) => {
      assert.ok(error instanceof AwsError, String(error));
      assert.equal(error.code, code, `${operation}: ${error.message}`);
      if (reason !== undefined) assert.equal(error.fields["Reason"], reason);
      return true;
    });
  }
}

export const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
export const denyS3 = document({ Effect: "Deny", Action: "s3:*", Resource: "*" });

/** A call from within another account. */
export const from = (account: string): TestCallOptions => ({
  account,
  principal: {
    kind: "user",
    account,
    arn: `arn:aws:iam::${account}:user/x`,
    id: "AIDAQ3EGUAABCDEFGHIJX",
    userName: "x",
  },
});
