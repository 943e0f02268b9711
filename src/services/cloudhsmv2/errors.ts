/**
 * CloudHSM's codes. Source: CloudHSM API Reference, "Errors" of each operation (all 400 but the internal failure).
 * Texts in quotation marks below are AWS's own, as people have met them: `Cluster … already contains an HSM …`
 * (terraform-provider-aws #7437), `Provided HsmType is not supported.`; AWS documents no others.
 */
import { AwsError } from "#kernel/errors.ts";

export const invalid = (message: string): AwsError => new AwsError("CloudHsmInvalidRequestException", message);
export const notFound = (message: string): AwsError => new AwsError("CloudHsmResourceNotFoundException", message);
export const serviceFailure = (message: string): AwsError => new AwsError("CloudHsmServiceException", message);
export const limitExceeded = (message: string): AwsError =>
  new AwsError("CloudHsmResourceLimitExceededException", message);
export const tagFailure = (message: string): AwsError => new AwsError("CloudHsmTagException", message);

export const noCluster = (id: string): AwsError => notFound(`Cluster ${id} not found.`);
export const noBackup = (id: string): AwsError => notFound(`Backup ${id} not found.`);
export const noBackend = (reason: string): AwsError =>
  serviceFailure(`No hardware security module can be served by this installation: ${reason}`);
export const unactivated = (id: string): AwsError =>
  invalid(`Cluster '${id}' already contains an HSM but has not yet been fully activated`);
export const unsupportedType = (): AwsError => invalid("Provided HsmType is not supported.");
export const badToken = (): AwsError => invalid("The NextToken is not valid.");
