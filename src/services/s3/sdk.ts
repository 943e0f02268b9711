/** Inputs and outputs of S3's operations, as the SDK types them. */
import type { Input, Output } from "#gateway/service.ts";

export type S3 = typeof import("@aws-sdk/client-s3");
export type In<Op extends string> = Input<S3, Op>;
export type Out<Op extends string> = Output<S3, Op>;
