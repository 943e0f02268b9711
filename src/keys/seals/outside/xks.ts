/**
 * The root under a key of an external key manager, behind a proxy that speaks the XKS proxy API. Credentials as for
 * another KMS; `JIKIMI_SEAL_REGION` is the one in the signature (us-east-1), `JIKIMI_SEAL_CA_FILE` and
 * `JIKIMI_SEAL_CLIENT_CERTIFICATE_FILE` (chain and key) are PEM files for TLS.
 * Source: aws/aws-kms-xksproxy-api-spec, "Encrypt", "Decrypt".
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { systemClock } from "#kernel/clock.ts";
import type { RequestMetadata } from "../../stores/xksApi.ts";
import { XksClient } from "../../stores/xksClient.ts";
import { XksFailure } from "../../stores/xksFailure.ts";
import type { XksProxyAddress } from "../../stores/xksTransport.ts";
import { type OutsideKind, OutsideFailure, type Parameters, sealCredentials, textOf } from "./kind.ts";

const aad = Buffer.from("jikimi seal");
/** Nobody waits for a call: more than the 250 ms that KMS gives a proxy. */
const timeoutMs = 5_000;
/** The proxy's log and policy see the seal as this caller: no IAM principal asks. */
const caller = "arn:aws:iam::000000000000:user/jikimi-seal";

export const xksKind: OutsideKind = {
  wrap: (root, parameters) =>
    asking(async () => {
      const { client, proxy, keyId } = target(parameters);
      const sealed = await client.encrypt(proxy, keyId, { plaintext: root, aad, requestMetadata: metadata("Encrypt") });
      const { ciphertext, metadata: own, iv, tag } = sealed;
      return { ...parameters, ciphertext: base64(ciphertext), metadata: base64(own), iv: base64(iv), tag: base64(tag) };
    }),
  unwrap: (parameters) =>
    asking(async () => {
      const { client, proxy, keyId } = target(parameters);
      const sealed = {
        ciphertext: bytesOf(parameters, "ciphertext"),
        metadata: Buffer.from(String(parameters["metadata"] ?? ""), "base64"),
        iv: bytesOf(parameters, "iv"),
        tag: bytesOf(parameters, "tag"),
      };
      return await client.decrypt(proxy, keyId, { sealed, aad, requestMetadata: metadata("Decrypt") });
    }),
};

function target(parameters: Parameters): { client: XksClient; proxy: XksProxyAddress; keyId: string } {
  const { env } = process;
  const url = new URL(textOf(parameters, "endpoint"));
  const authorities = fileOf(env["JIKIMI_SEAL_CA_FILE"]);
  const clientCertificate = fileOf(env["JIKIMI_SEAL_CLIENT_CERTIFICATE_FILE"]);
  const client = new XksClient({
    // The operator has named it, so it may be anywhere.
    hosts: new Map([[url.hostname, { address: url.hostname, port: Number(url.port || 443) }]]),
    ...(authorities === undefined ? {} : { authorities }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    timeoutMs,
    clock: systemClock,
  });
  const proxy = {
    endpoint: url.origin,
    path: textOf(parameters, "path"),
    region: env["JIKIMI_SEAL_REGION"] ?? "us-east-1",
    ...sealCredentials(env),
  };
  return { client, proxy, keyId: textOf(parameters, "key") };
}

function metadata(kmsOperation: string): RequestMetadata {
  return { awsPrincipalArn: caller, kmsOperation, kmsRequestId: randomUUID() };
}

async function asking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof XksFailure ? new OutsideFailure(`the key store proxy: ${error.message}`) : error;
  }
}

function fileOf(path: string | undefined): string | undefined {
  if (!path) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new OutsideFailure(`${path} cannot be read`);
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const bytesOf = (parameters: Parameters, name: string): Buffer => Buffer.from(textOf(parameters, name), "base64");
