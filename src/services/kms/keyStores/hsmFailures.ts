/**
 * What a failure of a CloudHSM cluster is called, one row each: by cryptographic operations, and as
 * ConnectionErrorCode. Cryptographic operations call nearly all of them KMSInvalidStateException, so that the text tells
 * them apart. Sources: KMS API Reference, CustomKeyStoresListEntry (connection error codes); KMS Developer Guide,
 * "Troubleshooting a custom key store", "How to respond to a cryptographic operation failure".
 */
import type { AwsError } from "#kernel/errors.ts";
import { HsmError, type HsmFailure } from "#hsm/contract.ts";
import { invalidCiphertext, invalidState } from "../errors.ts";
import type { ConnectionErrorCode } from "./state.ts";

export const notConnectedToHsm =
  "This KMS key is in a custom key store that is not connected to its AWS CloudHSM cluster. Connect the custom key store and try the request again.";

const unreachable =
  "KMS cannot communicate with your CloudHSM cluster. This might be a transient network issue. If you see this error repeatedly, verify that the HSMs of the cluster are active.";
const noHsm =
  "KMS cannot communicate with your CloudHSM cluster because it has no active HSM. Add an HSM to the cluster.";
const wrongPassword =
  "KMS cannot communicate with your CloudHSM cluster because the kmsuser password is not the one that KMS has. Disconnect the CloudHSM key store, update the kmsuser password for it, connect it and try the request again.";
const lockedOut =
  "KMS cannot communicate with your CloudHSM cluster because the kmsuser is locked out. Disconnect the CloudHSM key store and reset the kmsuser account password. Update the kmsuser password for the custom key store and try the request again.";
const noKey =
  "KMS cannot find the key material of this KMS key in the CloudHSM cluster. Restore it from a backup of the cluster.";

interface Row {
  connection: ConnectionErrorCode;
  /** Absent: the ciphertext is to blame. */
  message?: string;
}

const internal: Row = { connection: "INTERNAL_ERROR", message: unreachable };

const rows: Readonly<Partial<Record<HsmFailure, Row>>> = {
  unavailable: { connection: "NETWORK_ERRORS", message: unreachable },
  failed: { connection: "NETWORK_ERRORS", message: unreachable },
  "no-such-cluster": { connection: "CLUSTER_NOT_FOUND", message: unreachable },
  "no-hsm": { connection: "INSUFFICIENT_CLOUDHSM_HSMS", message: noHsm },
  "not-active": { connection: "INSUFFICIENT_CLOUDHSM_HSMS", message: noHsm },
  "login-refused": { connection: "INVALID_CREDENTIALS", message: wrongPassword },
  "no-such-user": { connection: "USER_NOT_FOUND", message: wrongPassword },
  "user-locked": { connection: "USER_LOCKED_OUT", message: lockedOut },
  "key-missing": { connection: "INTERNAL_ERROR", message: noKey },
  "invalid-ciphertext": { connection: "INTERNAL_ERROR" },
};

const rowOf = (error: HsmError): Row => rows[error.kind] ?? internal;

export const hsmConnectionError = (error: HsmError): ConnectionErrorCode => rowOf(error).connection;

/** Any failure in the words of cryptographic operations; what is none of an HSM as it is. */
export function onHsmUse(error: unknown): unknown {
  if (!(error instanceof HsmError)) return error;
  const { message } = rowOf(error);
  return message === undefined ? invalidCiphertext() : invalidState(message);
}

/** Whether another session may fare better: the one at hand was ended, or its process was started again. */
export function isOfSession(error: unknown): boolean {
  return error instanceof HsmError && !["invalid-ciphertext", "key-missing", "key-exists"].includes(error.kind);
}

export const noStoreHere = (): AwsError => invalidState(unreachable);
