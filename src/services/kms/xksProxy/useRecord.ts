/**
 * A use of a KMS key through a proxy is on the record of the key's account, as Encrypt or Decrypt: whoever asks when the
 * key was last used, or by whom, must learn of it. AWS has no such event, for it is no proxy; the shape is CloudTrail's.
 */
import { auditRecord, auditStream } from "#gateway/auditRecord.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { type RequestMetadata, xksSigningService } from "#keys/stores/xksApi.ts";
import { loadModel } from "#model/load.ts";
import type { Operation } from "#store/contract.ts";
import type { HttpRequest } from "#wire/contract.ts";
import type { KeyDocument } from "../state.ts";
import type { ProxyError } from "./failure.ts";

export interface Use {
  operation: "encrypt" | "decrypt";
  proxy: string;
  externalKeyId: string;
  /** The credential that signed the request. */
  accessKeyId: string;
  key: KeyDocument;
  metadata: Partial<RequestMetadata>;
}

export function useRecord(
  { clock, random }: Pick<Runtime, "clock" | "random">,
  request: HttpRequest,
  use: Use,
  error?: ProxyError,
): Operation {
  const { key, accessKeyId, metadata, proxy, externalKeyId } = use;
  const { awsPrincipalArn, kmsKeyArn, kmsOperation, kmsRequestId, kmsViaService } = metadata;
  const userAgent = request.headers["user-agent"] ?? "";
  const record = auditRecord({
    service: loadModel("kms"),
    operation: use.operation === "encrypt" ? "Encrypt" : "Decrypt",
    principal: { kind: "service", service: xksSigningService },
    account: key.account,
    region: key.region,
    now: clock.now(),
    requestId: random.uuid(),
    eventId: random.uuid(),
    source: {
      ip: request.remoteAddress,
      userAgent,
      host: request.headers["host"] ?? "",
      calledVia: [],
      ...(request.tls ? { tls: request.tls } : {}),
    },
    readOnly: true,
    input: { keyId: key.arn },
    output: null,
    ...(error ? { error: { code: error.errorName, message: error.message } } : {}),
    detail: {
      userIdentity: { type: "AWSService", accessKeyId, invokedBy: xksSigningService },
      resources: [{ ARN: key.arn, accountId: key.account, type: "AWS::KMS::Key" }],
      additionalEventData: {
        xksProxy: proxy,
        externalKeyId,
        requestMetadata: { awsPrincipalArn, kmsKeyArn, kmsOperation, kmsRequestId, kmsViaService },
      },
    },
  });
  return { op: "append", stream: auditStream, key: key.account, id: record.eventID, event: { ...record } };
}
