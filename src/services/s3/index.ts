/** S3: the manifest. */
import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { audit } from "./audit.ts";
import { removeGarbage } from "./jobs/garbage.ts";
import { runLifecycle } from "./jobs/lifecycle.ts";
import { sweepBodies } from "./jobs/sweep.ts";
import { deliverNotifications } from "./notifications.ts";
import * as acl from "./operations/acl.ts";
import * as buckets from "./operations/buckets.ts";
import { completeMultipartUpload } from "./operations/complete.ts";
import { copyObject } from "./operations/copy.ts";
import * as cors from "./operations/cors.ts";
import { deleteObject, deleteObjects } from "./operations/delete.ts";
import * as get from "./operations/get.ts";
import * as lifecycle from "./operations/lifecycle.ts";
import * as list from "./operations/list.ts";
import { listMultipartUploads, listParts } from "./operations/listUploads.ts";
import * as lock from "./operations/lock.ts";
import * as notifications from "./operations/notifications.ts";
import * as policy from "./operations/policy.ts";
import { putObject } from "./operations/put.ts";
import * as settings from "./operations/settings.ts";
import * as tagging from "./operations/tagging.ts";
import * as upload from "./operations/upload.ts";
import type { S3 } from "./sdk.ts";

export const service = defineService<S3>()({
  id: "s3",
  operations: {
    CreateBucket: buckets.createBucket,
    HeadBucket: buckets.headBucket,
    DeleteBucket: buckets.deleteBucket,
    ListBuckets: buckets.listBuckets,
    GetBucketLocation: buckets.getBucketLocation,

    PutObject: putObject,
    GetObject: get.getObject,
    HeadObject: get.headObject,
    GetObjectAttributes: get.getObjectAttributes,
    CopyObject: copyObject,
    DeleteObject: deleteObject,
    DeleteObjects: deleteObjects,
    ListObjects: list.listObjects,
    ListObjectsV2: list.listObjectsV2,
    ListObjectVersions: list.listObjectVersions,

    CreateMultipartUpload: upload.createMultipartUpload,
    UploadPart: upload.uploadPart,
    UploadPartCopy: upload.uploadPartCopy,
    CompleteMultipartUpload: completeMultipartUpload,
    AbortMultipartUpload: upload.abortMultipartUpload,
    ListParts: listParts,
    ListMultipartUploads: listMultipartUploads,

    PutBucketPolicy: policy.putBucketPolicy,
    GetBucketPolicy: policy.getBucketPolicy,
    DeleteBucketPolicy: policy.deleteBucketPolicy,
    GetBucketPolicyStatus: policy.getBucketPolicyStatus,
    PutPublicAccessBlock: policy.putPublicAccessBlock,
    GetPublicAccessBlock: policy.getPublicAccessBlock,
    DeletePublicAccessBlock: policy.deletePublicAccessBlock,
    PutBucketAcl: acl.putBucketAcl,
    GetBucketAcl: acl.getBucketAcl,
    PutObjectAcl: acl.putObjectAcl,
    GetObjectAcl: acl.getObjectAcl,
    PutBucketOwnershipControls: acl.putBucketOwnershipControls,
    GetBucketOwnershipControls: acl.getBucketOwnershipControls,
    DeleteBucketOwnershipControls: acl.deleteBucketOwnershipControls,

    PutBucketVersioning: settings.putBucketVersioning,
    GetBucketVersioning: settings.getBucketVersioning,
    PutBucketEncryption: settings.putBucketEncryption,
    GetBucketEncryption: settings.getBucketEncryption,
    DeleteBucketEncryption: settings.deleteBucketEncryption,
    PutBucketRequestPayment: settings.putBucketRequestPayment,
    GetBucketRequestPayment: settings.getBucketRequestPayment,
    PutBucketNotificationConfiguration: notifications.putBucketNotificationConfiguration,
    GetBucketNotificationConfiguration: notifications.getBucketNotificationConfiguration,
    PutBucketTagging: tagging.putBucketTagging,
    GetBucketTagging: tagging.getBucketTagging,
    DeleteBucketTagging: tagging.deleteBucketTagging,
    PutObjectTagging: tagging.putObjectTagging,
    GetObjectTagging: tagging.getObjectTagging,
    DeleteObjectTagging: tagging.deleteObjectTagging,
    PutBucketCors: cors.putBucketCors,
    GetBucketCors: cors.getBucketCors,
    DeleteBucketCors: cors.deleteBucketCors,
    PutBucketLifecycleConfiguration: lifecycle.putBucketLifecycleConfiguration,
    GetBucketLifecycleConfiguration: lifecycle.getBucketLifecycleConfiguration,
    DeleteBucketLifecycle: lifecycle.deleteBucketLifecycle,

    PutObjectLockConfiguration: lock.putObjectLockConfiguration,
    GetObjectLockConfiguration: lock.getObjectLockConfiguration,
    PutObjectRetention: lock.putObjectRetention,
    GetObjectRetention: lock.getObjectRetention,
    PutObjectLegalHold: lock.putObjectLegalHold,
    GetObjectLegalHold: lock.getObjectLegalHold,

    PutBucketWebsite: settings.putBucketWebsite,
    GetBucketWebsite: settings.getBucketWebsite,
    GetBucketReplication: settings.getBucketReplication,
    PutBucketLogging: settings.putBucketLogging,
    GetBucketLogging: settings.getBucketLogging,
    GetBucketAccelerateConfiguration: settings.getBucketAccelerateConfiguration,
  },
  access,
  audit,
  reactors: [deliverNotifications],
  jobs: [removeGarbage, runLifecycle, sweepBodies],
});
