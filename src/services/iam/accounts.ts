/** IAM's register of accounts behind the contract that Organizations and Account Management use. */
import type { AccountRecord, Accounts } from "#gateway/accounts.ts";
import type { State } from "#gateway/context.ts";
import { stageAccount } from "./bootstrap.ts";
import { installation, IamState, type Account } from "./state.ts";
import { globalRegion } from "#store/contract.ts";

const record = ({ account, name, email, createdAt, status }: Account): AccountRecord => ({
  account,
  name,
  email,
  createdAt,
  status,
});

async function existing(state: State, account: string): Promise<[IamState, Account]> {
  const iam = new IamState(state, account);
  const found = await iam.get("account", "account");
  if (!found) throw new Error(`account ${account} is not registered`);
  return [iam, found];
}

export const accounts: Accounts = {
  async get(state, account) {
    const found = await new IamState(state, account).get("account", "account");
    return found && record(found);
  },
  getMany: (state, ids) =>
    Promise.all(
      ids.map(async (account) => {
        const at = { account, region: globalRegion, service: "iam" };
        const found = await state.get<Account>("account", "account", at);
        return found && record(found.value);
      }),
    ),
  async byEmail(state, email) {
    return (await new IamState(state, installation).get("rootEmail", email.toLowerCase()))?.account;
  },
  async create(state, request) {
    const { account, name, email, partition, now, random, roleName, trustedAccount } = request;
    const access = { kind: "role", roleName, trustedAccount } as const;
    await stageAccount(new IamState(state, account), { account, name, email, partition, random, now, access });
  },
  async close(state, account) {
    const [iam, found] = await existing(state, account);
    iam.put("account", "account", { ...found, status: "SUSPENDED" });
  },
  async rename(state, account, name) {
    const [iam, found] = await existing(state, account);
    iam.put("account", "account", { ...found, name });
  },
};
