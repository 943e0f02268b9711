/** S3 Control: what S3 has per account rather than per bucket. The manifest. */
import type { CallContext } from "#gateway/context.ts";
import { defineService, type Access } from "#gateway/service.ts";
import * as points from "./accessPoints.ts";
import * as block from "./accountBlock.ts";
import type { S3Control } from "./sdk.ts";
import * as tags from "./tags.ts";

const onAccount = (action: string) => (): Access => ({ action, resource: "*" });

const onPoint =
  (action: string) =>
  (input: { AccountId?: string | undefined; Name?: string | undefined }, ctx: CallContext): Access => ({
    action,
    resource: points.accessPointArn(ctx, input.AccountId ?? ctx.account, points.nameOf(input.Name)),
  });

const onResource =
  (action: string) =>
  (input: { ResourceArn?: string | undefined }): Access => ({ action, resource: input.ResourceArn ?? "*" });

export const service = defineService<S3Control>()({
  id: "s3control",
  operations: {
    PutPublicAccessBlock: block.putPublicAccessBlock,
    GetPublicAccessBlock: block.getPublicAccessBlock,
    DeletePublicAccessBlock: block.deletePublicAccessBlock,
    CreateAccessPoint: points.createAccessPoint,
    GetAccessPoint: points.getAccessPoint,
    ListAccessPoints: points.listAccessPoints,
    DeleteAccessPoint: points.deleteAccessPoint,
    PutAccessPointPolicy: points.putAccessPointPolicy,
    GetAccessPointPolicy: points.getAccessPointPolicy,
    GetAccessPointPolicyStatus: points.getAccessPointPolicyStatus,
    DeleteAccessPointPolicy: points.deleteAccessPointPolicy,
    ListTagsForResource: tags.listTagsForResource,
    TagResource: tags.tagResource,
    UntagResource: tags.untagResource,
  },
  access: {
    PutPublicAccessBlock: onAccount("s3:PutAccountPublicAccessBlock"),
    GetPublicAccessBlock: onAccount("s3:GetAccountPublicAccessBlock"),
    DeletePublicAccessBlock: onAccount("s3:PutAccountPublicAccessBlock"),
    CreateAccessPoint: onPoint("s3:CreateAccessPoint"),
    GetAccessPoint: onPoint("s3:GetAccessPoint"),
    ListAccessPoints: onAccount("s3:ListAccessPoints"),
    DeleteAccessPoint: onPoint("s3:DeleteAccessPoint"),
    PutAccessPointPolicy: onPoint("s3:PutAccessPointPolicy"),
    GetAccessPointPolicy: onPoint("s3:GetAccessPointPolicy"),
    GetAccessPointPolicyStatus: onPoint("s3:GetAccessPointPolicyStatus"),
    DeleteAccessPointPolicy: onPoint("s3:DeleteAccessPointPolicy"),
    ListTagsForResource: onResource("s3:ListTagsForResource"),
    TagResource: onResource("s3:TagResource"),
    UntagResource: onResource("s3:UntagResource"),
  },
});
