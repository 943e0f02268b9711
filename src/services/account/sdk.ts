import type { Input as InputOf, OperationName, Output as OutputOf } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-account");
export type Input<Op extends OperationName<Sdk>> = InputOf<Sdk, Op>;
export type Output<Op extends OperationName<Sdk>> = OutputOf<Sdk, Op>;
