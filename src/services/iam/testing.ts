/** What this service's tests share: a gateway over a store in memory, and a key holder that only binds. */
import assert from "node:assert/strict";
import { AwsError } from "#kernel/errors.ts";
import { DecryptError, type KeyHolder } from "#keys/contract.ts";
import { TestGateway, testAccount, type TestCallOptions } from "#gateway/testing.ts";
import { service } from "./index.ts";

/** Keeps the contract of `protect` and `reveal`: another purpose or binding does not open it. */
export const bindingKeys: KeyHolder = new Proxy({} as KeyHolder, {
  get(_target, name) {
    if (name === "protect") {
      return async (purpose: string, bound: string, secret: Uint8Array) =>
        Buffer.from(JSON.stringify([purpose, bound, Buffer.from(secret).toString("base64")]));
    }
    if (name === "reveal") {
      return async (purpose: string, bound: string, protectedSecret: Uint8Array) => {
        const [p, b, secret] = JSON.parse(Buffer.from(protectedSecret).toString()) as [string, string, string];
        if (p !== purpose || b !== bound) throw new DecryptError();
        return Buffer.from(secret, "base64");
      };
    }
    throw new Error(`this test provides no ${String(name)}`);
  },
});

export const account = testAccount;

export const allowDocument = (action: string | string[], resource = "*") =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: action, Resource: resource }] });

export const trustDocument = (principal: Record<string, string>) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" }],
  });

export const ec2Trust = trustDocument({ Service: "ec2.amazonaws.com" });

export class IamTest extends TestGateway {
  constructor(options: TestCallOptions = {}) {
    super(service, { keys: bindingKeys, ...options });
  }

  /** The call must be refused with this code and, when given, this text. */
  async refused(
    operation: string,
    input: Record<string, unknown>,
    code: string,
    message?: string | RegExp,
    options: TestCallOptions = {},
  ): Promise<AwsError> {
    try {
      await this.call(operation, input, options);
    } catch (error) {
      assert.ok(error instanceof AwsError, `${operation}: ${String(error)}`);
      assert.equal(error.code, code, `${operation}: ${error.message}`);
      if (typeof message === "string") assert.equal(error.message, message);
      else if (message) assert.match(error.message, message);
      return error;
    }
    return assert.fail(`${operation} was not refused`);
  }
}

export const asUser = (name: string, id: string): TestCallOptions => ({
  principal: { kind: "user", account, arn: `arn:aws:iam::${account}:user/${name}`, id, userName: name },
});

export const asRoot: TestCallOptions = {
  principal: { kind: "root", account, arn: `arn:aws:iam::${account}:root`, id: account },
};

export const asRole: TestCallOptions = {
  principal: {
    kind: "role",
    account,
    arn: `arn:aws:sts::${account}:assumed-role/deploy/ci`,
    id: "AROAQ3EGUAABCDEFGHIJK:ci",
    roleArn: `arn:aws:iam::${account}:role/deploy`,
    roleId: "AROAQ3EGUAABCDEFGHIJK",
    roleName: "deploy",
    sessionName: "ci",
    session: { createdAt: 0, expiresAt: 1e15, mfaAuthenticated: false },
  },
};
