/** Types of AWS's own SDK that every file of this service is checked against; nothing of it is loaded at run time. */
import type { AccessOf, Handlers, Input, Output } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-scheduler");
export type SchedulerHandlers = Partial<Handlers<Sdk>>;
export type SchedulerAccess = AccessOf<Sdk>;
export type In<Op extends string> = Input<Sdk, Op>;
export type Out<Op extends string> = Output<Sdk, Op>;
export type { Target } from "@aws-sdk/client-scheduler";
