import type { Input as InputOf, OperationName } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-account");
export type Input<Op extends OperationName<Sdk>> = InputOf<Sdk, Op>;
