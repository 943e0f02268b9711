/** Account Management through the unmodified AWS SDK for JavaScript. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Account } from "@aws-sdk/client-account";
import { IAM } from "@aws-sdk/client-iam";
import { Organizations } from "@aws-sdk/client-organizations";
import { startInstance, type Instance } from "../instance.ts";

const contact = {
  AlternateContactType: "SECURITY",
  Name: "Sora Kim",
  Title: "CISO",
  EmailAddress: "security@example.com",
  PhoneNumber: "+82 2 123 4567",
} as const;

describe("Account Management", () => {
  let instance: Instance;
  let account: Account;
  before(async () => {
    instance = await startInstance();
    account = new Account(instance.client);
  });
  after(() => instance.stop());

  const named = (name: string) => (error: Error) => {
    assert.equal(error.name, name, error.message);
    return true;
  };

  test("contacts are kept, replaced and deleted", async () => {
    const get = () => account.getAlternateContact({ AlternateContactType: "SECURITY" });
    await assert.rejects(get(), named("ResourceNotFoundException"));
    await account.putAlternateContact(contact);
    assert.deepEqual((await get()).AlternateContact, contact);
    await account.putAlternateContact({ ...contact, Title: "CTO" });
    assert.equal((await get()).AlternateContact!.Title, "CTO");
    await account.deleteAlternateContact({ AlternateContactType: "SECURITY" });
    await assert.rejects(get(), named("ResourceNotFoundException"));
    const ContactInformation = {
      FullName: "Sora Kim",
      AddressLine1: "1 Sejong-daero",
      City: "Seoul",
      PostalCode: "04524",
      CountryCode: "KR",
      PhoneNumber: "+8221234567",
    };
    await account.putContactInformation({ ContactInformation });
    assert.deepEqual((await account.getContactInformation({})).ContactInformation, ContactInformation);
    await assert.rejects(
      account.putAlternateContact({ ...contact, EmailAddress: "nowhere" }),
      named("ValidationException"),
    );
  });

  test("an account is renamed by those who may", async () => {
    await account.putAccountName({ AccountName: "headquarters" });
    const information = await account.getAccountInformation({});
    assert.equal(information.AccountName, "headquarters");
    assert.equal(information.AccountState, "ACTIVE");
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "reader" });
    const { AccessKey } = await iam.createAccessKey({ UserName: "reader" });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const reader = new Account({ ...instance.client, credentials });
    await assert.rejects(reader.putAccountName({ AccountName: "x" }), named("AccessDeniedException"));
  });

  test("a member's data is the management account's with trusted access only, and no address changes unproved", async () => {
    const organizations = new Organizations(instance.client);
    await organizations.createOrganization({});
    const { CreateAccountStatus } = await organizations.createAccount({ AccountName: "m", Email: "m@example.com" });
    const { CreateAccountStatus: done } = await organizations.describeCreateAccountStatus({
      CreateAccountRequestId: CreateAccountStatus!.Id!,
    });
    const AccountId = done!.AccountId!;
    const email = () => account.getPrimaryEmail({ AccountId });
    await assert.rejects(email(), named("AccessDeniedException"));
    await organizations.enableAWSServiceAccess({ ServicePrincipal: "account.amazonaws.com" });
    assert.equal((await email()).PrimaryEmail, "m@example.com");
    await account.putAlternateContact({ ...contact, AccountId });
    await assert.rejects(
      account.getAlternateContact({ AlternateContactType: "SECURITY" }),
      named("ResourceNotFoundException"),
    );
    await account.putAccountName({ AccountName: "renamed", AccountId });
    const shown = await organizations.describeAccount({ AccountId });
    assert.equal(shown.Account!.Name, "renamed");
    await assert.rejects(
      account.getPrimaryEmail({ AccountId: instance.ready.accountId }),
      named("AccessDeniedException"),
    );
    await assert.rejects(account.getPrimaryEmail({ AccountId: "111122223333" }), named("AccessDeniedException"));
    await assert.rejects(
      account.startPrimaryEmailUpdate({ AccountId, PrimaryEmail: "n@example.com" }),
      named("ResourceUnavailableException"),
    );
  });
});
