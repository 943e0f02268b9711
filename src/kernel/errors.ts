/**
 * The one error that reaches a client. Code and message are AWS's own words; `wire` renders it in the
 * protocol of the request. Anything else that is thrown becomes `InternalFailure` with a request id, and
 * its detail goes to the log only.
 */
export class AwsError extends Error {
  /** AWS's error code, which is the shape name of a modelled error, e.g. `NotFoundException`. */
  readonly code: string;
  /** HTTP status. 4xx is the sender's fault and is not retried by SDKs; 5xx is. */
  readonly status: number;
  /** Further members of the modelled error shape, rendered beside the message. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Response headers that belong to the error, e.g. S3's `x-amz-delete-marker`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: string,
    message: string,
    status = 400,
    extra: { fields?: Record<string, unknown>; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.name = "AwsError";
    this.code = code;
    this.status = status;
    this.fields = extra.fields ?? {};
    this.headers = extra.headers ?? {};
  }
}
