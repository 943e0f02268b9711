/**
 * Custom key stores with unmodified clients: one installation keeps the roots of its keys in another one, which is its
 * external key store proxy.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { aws, isInstalled, run } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { advance, operator } from "../operator.ts";
import { agreesWithTable, audited, handling } from "../keyKinds.ts";
import { XksPath } from "../xksPath.ts";

const proxyHost = "xks.jikimi.internal";
const proxies = "/_jikimi/xks-proxies";
const dayMs = 86_400_000;

interface Configuration {
  XksProxyUriPath: string;
  XksProxyAuthenticationCredential: { AccessKeyId: string; RawSecretAccessKey: string };
}

let [proxy, instance] = [] as unknown as [Instance, Instance];
let path: XksPath;
let [kms, s3, proxyKms] = [] as unknown as [KMS, S3, KMS];
let configuration: Configuration;
let storeId: string;

function forwarded(dataDir: string): Record<string, string> {
  return {
    JIKIMI_XKS_PROXIES: `${proxyHost}=127.0.0.1:${path.port}`,
    JIKIMI_XKS_CA: join(dataDir, "tls/ca.pem"),
    // A machine that tests everything at once is slower than AWS lets a proxy be; 250 ms has a test of its own.
    JIKIMI_XKS_TIMEOUT_MS: "1500",
  };
}

function ofStore(CustomKeyStoreName: string, more: object = {}) {
  return {
    CustomKeyStoreName,
    CustomKeyStoreType: "EXTERNAL_KEY_STORE" as const,
    XksProxyConnectivity: "PUBLIC_ENDPOINT" as const,
    XksProxyUriEndpoint: `https://${proxyHost}`,
    ...configuration,
    ...more,
  };
}

/** An external key over a new KMS key of the proxy's installation. */
async function externalKey(externalKeyId: string, usage?: string[]): Promise<string> {
  const { KeyMetadata } = await proxyKms.createKey({});
  const keyArn = KeyMetadata!.Arn!;
  await operator(proxy, "POST", proxies, { action: "put-key", name: "seoul", externalKeyId, keyArn, usage });
  return keyArn;
}

async function keyInStore(XksKeyId: string): Promise<string> {
  const { KeyMetadata } = await kms.createKey({ Origin: "EXTERNAL_KEY_STORE", CustomKeyStoreId: storeId, XksKeyId });
  return KeyMetadata!.KeyId!;
}

async function describeStore(id = storeId) {
  return (await kms.describeCustomKeyStores({ CustomKeyStoreId: id })).CustomKeyStores![0]!;
}

/** The operator's command, on the proxy's side. */
async function jikimi(...args: string[]): Promise<any> {
  const main = join(repository, "src/cli/main.ts");
  const line = [main, "xks-proxy", ...args, "--json", "--data", proxy.dataDir];
  const { code, stdout, stderr } = await run(process.execPath, line, {
    PATH: process.env["PATH"],
    HOME: proxy.dataDir,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const refusal = (name: string, message?: RegExp) => ({ name, ...(message ? { message } : {}) });

before(async () => {
  proxy = await startInstance();
  path = await XksPath.to(proxy.endpoint);
  instance = await startInstance({ env: forwarded(proxy.dataDir), args: ["--adjustable-clock"] });
  [kms, s3, proxyKms] = [new KMS(instance.client), new S3(instance.s3Client), new KMS(proxy.client)];
  configuration = await operator(proxy, "POST", proxies, { action: "create", name: "seoul" });
  const { CustomKeyStoreId } = await kms.createCustomKeyStore(ofStore("seoul"));
  storeId = CustomKeyStoreId!;
  await kms.connectCustomKeyStore({ CustomKeyStoreId });
});
after(async () => {
  await path?.close();
  await instance?.stop();
  await proxy?.stop();
});

test("who may do what with a key of an external key store is what the table says", async () => {
  await externalKey("kinds");
  const KeyId = await keyInStore("kinds");
  const cells = await handling(kms, KeyId);
  assert.equal(cells.rotate, "UnsupportedOperationException");
  const { Arn } = (await kms.describeKey({ KeyId })).KeyMetadata!;
  const cloudtrail = new CloudTrail(instance.client);
  await eventually(async () => (await audited(cloudtrail, Arn!)).includes("ScheduleKeyDeletion"));
  agreesWithTable("external", { ...cells, audit: "" });
});

describe("stores", () => {
  test("a store says what it is, and no secret", async () => {
    assert.match(storeId, /^cks-[0-9a-f]{17}$/);
    const found = await describeStore();
    const { CreationDate, ...rest } = found;
    assert.ok(CreationDate instanceof Date);
    assert.deepEqual(rest, {
      CustomKeyStoreId: storeId,
      CustomKeyStoreName: "seoul",
      CustomKeyStoreType: "EXTERNAL_KEY_STORE",
      ConnectionState: "CONNECTED",
      XksProxyConfiguration: {
        Connectivity: "PUBLIC_ENDPOINT",
        UriEndpoint: `https://${proxyHost}`,
        UriPath: configuration.XksProxyUriPath,
        AccessKeyId: configuration.XksProxyAuthenticationCredential.AccessKeyId,
      },
    });
    assert.deepEqual((await kms.describeCustomKeyStores({ CustomKeyStoreName: "seoul" })).CustomKeyStores, [found]);
    assert.deepEqual((await kms.describeCustomKeyStores({})).CustomKeyStores, [found]);
    await assert.rejects(
      kms.describeCustomKeyStores({ CustomKeyStoreId: "cks-0" }),
      refusal("CustomKeyStoreNotFoundException"),
    );
  });

  test("one name and one URI have one store; what does not exist is not found", async () => {
    await assert.rejects(kms.createCustomKeyStore(ofStore("seoul")), refusal("CustomKeyStoreNameInUseException"));
    await assert.rejects(kms.createCustomKeyStore(ofStore("another")), refusal("XksProxyUriInUseException"));
    const hsm = { CustomKeyStoreName: "hsm", CloudHsmClusterId: "cluster-abcdefg2345", KeyStorePassword: "password" };
    await assert.rejects(
      kms.createCustomKeyStore({ ...hsm, TrustAnchorCertificate: "-----BEGIN CERTIFICATE-----" }),
      refusal("CloudHsmClusterNotFoundException"),
    );
    await assert.rejects(kms.createCustomKeyStore(hsm), refusal("ValidationException", /TrustAnchorCertificate/));
    const XksProxyVpcEndpointServiceName = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0";
    await assert.rejects(
      kms.createCustomKeyStore(
        ofStore("vpc", { XksProxyConnectivity: "VPC_ENDPOINT_SERVICE", XksProxyVpcEndpointServiceName }),
      ),
      refusal("XksProxyVpcEndpointServiceNotFoundException"),
    );
    for (const misplaced of [{ XksProxyVpcEndpointServiceName }, { XksProxyVpcEndpointServiceOwner: "111122223333" }]) {
      await assert.rejects(
        kms.createCustomKeyStore(ofStore("vpc", misplaced)),
        refusal("ValidationException", /VPC_ENDPOINT_SERVICE only/),
      );
    }
    await assert.rejects(
      kms.createCustomKeyStore(ofStore("ip", { XksProxyUriEndpoint: "https://127.0.0.1" })),
      refusal("ValidationException", /XksProxyUriEndpoint/),
    );
    await assert.rejects(
      kms.createCustomKeyStore(ofStore("http", { XksProxyUriEndpoint: `http://${proxyHost}` })),
      refusal("ValidationException"),
    );
  });

  test("the proxy is asked before a store is made: path, credential, address", async () => {
    const RawSecretAccessKey = randomBytes(32).toString("base64");
    const { AccessKeyId } = configuration.XksProxyAuthenticationCredential;
    const at = (name: string) => ({ XksProxyUriPath: configuration.XksProxyUriPath.replace("seoul", name) });
    await assert.rejects(
      kms.createCustomKeyStore(ofStore("a", at("busan"))),
      refusal("XksProxyInvalidConfigurationException"),
    );
    const made = await jikimi("create", "daegu");
    assert.equal(made.XksProxyUriPath, at("daegu").XksProxyUriPath);
    for (const credential of [
      { AccessKeyId, RawSecretAccessKey },
      { AccessKeyId: "ABCDEFGHIJKLMNOPQRSTUVW2", RawSecretAccessKey },
    ]) {
      await assert.rejects(
        kms.createCustomKeyStore(ofStore("b", { ...at("daegu"), XksProxyAuthenticationCredential: credential })),
        refusal("XksProxyIncorrectAuthenticationCredentialException", /could not authenticate AWS KMS/),
      );
    }
    // INVARIANT of the transport: a host that the operator has not listed is no way into private networks.
    await assert.rejects(
      kms.createCustomKeyStore(ofStore("c", { XksProxyUriEndpoint: "https://localhost" })),
      refusal("XksProxyUriUnreachableException"),
    );
    assert.equal((await kms.describeCustomKeyStores({})).CustomKeyStores!.length, 1);
  });
});

describe("keys", () => {
  let KeyId: string;
  let externalArn: string;
  before(async () => {
    externalArn = await externalKey("one");
    KeyId = await keyInStore("one");
  });

  test("a key says where its material is", async () => {
    const { KeyMetadata } = await kms.describeKey({ KeyId });
    assert.equal(KeyMetadata!.Origin, "EXTERNAL_KEY_STORE");
    assert.equal(KeyMetadata!.CustomKeyStoreId, storeId);
    assert.deepEqual(KeyMetadata!.XksKeyConfiguration, { Id: "one" });
    assert.equal(KeyMetadata!.KeyState, "Enabled");
    assert.equal(KeyMetadata!.MultiRegion, false);
    assert.equal(KeyMetadata!.CurrentKeyMaterialId, undefined);
  });

  test("encrypted twice, bound to its context, and opened again", async () => {
    const EncryptionContext = { department: "10103.0" };
    const Plaintext = randomBytes(4096);
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext, EncryptionContext });
    const opened = await kms.decrypt({ CiphertextBlob, EncryptionContext });
    assert.deepEqual(Buffer.from(opened.Plaintext!), Plaintext);
    const bad = refusal("KMSInvalidStateException", /ciphertext or encryption context is corrupted/);
    await assert.rejects(kms.decrypt({ CiphertextBlob }), bad);
    const blob = Buffer.from(CiphertextBlob!);
    // The last byte is the external key's ciphertext; 40 is in its metadata, 60 in the initialization vector.
    for (const at of [blob.length - 1, 45, 62]) {
      const tampered = Buffer.from(blob);
      tampered[at]! ^= 1;
      await assert.rejects(kms.decrypt({ CiphertextBlob: tampered, EncryptionContext }), bad, `byte ${at}`);
    }
    for (const length of [37, 38, 60, 80]) {
      await assert.rejects(
        kms.decrypt({ CiphertextBlob: blob.subarray(0, length), EncryptionContext }),
        refusal("InvalidCiphertextException"),
      );
    }
    const longContext = { long: "x".repeat(20_000) };
    const long = await kms.encrypt({ KeyId, Plaintext, EncryptionContext: longContext });
    await kms.decrypt({ CiphertextBlob: long.CiphertextBlob, EncryptionContext: longContext });
  });

  test("data keys, and re-encryption into the store and out of it", async () => {
    const made = await kms.generateDataKey({ KeyId, KeySpec: "AES_256" });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob: made.CiphertextBlob })).Plaintext, made.Plaintext);
    const silent = await kms.generateDataKeyWithoutPlaintext({ KeyId, KeySpec: "AES_128" });
    assert.equal((await kms.decrypt({ CiphertextBlob: silent.CiphertextBlob })).Plaintext!.length, 16);
    const plain = (await kms.createKey({})).KeyMetadata!.KeyId!;
    const out = await kms.reEncrypt({ CiphertextBlob: made.CiphertextBlob, DestinationKeyId: plain });
    const back = await kms.reEncrypt({ CiphertextBlob: out.CiphertextBlob, DestinationKeyId: KeyId });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob: back.CiphertextBlob })).Plaintext, made.Plaintext);
    await assert.rejects(
      kms.generateDataKeyPair({ KeyId, KeyPairSpec: "ECC_NIST_P256" }),
      refusal("UnsupportedOperationException"),
    );
  });

  test("what a key in a store cannot do", async () => {
    const unsupported = refusal("UnsupportedOperationException", /EXTERNAL_KEY_STORE|symmetric|multi-Region/);
    await assert.rejects(kms.enableKeyRotation({ KeyId }), unsupported);
    await assert.rejects(kms.rotateKeyOnDemand({ KeyId }), unsupported);
    const wrapping = { WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" } as const;
    await assert.rejects(kms.getParametersForImport({ KeyId, ...wrapping }), unsupported);
    await assert.rejects(kms.replicateKey({ KeyId, ReplicaRegion: "eu-west-1" }), unsupported);
    assert.equal((await kms.getKeyRotationStatus({ KeyId })).KeyRotationEnabled, false);
    const wanted = { Origin: "EXTERNAL_KEY_STORE", CustomKeyStoreId: storeId, XksKeyId: "two" } as const;
    await assert.rejects(kms.createKey({ ...wanted, MultiRegion: true }), unsupported);
    await assert.rejects(
      kms.createKey({ ...wanted, KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" }),
      unsupported,
    );
    await assert.rejects(kms.generateRandom({ NumberOfBytes: 8, CustomKeyStoreId: storeId }), {
      name: "UnsupportedOperationException",
    });
  });

  test("each external key once, and only one that is fit for it", async () => {
    await externalKey("encrypt-only", ["ENCRYPT"]);
    const disabled = await externalKey("disabled");
    await proxyKms.disableKey({ KeyId: disabled });
    const making = (XksKeyId: string) =>
      kms.createKey({ Origin: "EXTERNAL_KEY_STORE", CustomKeyStoreId: storeId, XksKeyId });
    await assert.rejects(making("one"), refusal("XksKeyAlreadyInUseException"));
    await assert.rejects(making("nowhere"), refusal("XksKeyNotFoundException"));
    await assert.rejects(making("encrypt-only"), refusal("XksKeyInvalidConfigurationException"));
    await assert.rejects(making("disabled"), refusal("XksKeyInvalidConfigurationException"));
    await externalKey("race");
    const raced = await Promise.allSettled([making("race"), making("race"), making("race")]);
    assert.equal(raced.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("an external key that is disabled or gone stops its KMS key", async () => {
    const keyArn = await externalKey("switched");
    const switched = await keyInStore("switched");
    const { CiphertextBlob } = await kms.encrypt({ KeyId: switched, Plaintext: Buffer.from("x") });
    await proxyKms.disableKey({ KeyId: keyArn });
    await assert.rejects(kms.decrypt({ CiphertextBlob }), refusal("KMSInvalidStateException", /not enabled/));
    await proxyKms.enableKey({ KeyId: keyArn });
    await proxyKms.rotateKeyOnDemand({ KeyId: keyArn });
    assert.equal(Buffer.from((await kms.decrypt({ CiphertextBlob })).Plaintext!).toString(), "x");
    await operator(proxy, "POST", proxies, { action: "remove-key", name: "seoul", externalKeyId: "switched" });
    await assert.rejects(kms.decrypt({ CiphertextBlob }), refusal("KMSInvalidStateException", /not found/));
  });

  test("the proxy's installation has each use of its key on record", async () => {
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("x") });
    const { $metadata } = await kms.decrypt({ CiphertextBlob });
    const cloudtrail = new CloudTrail(proxy.client);
    const LookupAttributes = [{ AttributeKey: "ResourceName" as const, AttributeValue: externalArn }];
    const event = await eventually(async () => {
      const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
      const events = Events!.map(({ CloudTrailEvent }) => JSON.parse(CloudTrailEvent!));
      return events.find(
        ({ eventName, additionalEventData: { requestMetadata } = {} as any }) =>
          eventName === "Decrypt" && requestMetadata?.kmsRequestId === $metadata.requestId,
      );
    });
    const { AccessKeyId } = configuration.XksProxyAuthenticationCredential;
    assert.deepEqual(event.userIdentity, { type: "AWSService", accessKeyId: AccessKeyId, invokedBy: "kms-xks-proxy" });
    assert.equal(event.additionalEventData.externalKeyId, "one");
    const { KeyLastUsage } = await proxyKms.getKeyLastUsage({ KeyId: externalArn });
    assert.ok(["Encrypt", "Decrypt"].includes(KeyLastUsage!.Operation!));
  });

  test("what the proxy seals no call of its own KMS opens", async () => {
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("mine") });
    await assert.rejects(proxyKms.decrypt({ CiphertextBlob, KeyId: externalArn }), (error: Error) =>
      ["InvalidCiphertextException", "IncorrectKeyException"].includes(error.name),
    );
  });

  test("disconnected, an object is unreadable and the key Unavailable; connected, both are back", async () => {
    const Bucket = "behind-an-external-key";
    await s3.createBucket({ Bucket });
    await s3.putObject({ Bucket, Key: "o", Body: "secret", ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId });
    const read = async () => (await s3.getObject({ Bucket, Key: "o" })).Body!.transformToString();
    assert.equal(await read(), "secret");
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("x") });

    await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
    // The very next read, not one within a second.
    await assert.rejects(read());
    assert.equal((await describeStore()).ConnectionState, "DISCONNECTED");
    const { KeyMetadata } = await kms.describeKey({ KeyId });
    assert.deepEqual([KeyMetadata!.KeyState, KeyMetadata!.Enabled], ["Unavailable", false]);
    const gone = refusal("KMSInvalidStateException", /not connected to its external key store proxy/);
    await assert.rejects(kms.encrypt({ KeyId, Plaintext: Buffer.from("x") }), gone);
    await assert.rejects(kms.decrypt({ CiphertextBlob }), gone);
    await assert.rejects(kms.generateDataKey({ KeyId, KeySpec: "AES_256" }), gone);
    await assert.rejects(kms.generateDataKeyWithoutPlaintext({ KeyId, KeySpec: "AES_256" }), gone);
    await assert.rejects(kms.reEncrypt({ CiphertextBlob, DestinationKeyId: KeyId }), gone);
    await assert.rejects(kms.encrypt({ KeyId, Plaintext: Buffer.from("x"), DryRun: true }), gone);
    await assert.rejects(keyInStore("later"), refusal("CustomKeyStoreInvalidStateException"));
    await assert.rejects(
      kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId }),
      refusal("CustomKeyStoreInvalidStateException"),
    );

    await kms.connectCustomKeyStore({ CustomKeyStoreId: storeId });
    assert.equal(await read(), "secret");
    assert.equal(Buffer.from((await kms.decrypt({ CiphertextBlob })).Plaintext!).toString(), "x");
  });

  test("a silent proxy and a dead one: KMSInvalidStateException, FAILED with its reason, and back again", async () => {
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("x") });
    path.silent = true;
    await assert.rejects(
      kms.decrypt({ CiphertextBlob }),
      refusal("KMSInvalidStateException", /did not respond in time/),
    );
    await kms.connectCustomKeyStore({ CustomKeyStoreId: storeId });
    const slow = await describeStore();
    assert.deepEqual([slow.ConnectionState, slow.ConnectionErrorCode], ["FAILED", "XKS_PROXY_TIMED_OUT"]);
    await assert.rejects(
      kms.connectCustomKeyStore({ CustomKeyStoreId: storeId }),
      refusal("CustomKeyStoreInvalidStateException"),
    );
    await assert.rejects(kms.decrypt({ CiphertextBlob }), refusal("KMSInvalidStateException", /not connected/));
    path.silent = false;
    path.broken = true;
    path.reset();
    await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
    await kms.connectCustomKeyStore({ CustomKeyStoreId: storeId });
    const dead = await describeStore();
    assert.deepEqual([dead.ConnectionState, dead.ConnectionErrorCode], ["FAILED", "XKS_PROXY_NOT_REACHABLE"]);
    path.broken = false;
    await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
    await kms.connectCustomKeyStore({ CustomKeyStoreId: storeId });
    assert.equal((await describeStore()).ConnectionState, "CONNECTED");
    assert.equal(Buffer.from((await kms.decrypt({ CiphertextBlob })).Plaintext!).toString(), "x");
  });

  test("the proxy's credential changes without a break, and the old one is worth nothing", async () => {
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("x") });
    const old = configuration.XksProxyAuthenticationCredential;
    configuration = await operator(proxy, "POST", proxies, { action: "add-credential", name: "seoul" });
    const { XksProxyAuthenticationCredential } = configuration;
    await kms.updateCustomKeyStore({ CustomKeyStoreId: storeId, XksProxyAuthenticationCredential });
    await operator(proxy, "POST", proxies, {
      action: "remove-credential",
      name: "seoul",
      accessKeyId: old.AccessKeyId,
    });
    await kms.decrypt({ CiphertextBlob });
    await assert.rejects(
      kms.updateCustomKeyStore({ CustomKeyStoreId: storeId, XksProxyAuthenticationCredential: old }),
      refusal("XksProxyIncorrectAuthenticationCredentialException"),
    );
    await kms.decrypt({ CiphertextBlob });
    await assert.rejects(
      kms.updateCustomKeyStore({ CustomKeyStoreId: storeId, XksProxyUriEndpoint: "https://other.jikimi.internal" }),
      refusal("CustomKeyStoreInvalidStateException"),
    );
    await kms.updateCustomKeyStore({ CustomKeyStoreId: storeId, NewCustomKeyStoreName: "hanyang" });
    assert.equal((await kms.describeCustomKeyStores({ CustomKeyStoreName: "hanyang" })).CustomKeyStores!.length, 1);
    await assert.rejects(
      kms.describeCustomKeyStores({ CustomKeyStoreName: "seoul" }),
      refusal("CustomKeyStoreNotFoundException"),
    );
  });

  test("no secret of a credential is in the trail, the logs or the files", async () => {
    const cloudtrail = new CloudTrail(instance.client);
    const { RawSecretAccessKey } = configuration.XksProxyAuthenticationCredential;
    const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "UpdateCustomKeyStore" }];
    const events = await eventually(async () => {
      const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
      return Events!.length > 0 && Events;
    });
    assert.doesNotMatch(JSON.stringify(events), new RegExp(RawSecretAccessKey.slice(0, 20).replace(/[+/]/g, "\\$&")));
    for (const [where, files] of [
      [instance, ["store.sqlite", "store.sqlite-wal"]],
      [proxy, ["store.sqlite", "store.sqlite-wal"]],
    ] as const) {
      for (const file of files) {
        const bytes = await readFile(join(where.dataDir, file));
        assert.equal(bytes.includes(RawSecretAccessKey), false, file);
      }
    }
    assert.doesNotMatch(JSON.stringify(await operator(proxy, "GET", proxies)), /RawSecret|protectedSecret/);
  });

  test("kill -9 of both: what was sealed opens again, and the store is as connected as it was", async () => {
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from("x") });
    // Kept connections would have the killed ones' roles drain for as long as they may.
    for (const client of [kms, s3, proxyKms]) client.destroy();
    path.reset();
    await Promise.all([instance.kill(), proxy.kill()]);
    const portOf = ({ endpoint }: Instance) => Number(new URL(endpoint).port);
    [instance, proxy] = await Promise.all([
      startInstance({
        dataDir: instance.dataDir,
        port: portOf(instance),
        env: forwarded(proxy.dataDir),
        args: ["--adjustable-clock"],
      }),
      startInstance({ dataDir: proxy.dataDir, port: portOf(proxy) }),
    ]);
    [kms, s3, proxyKms] = [new KMS(instance.client), new S3(instance.s3Client), new KMS(proxy.client)];
    assert.equal((await describeStore()).ConnectionState, "CONNECTED");
    assert.equal(Buffer.from((await kms.decrypt({ CiphertextBlob })).Plaintext!).toString(), "x");
  });

  test("the AWS CLI sees and switches the store", async (t) => {
    if (!(await isInstalled("aws"))) return t.skip("no AWS CLI here");
    await aws(instance, ["kms", "disconnect-custom-key-store", "--custom-key-store-id", storeId]);
    const { CustomKeyStores } = await aws(instance, ["kms", "describe-custom-key-stores"]);
    assert.equal(CustomKeyStores[0].ConnectionState, "DISCONNECTED");
    await aws(instance, ["kms", "connect-custom-key-store", "--custom-key-store-id", storeId]);
  });

  test("a store with keys cannot be deleted; when they are gone for good it can", async () => {
    await kms.disconnectCustomKeyStore({ CustomKeyStoreId: storeId });
    await assert.rejects(
      kms.deleteCustomKeyStore({ CustomKeyStoreId: storeId }),
      refusal("CustomKeyStoreHasCMKsException"),
    );
    const { Keys } = await kms.listKeys({});
    for (const { KeyId: id } of Keys!) {
      const { KeyMetadata } = await kms.describeKey({ KeyId: id });
      if (KeyMetadata!.CustomKeyStoreId === storeId && KeyMetadata!.KeyState !== "PendingDeletion")
        await kms.scheduleKeyDeletion({ KeyId: id, PendingWindowInDays: 7 });
    }
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata!.KeyState, "PendingDeletion");
    await assert.rejects(
      kms.deleteCustomKeyStore({ CustomKeyStoreId: storeId }),
      refusal("CustomKeyStoreHasCMKsException"),
    );
    await advance(instance, 8 * dayMs);
    await eventually(() => kms.deleteCustomKeyStore({ CustomKeyStoreId: storeId }).then(() => true));
    await assert.rejects(describeStore(), refusal("CustomKeyStoreNotFoundException"));
  });
});

test("what the operator may not make of a proxy", async () => {
  const asking = (action: string, more: object = {}) =>
    operator(proxy, "POST", proxies, { action, name: "seoul", ...more });
  const rsa = await proxyKms.createKey({ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" });
  const keyArn = rsa.KeyMetadata!.Arn!;
  await assert.rejects(asking("create"), /409/);
  await assert.rejects(asking("create", { name: "a/b" }), /400/);
  await assert.rejects(asking("put-key", { externalKeyId: "rsa", keyArn }), /400 .*symmetric/);
  await assert.rejects(asking("put-key", { externalKeyId: "a/b", keyArn }), /400/);
  await assert.rejects(asking("put-key", { externalKeyId: "none", keyArn: `${keyArn}0` }), /404/);
  await assert.rejects(asking("put-key", { externalKeyId: "none" }), /400 .*keyArn/);
  await assert.rejects(asking("put-key", { externalKeyId: "use", keyArn, usage: ["SIGN"] }), /400 .*usage/);
  await assert.rejects(asking("constructor"), /400 .*action/);
  await assert.rejects(asking("delete", { name: "nowhere" }), /404/);
  await asking("add-credential");
  await assert.rejects(asking("add-credential"), /409/);
  await asking("delete", { name: "daegu" });
  const { proxies: left } = await jikimi("list");
  assert.deepEqual(
    left.map(({ name }: { name: string }) => name),
    ["seoul"],
  );
});

test("curl, another maker's signer, speaks to the proxy", async (t) => {
  if (!(await isInstalled("curl"))) return t.skip("no curl here");
  const { XksProxyUriPath, XksProxyAuthenticationCredential: key } = configuration;
  const ask = async (body: string, secret = key.RawSecretAccessKey, method = "POST") => {
    const ran = await run(
      "curl",
      [
        "--silent",
        "--cacert",
        join(proxy.dataDir, "tls/ca.pem"),
        "--request",
        method,
        "--aws-sigv4",
        "aws:amz:us-east-1:kms-xks-proxy",
        "--user",
        `${key.AccessKeyId}:${secret}`,
        "--header",
        "Content-Type:application/json",
        "--data-binary",
        body,
        "--write-out",
        "\n%{http_code}",
        `${proxy.endpoint.replace("http:", "https:").replace("127.0.0.1", "localhost")}${XksProxyUriPath}/health`,
      ],
      { PATH: process.env["PATH"] },
    );
    const [text, status] = ran.stdout.split("\n");
    return { status: Number(status), json: JSON.parse(text!) };
  };
  const body = JSON.stringify({ requestMetadata: { kmsOperation: "KmsHealthCheck", kmsRequestId: "r" } });
  const { status, json } = await ask(body);
  assert.deepEqual([status, json.ekmFleetDetails[0].healthStatus], [200, "ACTIVE"]);
  assert.deepEqual(await ask("{}").then(({ json: { errorName } }) => errorName), "ValidationException");
  assert.equal((await ask(body, `x${key.RawSecretAccessKey}`)).status, 401);
  assert.equal((await ask(body, key.RawSecretAccessKey, "GET")).status, 405);
});
