/** Real things that hostile requests name, so that they get past "does not exist". */
import {
  AddUserToGroupCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import { CreateAliasCommand, CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, CreateMultipartUploadCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CloudTrailClient, CreateTrailCommand } from "@aws-sdk/client-cloudtrail";
import { PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import type { Instance } from "../instance.ts";
import type { Known } from "./values.ts";

const name = "hostile";
const bucket = "hostile-bucket";

/** By service, ordinary values of members by name. */
export async function createResources(instance: Instance): Promise<Record<string, Known>> {
  const { accountId } = instance.ready;
  const iam = new IAMClient(instance.client);
  const trust = policy({ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" });
  const document = policy({ Effect: "Allow", Action: "s3:GetObject", Resource: "*" });
  await iam.send(new CreateUserCommand({ UserName: name }));
  await iam.send(new CreateGroupCommand({ GroupName: name }));
  await iam.send(new AddUserToGroupCommand({ GroupName: name, UserName: name }));
  const role = await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: trust }));
  const own = await iam.send(new CreatePolicyCommand({ PolicyName: name, PolicyDocument: document }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));

  const kms = new KMSClient(instance.client);
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  await kms.send(new CreateAliasCommand({ AliasName: `alias/${name}`, TargetKeyId: KeyMetadata!.KeyId! }));
  const { CiphertextBlob } = await kms.send(
    new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("x") }),
  );

  const s3 = new S3Client(instance.s3Client);
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "object", Body: "body" }));
  const upload = await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: "object" }));
  const bucketPolicy = policy({
    Effect: "Allow",
    Principal: { Service: "cloudtrail.amazonaws.com" },
    Action: ["s3:GetBucketAcl", "s3:PutObject"],
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: bucketPolicy }));
  const trail = await new CloudTrailClient(instance.client).send(
    new CreateTrailCommand({ Name: name, S3BucketName: bucket }),
  );

  return {
    iam: {
      UserName: name,
      GroupName: name,
      RoleName: name,
      PolicyName: name,
      InstanceProfileName: name,
      ServerCertificateName: name,
      PolicyArn: own.Policy!.Arn!,
      PolicySourceArn: own.Policy!.Arn!,
      PermissionsBoundary: own.Policy!.Arn!,
      Arn: own.Policy!.Arn!,
      PolicyDocument: document,
      AssumeRolePolicyDocument: trust,
      PolicyInputList: [document],
      ActionNames: ["s3:GetObject"],
      AccessKeyId: AccessKey!.AccessKeyId!,
      Tags: [{ Key: "key", Value: "value" }],
      TagKeys: ["key"],
      SerialNumber: `arn:aws:iam::${accountId}:mfa/${name}`,
      OpenIDConnectProviderArn: `arn:aws:iam::${accountId}:oidc-provider/${name}`,
      SAMLProviderArn: `arn:aws:iam::${accountId}:saml-provider/${name}`,
      VersionId: "v1",
      AWSServiceName: "cloudtrail.amazonaws.com",
      ServiceNamespace: "s3",
      ServiceNamespaces: ["s3"],
      Url: "https://idp.example.com",
      Status: "Active",
    },
    kms: {
      KeyId: KeyMetadata!.KeyId!,
      TargetKeyId: KeyMetadata!.KeyId!,
      SourceKeyId: KeyMetadata!.KeyId!,
      DestinationKeyId: KeyMetadata!.KeyId!,
      AliasName: `alias/${name}`,
      CiphertextBlob: Buffer.from(CiphertextBlob!),
      GranteePrincipal: role.Role!.Arn!,
      Policy: policy({
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${accountId}:root` },
        Action: "kms:*",
        Resource: "*",
      }),
      Tags: [{ TagKey: "key", TagValue: "value" }],
      TagKeys: ["key"],
      NumberOfBytes: 32,
      // RSA pairs take the key holder long; their number here is no fault of the input.
      KeyPairSpec: "ECC_NIST_P256",
    },
    sts: { RoleArn: role.Role!.Arn!, RoleSessionName: name, Name: name },
    s3: { Bucket: bucket, Key: "object", UploadId: upload.UploadId!, PartNumber: 1, CopySource: `${bucket}/object` },
    s3control: { AccountId: accountId, Name: name, Bucket: bucket, Policy: document },
    cloudtrail: {
      Name: name,
      TrailName: name,
      S3BucketName: bucket,
      ResourceId: trail.TrailARN!,
      ResourceIdList: [trail.TrailARN!],
      TagsList: [{ Key: "key", Value: "value" }],
    },
  };
}

function policy(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}
