/** What an external key store proxy may do wrong, and what KMS says of it: each row of the table, by a proxy that does it. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, KeyObject, randomBytes, webcrypto } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createPlainServer } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import * as x509 from "@peculiar/x509";
import { systemClock } from "#kernel/clock.ts";
import { integrityValue } from "#keys/stores/xksClient.ts";
import { xksErrors } from "#keys/stores/xksApi.ts";
import { openTlsIdentity } from "../../roles/tlsIdentity.ts";
import { account, region, user, World } from "./testing.ts";

type Json = Record<string, any>;
interface Asked {
  path: string;
  headers: Json;
  body: Json;
}

const host = "proxy.jikimi.internal";
const key = randomBytes(32);
const credential = { AccessKeyId: "ABCDEFGHIJKLMNOPQRST", RawSecretAccessKey: randomBytes(32).toString("base64") };

const health = {
  xksProxyFleetSize: 1,
  xksProxyVendor: "a",
  xksProxyModel: "b",
  ekmVendor: "c",
  ekmFleetDetails: [{ id: "1", model: "d", healthStatus: "ACTIVE" }],
};

/** AES-GCM as the specification has it, by code that is not ours. */
function honest({ path, body }: Asked): Json {
  if (path.endsWith("/health")) return health;
  if (path.endsWith("/metadata")) return { keySpec: "AES_256", keyUsage: ["ENCRYPT", "DECRYPT"], keyStatus: "ENABLED" };
  const aad = Buffer.from(body["additionalAuthenticatedData"], "base64");
  if (path.endsWith("/decrypt")) {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(body["initializationVector"], "base64"));
    decipher.setAAD(aad).setAuthTag(Buffer.from(body["authenticationTag"], "base64"));
    const plaintext = Buffer.concat([decipher.update(Buffer.from(body["ciphertext"], "base64")), decipher.final()]);
    return { plaintext: plaintext.toString("base64") };
  }
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(aad);
  const ciphertext = Buffer.concat([cipher.update(Buffer.from(body["plaintext"], "base64")), cipher.final()]);
  const sealed = { ciphertext, iv, tag: cipher.getAuthTag(), metadata: Buffer.alloc(0) };
  return {
    ciphertext: ciphertext.toString("base64"),
    initializationVector: iv.toString("base64"),
    authenticationTag: sealed.tag.toString("base64"),
    ciphertextDataIntegrityValue: integrityValue(aad, sealed).toString("base64"),
  };
}

/** What the proxy does with what it is asked: an answer, a status with a text, or nothing at all. */
let behave: (asked: Asked) => Json | { status: number; text: string } | undefined = honest;
let asked: Asked[] = [];
let server: Server;
let world: World;
let dataDir: string;
let storeId: string;
let KeyId: string;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-xks-"));
  const tls = await openTlsIdentity(dataDir, systemClock, ["jikimi.internal"]);
  server = createServer(tls, (request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const one = { path: request.url!, headers: request.headers, body: JSON.parse(text) as Json };
      asked.push(one);
      const said = behave(one);
      if (said === undefined) return;
      const status = "status" in said ? (said["status"] as number) : 200;
      response.writeHead(status, { "content-type": "application/json" });
      response.end("text" in said ? said["text"] : JSON.stringify(said));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  world = await World.open({
    hosts: new Map([
      [host, { address: "127.0.0.1", port }],
      ["other.example.test", { address: "127.0.0.1", port }],
    ]),
    authorities: await readFile(join(dataDir, "tls/ca.pem"), "utf8"),
    // Twice what AWS gives a proxy: this one shares its machine with every other test.
    timeoutMs: 500,
  });
  storeId = (await world.call("CreateCustomKeyStore", storeOf("store"))).CustomKeyStoreId;
  await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: storeId });
  const { KeyMetadata } = await world.call("CreateKey", keyOf("external-1"));
  KeyId = KeyMetadata.KeyId;
});
beforeEach(() => {
  behave = honest;
  asked = [];
});
after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await world.close();
  await rm(dataDir, { recursive: true, force: true });
});

function storeOf(CustomKeyStoreName: string, more: Json = {}): Json {
  return {
    CustomKeyStoreName,
    CustomKeyStoreType: "EXTERNAL_KEY_STORE",
    XksProxyUriEndpoint: `https://${host}`,
    XksProxyUriPath: `/${CustomKeyStoreName}/kms/xks/v1`,
    XksProxyConnectivity: "PUBLIC_ENDPOINT",
    XksProxyAuthenticationCredential: credential,
    ...more,
  };
}

const keyOf = (XksKeyId: string): Json => ({ Origin: "EXTERNAL_KEY_STORE", CustomKeyStoreId: storeId, XksKeyId });
const encrypting = () => world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });

async function errorOf(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason as { code: string; message: string },
  );
  assert.ok(error, "it was not refused");
  return error;
}

/** What each operation says when the proxy behaves so. */
async function outcomes(): Promise<{ store: string; key: string; use: string; connection: string; message: string }> {
  const store = await errorOf(world.call("CreateCustomKeyStore", storeOf("new")));
  const made = await errorOf(world.call("CreateKey", keyOf("external-2")));
  const use = await errorOf(encrypting());
  await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: storeId });
  const { CustomKeyStores } = await world.call("DescribeCustomKeyStores", { CustomKeyStoreId: storeId });
  behave = honest;
  await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
  await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: storeId });
  const [{ ConnectionState, ConnectionErrorCode }] = CustomKeyStores;
  assert.equal(ConnectionState, "FAILED");
  return { store: store.code, key: made.code, use: use.code, connection: ConnectionErrorCode, message: use.message };
}

const says = (errorName: keyof typeof xksErrors) => () => ({
  status: xksErrors[errorName],
  text: JSON.stringify({ errorName, errorMessage: "the proxy's own words" }),
});

/** Proxy → code of CreateCustomKeyStore, of CreateKey, connection error code, beginning of the text. */
const rows: [string, typeof behave, string, string, string, RegExp][] = [
  ...(
    [
      [
        "ValidationException",
        "XksProxyInvalidResponseException",
        "CustomKeyStoreInvalidStateException",
        "XKS_PROXY_INVALID_RESPONSE",
        /^AWS KMS cannot interpret/,
      ],
      [
        "AuthenticationFailedException",
        "XksProxyIncorrectAuthenticationCredentialException",
        "CustomKeyStoreInvalidStateException",
        "INVALID_CREDENTIALS",
        /could not authenticate AWS KMS/,
      ],
      [
        "AccessDeniedException",
        "XksProxyInvalidConfigurationException",
        "KMSInvalidStateException",
        "XKS_PROXY_ACCESS_DENIED",
        /denied access/,
      ],
      [
        "InvalidUriPathException",
        "XksProxyInvalidConfigurationException",
        "CustomKeyStoreInvalidStateException",
        "XKS_PROXY_INVALID_CONFIGURATION",
        /invalid URI path/,
      ],
      [
        "DependencyTimeoutException",
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        "XKS_PROXY_TIMED_OUT",
        /in the time allotted/,
      ],
      [
        "ThrottlingException",
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        "XKS_PROXY_NOT_REACHABLE",
        /very high request rate/,
      ],
      [
        "InternalException",
        "XksProxyInvalidResponseException",
        "CustomKeyStoreInvalidStateException",
        "XKS_PROXY_NOT_REACHABLE",
        /cannot communicate with the external key manager/,
      ],
      [
        "InvalidStateException",
        "XksProxyInvalidResponseException",
        "XksKeyInvalidConfigurationException",
        "XKS_PROXY_NOT_REACHABLE",
        /not enabled/,
      ],
      [
        "KeyNotFoundException",
        "XksProxyInvalidResponseException",
        "XksKeyNotFoundException",
        "XKS_PROXY_INVALID_RESPONSE",
        /was not found/,
      ],
      [
        "InvalidKeyUsageException",
        "XksProxyInvalidResponseException",
        "XksKeyInvalidConfigurationException",
        "XKS_PROXY_INVALID_RESPONSE",
        /does not support the requested/,
      ],
      [
        "UnsupportedOperationException",
        "XksProxyInvalidResponseException",
        "CustomKeyStoreInvalidStateException",
        "XKS_PROXY_INVALID_RESPONSE",
        /does not support the requested/,
      ],
    ] as const
  ).map(([name, ...rest]): (typeof rows)[number] => [`says ${name}`, says(name), ...rest]),
  [
    "says nothing",
    () => undefined,
    "XksProxyUriUnreachableException",
    "CustomKeyStoreInvalidStateException",
    "XKS_PROXY_TIMED_OUT",
    /did not respond in time/,
  ],
  [
    "says what is no JSON",
    () => ({ status: 200, text: "<html>" }),
    "XksProxyInvalidResponseException",
    "CustomKeyStoreInvalidStateException",
    "XKS_PROXY_INVALID_RESPONSE",
    /^AWS KMS cannot interpret/,
  ],
  [
    "says an error of its own",
    () => ({ status: 418, text: '{"errorName":"Teapot"}' }),
    "XksProxyInvalidResponseException",
    "CustomKeyStoreInvalidStateException",
    "XKS_PROXY_INVALID_RESPONSE",
    /^AWS KMS cannot interpret/,
  ],
  [
    "says far too much",
    () => ({ status: 200, text: "x".repeat(1 << 20) }),
    "XksProxyInvalidResponseException",
    "CustomKeyStoreInvalidStateException",
    "XKS_PROXY_INVALID_RESPONSE",
    /^AWS KMS cannot interpret/,
  ],
  [
    "redirects",
    () => ({ status: 302, text: "{}" }),
    "XksProxyInvalidResponseException",
    "CustomKeyStoreInvalidStateException",
    "XKS_PROXY_INVALID_RESPONSE",
    /^AWS KMS cannot interpret/,
  ],
];

describe("a proxy that", () => {
  for (const [what, does, store, made, connection, message] of rows) {
    test(what, async () => {
      behave = does;
      const found = await outcomes();
      assert.deepEqual(
        { ...found, message: "" },
        { store, key: made, use: "KMSInvalidStateException", connection, message: "" },
      );
      assert.match(found.message, message);
      assert.doesNotMatch(found.message, /own words/);
    });
  }

  const lies: [string, (answer: Json) => Json][] = [
    ["a ciphertext of another length", (answer) => ({ ...answer, ciphertext: "AAAA" })],
    ["no tag", ({ authenticationTag: _, ...answer }) => answer],
    ["a short tag", (answer) => ({ ...answer, authenticationTag: "AAAA" })],
    ["a short initialization vector", (answer) => ({ ...answer, initializationVector: "AAAA" })],
    ["metadata of 21 bytes", (answer) => ({ ...answer, ciphertextMetadata: Buffer.alloc(21).toString("base64") })],
    ["no integrity value", ({ ciphertextDataIntegrityValue: _, ...answer }) => answer],
    [
      "a wrong integrity value",
      (answer) => ({ ...answer, ciphertextDataIntegrityValue: Buffer.alloc(32).toString("base64") }),
    ],
    ["Base64 that is none", (answer) => ({ ...answer, ciphertext: "not base64" })],
  ];
  for (const [what, lie] of lies) {
    test(`answers Encrypt with ${what}`, async () => {
      behave = (one) => (one.path.endsWith("/encrypt") ? lie(honest(one)) : honest(one));
      const { code, message } = await errorOf(encrypting());
      assert.equal(code, "KMSInvalidStateException");
      assert.match(message, /cannot interpret/);
    });
  }

  test("answers Decrypt with another plaintext: the inner encryption holds", async () => {
    const { CiphertextBlob } = await encrypting();
    behave = (one) => ({
      plaintext: Buffer.alloc(Buffer.from(one.body["ciphertext"], "base64").length).toString("base64"),
    });
    const { code, message } = await errorOf(world.call("Decrypt", { CiphertextBlob }));
    assert.equal(code, "KMSInvalidStateException");
    assert.match(message, /that the external key store proxy submitted for decryption/);
  });

  test("has every key manager out of service", async () => {
    behave = () => ({ ...health, ekmFleetDetails: [{ id: "1", model: "d", healthStatus: "UNAVAILABLE" }] });
    const { code } = await errorOf(world.call("CreateCustomKeyStore", storeOf("new")));
    assert.equal(code, "XksProxyUriUnreachableException");
  });

  for (const [what, metadata] of [
    ["of another kind", { keySpec: "RSA_2048", keyUsage: ["ENCRYPT", "DECRYPT"], keyStatus: "ENABLED" }],
    ["that is disabled", { keySpec: "AES_256", keyUsage: ["ENCRYPT", "DECRYPT"], keyStatus: "DISABLED" }],
    ["that only encrypts", { keySpec: "AES_256", keyUsage: ["ENCRYPT"], keyStatus: "ENABLED" }],
  ] as const) {
    test(`has a key ${what}`, async () => {
      behave = () => ({ ...metadata });
      assert.equal(
        (await errorOf(world.call("CreateKey", keyOf("external-3")))).code,
        "XksKeyInvalidConfigurationException",
      );
    });
  }

  test("has a certificate of another name, or no TLS at all", async () => {
    const wrong = await errorOf(
      world.call("CreateCustomKeyStore", storeOf("tls", { XksProxyUriEndpoint: "https://other.example.test" })),
    );
    assert.equal(wrong.code, "XksProxyUriUnreachableException");
    assert.match(wrong.message, /TLS/);
    const plain = createPlainServer();
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    const { port } = plain.address() as AddressInfo;
    const other = await World.open({ hosts: new Map([[host, { address: "127.0.0.1", port }]]) });
    const { message } = await errorOf(other.call("CreateCustomKeyStore", storeOf("plain")));
    assert.match(message, /TLS/);
    plain.closeAllConnections();
    await new Promise((resolve) => plain.close(resolve));
    const gone = await errorOf(other.call("CreateCustomKeyStore", storeOf("gone")));
    assert.match(gone.message, /cannot communicate/);
    await other.close();
  });
});

describe("what a proxy is asked", () => {
  test("with the operator's client certificate, where the proxy wants one", async () => {
    const name = "CN=cks.kms.ap-northeast-2.amazonaws.com";
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name,
      keys,
      signingAlgorithm: algorithm,
    });
    const privateKey = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }) as string;
    const tls = await openTlsIdentity(dataDir, systemClock, ["jikimi.internal"]);
    const names: (string | string[] | undefined)[] = [];
    const strict = createServer(
      { ...tls, requestCert: true, rejectUnauthorized: true, ca: certificate.toString("pem") },
      (request, response) => {
        names.push((request.socket as TLSSocket).getPeerCertificate().subject["CN"]);
        response.end(JSON.stringify(health));
      },
    );
    await new Promise<void>((resolve) => strict.listen(0, "127.0.0.1", resolve));
    const settings = {
      hosts: new Map([[host, { address: "127.0.0.1", port: (strict.address() as AddressInfo).port }]]),
      authorities: await readFile(join(dataDir, "tls/ca.pem"), "utf8"),
      timeoutMs: 1_000,
    };
    const without = await World.open(settings);
    assert.equal(
      (await errorOf(without.call("CreateCustomKeyStore", storeOf("mtls")))).code,
      "XksProxyUriUnreachableException",
    );
    await without.close();
    const clientCertificate = `${certificate.toString("pem")}\n${privateKey}`;
    const other = await World.open({ ...settings, clientCertificate });
    await other.call("CreateCustomKeyStore", storeOf("mtls"));
    await other.close();
    strict.closeAllConnections();
    await new Promise((resolve) => strict.close(resolve));
    assert.deepEqual(names, ["cks.kms.ap-northeast-2.amazonaws.com"]);
  });

  test("signed as the specification says, with its metadata, and neither context nor plaintext in clear", async () => {
    const EncryptionContext = { secretive: "context" };
    const Plaintext = Buffer.from("a plaintext that is not to be seen");
    await world.call("Encrypt", { KeyId, Plaintext, EncryptionContext }, { calledVia: ["s3.amazonaws.com"] });
    const [{ path, headers, body }] = asked as [Asked];
    assert.equal(path, "/store/kms/xks/v1/keys/external-1/encrypt");
    assert.match(
      headers["authorization"],
      new RegExp(`^AWS4-HMAC-SHA256 Credential=${credential.AccessKeyId}/\\d{8}/${region}/kms-xks-proxy/aws4_request`),
    );
    assert.equal(headers["host"], host);
    assert.equal(headers["content-type"], "application/json");
    const { kmsRequestId, ...metadata } = body["requestMetadata"];
    assert.match(kmsRequestId, /^[0-9a-f-]{36}$/);
    assert.deepEqual(metadata, {
      awsPrincipalArn: `arn:aws:iam::${account}:user/admin`,
      kmsKeyArn: `arn:aws:kms:${region}:${account}:key/${KeyId}`,
      kmsOperation: "Encrypt",
      kmsViaService: "s3",
    });
    assert.equal(body["encryptionAlgorithm"], "AES_GCM");
    assert.equal(body["ciphertextDataIntegrityValueAlgorithm"], "SHA_256");
    assert.equal(Buffer.from(body["plaintext"], "base64").includes(Plaintext), false);
    assert.doesNotMatch(JSON.stringify(body), /secretive/);
  });

  test("nothing while the store is disconnected, and nothing for callers who may not", async () => {
    const { CiphertextBlob } = await encrypting();
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    asked = [];
    await errorOf(encrypting());
    await errorOf(world.call("Decrypt", { CiphertextBlob }));
    assert.deepEqual(asked, []);
    await world.call("ConnectCustomKeyStore", { CustomKeyStoreId: storeId });
    asked = [];
    const nobody = user("nobody");
    for (const [operation, input] of [
      ["Encrypt", { KeyId, Plaintext: Buffer.from("x") }],
      ["CreateKey", keyOf("external-4")],
      ["CreateCustomKeyStore", storeOf("theirs")],
      ["UpdateCustomKeyStore", { CustomKeyStoreId: storeId, XksProxyUriPath: "/theirs/kms/xks/v1" }],
      ["ConnectCustomKeyStore", { CustomKeyStoreId: storeId }],
      ["DisconnectCustomKeyStore", { CustomKeyStoreId: storeId }],
      ["DeleteCustomKeyStore", { CustomKeyStoreId: storeId }],
      ["DescribeCustomKeyStores", {}],
    ] as const) {
      const { code } = await errorOf(world.call(operation, { ...input }, { as: nobody }));
      assert.match(code, /^AccessDenied/, operation);
    }
    assert.deepEqual(asked, []);
  });

  test("no credential in any audit record", () => {
    const text = JSON.stringify(world.records());
    assert.match(text, /CreateCustomKeyStore/);
    assert.equal(text.includes(credential.RawSecretAccessKey), false);
    assert.equal(text.includes(credential.AccessKeyId), false);
  });
});
