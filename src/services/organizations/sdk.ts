import type { CallContext } from "#gateway/context.ts";
import type { Handlers, Input as InputOf, OperationName, Output as OutputOf } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-organizations");
export type Input<Op extends OperationName<Sdk>> = InputOf<Sdk, Op>;
export type Output<Op extends OperationName<Sdk>> = OutputOf<Sdk, Op>;
/** A group of handlers, as one file of operations exports it. */
export type Operations = Partial<Handlers<Sdk>>;
export type Ctx = CallContext;
