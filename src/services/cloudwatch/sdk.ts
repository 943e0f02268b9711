import type { Input as InputOf, Output as OutputOf, OperationName } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-cloudwatch");
export type Input<Op extends OperationName<Sdk>> = InputOf<Sdk, Op>;
export type Output<Op extends OperationName<Sdk>> = OutputOf<Sdk, Op>;
