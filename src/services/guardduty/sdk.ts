import type { Input as InputOf, OperationName, Output as OutputOf } from "#gateway/service.ts";

export type GuardDuty = typeof import("@aws-sdk/client-guardduty");
export type Input<Op extends OperationName<GuardDuty>> = InputOf<GuardDuty, Op>;
export type Output<Op extends OperationName<GuardDuty>> = OutputOf<GuardDuty, Op>;
export type { Finding, S3BucketDetail } from "@aws-sdk/client-guardduty";
