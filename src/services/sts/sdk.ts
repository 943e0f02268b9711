import type { Input as InputOf, Output as OutputOf, OperationName } from "#gateway/service.ts";

export type Sts = typeof import("@aws-sdk/client-sts");
export type Input<Op extends OperationName<Sts>> = InputOf<Sts, Op>;
export type Output<Op extends OperationName<Sts>> = OutputOf<Sts, Op>;
