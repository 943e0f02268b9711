/** Inputs and outputs of S3 Control's operations, as the SDK types them. */
import type { Input, Output } from "#gateway/service.ts";

export type S3Control = typeof import("@aws-sdk/client-s3-control");
export type In<Op extends string> = Input<S3Control, Op>;
export type Out<Op extends string> = Output<S3Control, Op>;
