import type { AccessOf, Handlers, Input as InputOf, OperationName, Output as OutputOf } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-securityhub");
export type Input<Op extends OperationName<Sdk>> = InputOf<Sdk, Op>;
export type Output<Op extends OperationName<Sdk>> = OutputOf<Sdk, Op>;
export type HubHandlers = Partial<Handlers<Sdk>>;
export type HubAccess = AccessOf<Sdk>;
export type { AwsSecurityFinding } from "@aws-sdk/client-securityhub";
