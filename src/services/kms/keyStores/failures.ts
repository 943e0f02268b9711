/**
 * What a failure of an external key store proxy is called, one row each: by the operations on stores, by CreateKey, and
 * as ConnectionErrorCode. Cryptographic operations call every one of them KMSInvalidStateException, so that the text
 * tells them apart. Sources: XKS proxy API specification, "Error codes", second table (codes and texts);
 * KMS API Reference, CustomKeyStoresListEntry (connection error codes).
 */
import { AwsError } from "#kernel/errors.ts";
import { XksFailure, type XksFailureKind } from "#keys/stores/xksFailure.ts";
import { invalidState } from "../errors.ts";
import type { ConnectionErrorCode } from "./state.ts";

interface FailureRow {
  store: string;
  key: string;
  connection: ConnectionErrorCode;
  message: string;
}

const badState = "CustomKeyStoreInvalidStateException";
const badKey = "XksKeyInvalidConfigurationException";
const badAnswer = "XksProxyInvalidResponseException";
const unreachable = "XksProxyUriUnreachableException";

const uninterpretable =
  "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, report it to your external key store proxy administrator.";

const rows: Readonly<Record<XksFailureKind, FailureRow>> = {
  ValidationException: row(badAnswer, badState, "XKS_PROXY_INVALID_RESPONSE", uninterpretable),
  malformed: row(badAnswer, badState, "XKS_PROXY_INVALID_RESPONSE", uninterpretable),
  InvalidStateException: row(
    badAnswer,
    badKey,
    "XKS_PROXY_NOT_REACHABLE",
    "The external key associated with this KMS key in an external key store is not enabled in the external key manager. Enable the external key in the external key manager and retry the request.",
  ),
  InvalidCiphertextException: row(
    badAnswer,
    badState,
    "XKS_PROXY_INVALID_RESPONSE",
    "The external key store proxy rejected the request because the specified ciphertext or encryption context is corrupted, missing, or otherwise invalid.",
  ),
  InvalidKeyUsageException: row(
    badAnswer,
    badKey,
    "XKS_PROXY_INVALID_RESPONSE",
    "The external key associated with this KMS key in an external key store does not support the requested operation. Enable the operation on the key in your external key manager, and try the request again.",
  ),
  AuthenticationFailedException: row(
    "XksProxyIncorrectAuthenticationCredentialException",
    badState,
    "INVALID_CREDENTIALS",
    "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the XKS proxy authentication credentials for your external key store and update if necessary.",
  ),
  AccessDeniedException: row(
    "XksProxyInvalidConfigurationException",
    "KMSInvalidStateException",
    "XKS_PROXY_ACCESS_DENIED",
    "The external key store proxy denied access to the operation. Verify that the user and the external key are both authorized for this operation, and try the request again.",
  ),
  KeyNotFoundException: row(
    badAnswer,
    "XksKeyNotFoundException",
    "XKS_PROXY_INVALID_RESPONSE",
    "The external key associated with this KMS key in an external key store was not found in its external key manager. If the external key ID associated with this KMS key is incorrect, create a new KMS key with the correct external key ID.",
  ),
  InvalidUriPathException: row(
    "XksProxyInvalidConfigurationException",
    badState,
    "XKS_PROXY_INVALID_CONFIGURATION",
    "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path for your external key store and update if necessary.",
  ),
  // The table's XksKeyInvalidResponseException of CreateKey is in no model of KMS.
  UnsupportedOperationException: row(
    badAnswer,
    badState,
    "XKS_PROXY_INVALID_RESPONSE",
    "The external key store proxy rejected the request because it does not support the requested operation. If you see this error repeatedly, report it to your external key store proxy administrator.",
  ),
  DependencyTimeoutException: row(
    unreachable,
    badState,
    "XKS_PROXY_TIMED_OUT",
    "The external key store proxy did not respond to the request in the time allotted. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator.",
  ),
  ThrottlingException: row(
    unreachable,
    badState,
    "XKS_PROXY_NOT_REACHABLE",
    "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of your calls using KMS keys in this external key store.",
  ),
  InternalException: row(
    badAnswer,
    badState,
    "XKS_PROXY_NOT_REACHABLE",
    "The external key store proxy rejected the request because it cannot communicate with the external key manager. Verify that the external key store proxy configuration is correct and that the external key manager is available.",
  ),
  noKeyManager: row(
    unreachable,
    badState,
    "XKS_PROXY_NOT_REACHABLE",
    "The external key store proxy rejected the request because it cannot communicate with the external key manager. Verify that the external key store proxy configuration is correct and that the external key manager is available.",
  ),
  unreachable: row(
    unreachable,
    badState,
    "XKS_PROXY_NOT_REACHABLE",
    "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see this error repeatedly, verify that your external key store proxy is active and is connected to the network, and that its endpoint URI is correct in your external key store.",
  ),
  tls: row(
    unreachable,
    badState,
    "XKS_PROXY_INVALID_TLS_CONFIGURATION",
    "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, including its certificate.",
  ),
  timeout: row(
    unreachable,
    badState,
    "XKS_PROXY_TIMED_OUT",
    "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator.",
  ),
};

function row(store: string, key: string, connection: ConnectionErrorCode, message: string): FailureRow {
  return { store, key, connection, message };
}

export const notConnected =
  "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the external key store and try the request again.";

/** The holder could not open what the external key manager gave back. */
export const invalidOpened = (): AwsError =>
  invalidState(
    "The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is corrupted, missing, or otherwise invalid.",
  );

export const onStore = ({ kind }: XksFailure): AwsError => new AwsError(rows[kind].store, rows[kind].message);
export const onCreateKey = ({ kind }: XksFailure): AwsError => new AwsError(rows[kind].key, rows[kind].message);
export const onUse = ({ kind }: XksFailure): AwsError => invalidState(rows[kind].message);
export const connectionErrorOf = ({ kind }: XksFailure): ConnectionErrorCode => rows[kind].connection;

/** Awaits a proxy's answer; its failures in the words of the caller, anything else as it is. */
export async function asking<T>(answer: Promise<T>, words: (failure: XksFailure) => AwsError): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof XksFailure ? words(error) : error;
  }
}
