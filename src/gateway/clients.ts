/**
 * How services call each other: typed by the SDKs, run through the gateway without the wire, with the same
 * authorization and the same audit record. From another role the same calls go over IPC.
 */
import type { Input, OperationName, Output } from "./service.ts";

type Client<Sdk> = { [Op in OperationName<Sdk>]: (input: Input<Sdk, Op>) => Promise<Output<Sdk, Op>> };

/** One row per service that others call. */
export interface Clients {
  kms: Client<typeof import("@aws-sdk/client-kms")>;
  cloudhsmv2: Client<typeof import("@aws-sdk/client-cloudhsm-v2")>;
  s3: Client<typeof import("@aws-sdk/client-s3")>;
  s3control: Client<typeof import("@aws-sdk/client-s3-control")>;
  iam: Client<typeof import("@aws-sdk/client-iam")>;
  sts: Client<typeof import("@aws-sdk/client-sts")>;
  organizations: Client<typeof import("@aws-sdk/client-organizations")>;
  account: Client<typeof import("@aws-sdk/client-account")>;
  cloudtrail: Client<typeof import("@aws-sdk/client-cloudtrail")>;
  sns: Client<typeof import("@aws-sdk/client-sns")>;
  sqs: Client<typeof import("@aws-sdk/client-sqs")>;
  events: Client<typeof import("@aws-sdk/client-eventbridge")>;
  lambda: Client<typeof import("@aws-sdk/client-lambda")>;
  logs: Client<typeof import("@aws-sdk/client-cloudwatch-logs")>;
  acm: Client<typeof import("@aws-sdk/client-acm")>;
  ec2: Client<typeof import("@aws-sdk/client-ec2")>;
  elbv2: Client<typeof import("@aws-sdk/client-elastic-load-balancing-v2")>;
  cloudwatch: Client<typeof import("@aws-sdk/client-cloudwatch")>;
}
