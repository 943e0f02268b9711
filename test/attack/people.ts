/** Victims and attackers: users, roles, sessions and other accounts of an installation, with clients in their name. */
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { KMSClient } from "@aws-sdk/client-kms";
import {
  CreateAccountCommand,
  CreateOrganizationCommand,
  DescribeCreateAccountStatusCommand,
  OrganizationsClient,
} from "@aws-sdk/client-organizations";
import { S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { eventually, type Instance } from "../instance.ts";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Everything an attacker brings along. */
export interface Person {
  credentials: Credentials;
  iam: IAMClient;
  kms: KMSClient;
  s3: S3Client;
  sts: STSClient;
}

export function person(instance: Instance, credentials: Credentials): Person {
  const config = { ...instance.s3Client, credentials };
  return {
    credentials,
    iam: new IAMClient(config),
    kms: new KMSClient(config),
    s3: new S3Client(config),
    sts: new STSClient(config),
  };
}

export function administrator(instance: Instance): Person {
  const { accessKeyId, secretAccessKey } = instance.ready;
  return person(instance, { accessKeyId, secretAccessKey });
}

interface Issued {
  AccessKeyId?: string | undefined;
  SecretAccessKey?: string | undefined;
  SessionToken?: string | undefined;
}

export function credentialsOf(issued: Issued | undefined): Credentials {
  const { AccessKeyId, SecretAccessKey, SessionToken } = issued!;
  const sessionToken = SessionToken === undefined ? {} : { sessionToken: SessionToken };
  return { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, ...sessionToken };
}

/** A user of an account with an inline policy of these statements, or none. */
export async function user(instance: Instance, by: Person, UserName: string, ...statements: object[]): Promise<Person> {
  await by.iam.send(new CreateUserCommand({ UserName }));
  if (statements.length > 0) {
    const PolicyDocument = policy(...statements);
    await by.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "given", PolicyDocument }));
  }
  const { AccessKey } = await by.iam.send(new CreateAccessKeyCommand({ UserName }));
  return person(instance, credentialsOf(AccessKey));
}

/** The administrator of another account. */
export async function otherAccount(instance: Instance): Promise<Person & { account: string }> {
  const organizations = new OrganizationsClient(instance.client);
  await organizations.send(new CreateOrganizationCommand({ FeatureSet: "ALL" }));
  const made = await organizations.send(new CreateAccountCommand({ AccountName: "Other", Email: "other@example.com" }));
  const request = { CreateAccountRequestId: made.CreateAccountStatus!.Id! };
  const account = await eventually(async () => {
    const { CreateAccountStatus: status } = await organizations.send(new DescribeCreateAccountStatusCommand(request));
    return status!.State === "SUCCEEDED" && status!.AccountId;
  });
  const RoleArn = `arn:aws:iam::${account}:role/OrganizationAccountAccessRole`;
  const { sts } = administrator(instance);
  const { Credentials: issued } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "attacker" }));
  return { ...person(instance, credentialsOf(issued)), account };
}

export function policy(...Statement: object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement });
}

/** The error code of a call that is refused; "" when it is served. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    const answer = (await call) as { Body?: { destroy?(): void } };
    answer.Body?.destroy?.();
    return "";
  } catch (error) {
    return (error as Error).name;
  }
}
