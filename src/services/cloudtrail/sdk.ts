import type { Input as InputOf, Output as OutputOf, OperationName } from "#gateway/service.ts";

export type CloudTrail = typeof import("@aws-sdk/client-cloudtrail");
export type Input<Op extends OperationName<CloudTrail>> = InputOf<CloudTrail, Op>;
export type Output<Op extends OperationName<CloudTrail>> = OutputOf<CloudTrail, Op>;
