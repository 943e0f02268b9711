/** Unmodified clients of the SDK for JavaScript, pointed at a server on loopback. */
import { Agent } from "node:http";
import type { LookupFunction } from "node:net";

export type Plain = Record<string, unknown>;

export interface Client {
  send(command: unknown, options: { abortSignal: AbortSignal }): Promise<Plain>;
  destroy(): void;
}

/** Settings that a client needs because its answers are made up. */
const settings: Readonly<Record<string, object>> = {
  "@aws-sdk/client-s3": { forcePathStyle: true, responseChecksumValidation: "WHEN_REQUIRED" },
  // The client otherwise compares a digest of the body, and sends to the queue's own address.
  "@aws-sdk/client-sqs": { md5: false, useQueueUrlAsEndpoint: false },
};

/** Names like `bucket-1.localhost` do not resolve everywhere. */
const loopback: LookupFunction = (_name, options, done) => {
  if (options.all) done(null, [{ address: "127.0.0.1", family: 4 }]);
  else done(null, "127.0.0.1", 4);
};

/** The client and its package's exports. */
export async function sdkClient(packageName: string, endpoint: string, more: object = {}): Promise<[Client, Plain]> {
  const sdk = (await import(packageName)) as Plain;
  const name = Object.keys(sdk).find((key) => /^[A-Z].*Client$/.test(key))!;
  const Constructor = sdk[name] as new (config: object) => Client;
  const client = new Constructor({
    endpoint: endpoint.replace("127.0.0.1", "localhost"),
    requestHandler: { httpAgent: new Agent({ keepAlive: true, lookup: loopback }) },
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" },
    maxAttempts: 1,
    disableHostPrefix: true,
    ...settings[packageName],
    ...more,
  });
  return [client, sdk];
}
