/** KMS through unmodified clients: the AWS SDK for JavaScript and the AWS CLI, over HTTP, with real signatures. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  AlreadyExistsException,
  DisabledException,
  DryRunOperationException,
  IncorrectKeyException,
  InvalidCiphertextException,
  InvalidGrantTokenException,
  InvalidKeyUsageException,
  InvalidMarkerException,
  KMS,
  KMSInvalidMacException,
  KMSInvalidStateException,
  LimitExceededException,
  MalformedPolicyDocumentException,
  NotFoundException,
  TagException,
  UnsupportedOperationException,
} from "@aws-sdk/client-kms";
import { IAM } from "@aws-sdk/client-iam";
import { type Instance, repository, startInstance } from "../instance.ts";

let instance: Instance;
let dataDir: string;
let kms: KMS;
let iam: IAM;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-kms-"));
  instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
  kms = new KMS(instance.client);
  iam = new IAM(instance.client);
});
after(async () => {
  await instance.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function jikimi(...args: string[]): void {
  const main = join(repository, "src/cli/main.ts");
  const run = spawnSync(process.execPath, ["--no-warnings", main, "--data", dataDir, ...args], {
    encoding: "utf8",
    input: "any\n",
  });
  assert.equal(run.status, 0, run.stderr);
}

/** Runs the AWS CLI; `undefined` where there is none. */
function aws(...args: string[]): { status: number | null; stdout: string; stderr: string } | undefined {
  const run = spawnSync("aws", args, { encoding: "utf8", env: { ...process.env, ...instance.env() } });
  return run.error ? undefined : run;
}

const hello = Buffer.from("hello");
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

async function createKey(input: Parameters<KMS["createKey"]>[0] = {}): Promise<{ KeyId: string; Arn: string }> {
  const { KeyMetadata } = await kms.createKey(input);
  return { KeyId: KeyMetadata!.KeyId!, Arn: KeyMetadata!.Arn! };
}

/** A client of a new user with one inline policy. */
async function userClient(name: string, ...Statement: object[]): Promise<{ client: KMS; arn: string }> {
  const { User } = await iam.createUser({ UserName: name });
  if (Statement.length > 0) {
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam.putUserPolicy({ UserName: name, PolicyName: "test", PolicyDocument });
  }
  const { AccessKey } = await iam.createAccessKey({ UserName: name });
  const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  return { client: new KMS({ ...instance.client, credentials }), arn: User!.Arn! };
}

describe("the SDK", () => {
  test("encrypts, decrypts, re-encrypts, makes data keys, MACs and random bytes", async () => {
    const { KeyId, Arn } = await createKey();
    const EncryptionContext = { dept: "hr", 한국: "어" };
    const sealed = await kms.encrypt({ KeyId, Plaintext: hello, EncryptionContext });
    assert.equal(sealed.KeyId, Arn);
    assert.match(Buffer.from(sealed.CiphertextBlob!).toString("base64"), /^AQICAH/);
    assert.equal(
      text((await kms.decrypt({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext })).Plaintext),
      "hello",
    );
    const other = await createKey();
    const moved = await kms.reEncrypt({
      CiphertextBlob: sealed.CiphertextBlob,
      SourceEncryptionContext: EncryptionContext,
      DestinationKeyId: other.Arn,
    });
    assert.deepEqual([moved.SourceKeyId, moved.KeyId], [Arn, other.Arn]);
    assert.equal(text((await kms.decrypt({ CiphertextBlob: moved.CiphertextBlob })).Plaintext), "hello");
    const data = await kms.generateDataKey({ KeyId, KeySpec: "AES_256" });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob: data.CiphertextBlob })).Plaintext, data.Plaintext);
    const without = await kms.generateDataKeyWithoutPlaintext({ KeyId, NumberOfBytes: 64 });
    assert.equal((await kms.decrypt({ CiphertextBlob: without.CiphertextBlob })).Plaintext!.length, 64);
    assert.equal((await kms.generateRandom({ NumberOfBytes: 100 })).Plaintext!.length, 100);
    const mac = await createKey({ KeySpec: "HMAC_384", KeyUsage: "GENERATE_VERIFY_MAC" });
    const request = { KeyId: mac.KeyId, Message: hello, MacAlgorithm: "HMAC_SHA_384" as const };
    const { Mac } = await kms.generateMac(request);
    assert.equal((await kms.verifyMac({ ...request, Mac })).MacValid, true);
    await assert.rejects(kms.verifyMac({ ...request, Mac: Mac!.slice(1) }), KMSInvalidMacException);
  });

  test("meets every refusal as the error class AWS models", async () => {
    const { KeyId, Arn } = await createKey();
    const other = await createKey();
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
    await kms.createAlias({ AliasName: "alias/refusals", TargetKeyId: KeyId });
    const table: [() => Promise<unknown>, new (...args: never[]) => Error][] = [
      [() => kms.describeKey({ KeyId: "00000000-0000-0000-0000-000000000000" }), NotFoundException],
      [() => kms.describeKey({ KeyId: "alias/absent" }), NotFoundException],
      [() => kms.decrypt({ CiphertextBlob, KeyId: other.KeyId }), IncorrectKeyException],
      [() => kms.decrypt({ CiphertextBlob, EncryptionContext: { a: "b" } }), InvalidCiphertextException],
      [() => kms.decrypt({ CiphertextBlob: Buffer.from("not ours") }), InvalidCiphertextException],
      [() => kms.encrypt({ KeyId, Plaintext: hello, DryRun: true }), DryRunOperationException],
      [() => kms.encrypt({ KeyId, Plaintext: hello, GrantTokens: ["eA=="] }), InvalidGrantTokenException],
      [() => kms.generateMac({ KeyId, Message: hello, MacAlgorithm: "HMAC_SHA_256" }), InvalidKeyUsageException],
      [() => kms.createAlias({ AliasName: "alias/refusals", TargetKeyId: KeyId }), AlreadyExistsException],
      [() => kms.createKey({ KeySpec: "SM2", KeyUsage: "SIGN_VERIFY" }), UnsupportedOperationException],
      [() => kms.createKey({ Policy: "{}" }), MalformedPolicyDocumentException],
      [() => kms.createKey({ Tags: [{ TagKey: "aws:a", TagValue: "b" }] }), TagException],
      [() => kms.cancelKeyDeletion({ KeyId }), KMSInvalidStateException],
      [() => kms.listKeys({ Marker: "bad" }), InvalidMarkerException],
      [
        () =>
          kms.createGrant({
            KeyId,
            GranteePrincipal: `arn:aws:iam::${instance.ready.accountId}:root`,
            Operations: ["Encrypt"],
            Constraints: { EncryptionContextEquals: { a: "x".repeat(400) } },
          }),
        LimitExceededException,
      ],
    ];
    for (const [call, kind] of table) await assert.rejects(call(), kind);
    await kms.disableKey({ KeyId });
    await assert.rejects(kms.encrypt({ KeyId, Plaintext: hello }), (error: Error) => {
      assert.ok(error instanceof DisabledException);
      assert.equal(error.message, `${Arn} is disabled.`);
      return true;
    });
    const malformed: [() => Promise<unknown>, RegExp][] = [
      [
        () => kms.encrypt({ KeyId, Plaintext: Buffer.alloc(4097) }),
        /1 validation error detected: Value at 'plaintext' failed/,
      ],
      [
        () => kms.generateRandom({ NumberOfBytes: 1025 }),
        /'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024/,
      ],
      [() => kms.generateRandom({}), /^NumberOfBytes is required\.$/],
      [() => kms.createKey({ KeySpec: "HMAC_256" }), /You must specify a KeyUsage value/],
    ];
    for (const [call, message] of malformed) await assert.rejects(call(), { name: "ValidationException", message });
  });

  test("users: identity policies, key policies and grants decide, each by a call", async () => {
    const { KeyId, Arn } = await createKey();
    const statement = { Effect: "Allow", Action: "kms:Encrypt", Resource: Arn };
    const alice = await userClient("kms-alice", statement);
    const bob = await userClient("kms-bob");
    await alice.client.encrypt({ KeyId, Plaintext: hello });
    const denied = { name: "AccessDeniedException" };
    await assert.rejects(alice.client.generateDataKey({ KeyId, KeySpec: "AES_256" }), denied);
    await assert.rejects(bob.client.encrypt({ KeyId, Plaintext: hello }), denied);

    const { GrantId, GrantToken } = await kms.createGrant({
      KeyId,
      GranteePrincipal: bob.arn,
      RetiringPrincipal: bob.arn,
      Operations: ["Encrypt", "Decrypt"],
      Constraints: { EncryptionContextSubset: { dept: "hr" } },
    });
    const EncryptionContext = { dept: "hr", x: "y" };
    const { CiphertextBlob } = await bob.client.encrypt({
      KeyId,
      Plaintext: hello,
      EncryptionContext,
      GrantTokens: [GrantToken!],
    });
    assert.equal(text((await bob.client.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext), "hello");
    await assert.rejects(bob.client.encrypt({ KeyId, Plaintext: hello }), denied);
    assert.equal((await kms.listGrants({ KeyId })).Grants![0]!.GrantId, GrantId);
    assert.equal((await kms.listRetirableGrants({ RetiringPrincipal: bob.arn })).Grants!.length, 1);
    await bob.client.retireGrant({ GrantToken });
    await assert.rejects(bob.client.encrypt({ KeyId, Plaintext: hello, EncryptionContext }), denied);

    const { Policy } = await kms.getKeyPolicy({ KeyId });
    const policy = JSON.parse(Policy!) as { Statement: object[] };
    policy.Statement.push({ Effect: "Deny", Principal: { AWS: alice.arn }, Action: "kms:*", Resource: "*" });
    await kms.putKeyPolicy({ KeyId, Policy: JSON.stringify(policy) });
    await assert.rejects(alice.client.encrypt({ KeyId, Plaintext: hello }), denied);
    await kms.encrypt({ KeyId, Plaintext: hello });
  });

  test("a plan after the apply is empty: what is written is read back as it was", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Id: "mine",
      Statement: [
        {
          Sid: "a",
          Effect: "Allow",
          Principal: { AWS: `arn:aws:iam::${instance.ready.accountId}:root` },
          Action: "kms:*",
          Resource: "*",
        },
      ],
    });
    const Tags = [
      { TagKey: "b", TagValue: "2" },
      { TagKey: "a", TagValue: "1" },
    ];
    const { KeyId, Arn } = await createKey({ Policy, Tags, Description: "from Terraform" });
    await kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 100 });
    assert.equal((await kms.getKeyPolicy({ KeyId, PolicyName: "default" })).Policy, Policy);
    const status = await kms.getKeyRotationStatus({ KeyId });
    assert.deepEqual([status.KeyRotationEnabled, status.RotationPeriodInDays], [true, 100]);
    assert.deepEqual(new Set((await kms.listResourceTags({ KeyId })).Tags), new Set(Tags.toReversed()));
    await kms.createAlias({ AliasName: "alias/terraform", TargetKeyId: Arn });
    const { Aliases } = await kms.listAliases({});
    assert.equal(Aliases!.find(({ AliasName }) => AliasName === "alias/terraform")?.TargetKeyId, KeyId);
    await kms.deleteAlias({ AliasName: "alias/terraform" });
    await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata!.KeyState, "PendingDeletion");
    await assert.rejects(kms.scheduleKeyDeletion({ KeyId }), (error: Error) => {
      assert.ok(error instanceof KMSInvalidStateException);
      assert.match(error.message, / is pending deletion\.$/);
      return true;
    });
  });

  test("pages through keys with the SDK's own paginator", async () => {
    const { paginateListKeys } = await import("@aws-sdk/client-kms");
    const seen: string[] = [];
    for await (const page of paginateListKeys({ client: kms, pageSize: 3 }, {})) {
      seen.push(...page.Keys!.map((key) => key.KeyId!));
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(
      seen,
      (await kms.listKeys({ Limit: 1000 })).Keys!.map((key) => key.KeyId!),
    );
  });
});

test("the AWS CLI encrypts a file and reads it back, and prints AWS's errors", async (t) => {
  const created = aws("kms", "create-key", "--description", "cli", "--query", "KeyMetadata.KeyId", "--output", "text");
  if (!created) return t.skip("the AWS CLI is not on this host");
  assert.equal(created.status, 0, created.stderr);
  const keyId = created.stdout.trim();
  const [plain, sealed] = [join(dataDir, "plain"), join(dataDir, "sealed")];
  await writeFile(plain, "a file\n");
  const encrypted = aws(
    "kms",
    "encrypt",
    "--key-id",
    keyId,
    "--plaintext",
    `fileb://${plain}`,
    "--query",
    "CiphertextBlob",
    "--output",
    "text",
  );
  assert.equal(encrypted!.status, 0, encrypted!.stderr);
  await writeFile(sealed, Buffer.from(encrypted!.stdout.trim(), "base64"));
  const decrypted = aws(
    "kms",
    "decrypt",
    "--ciphertext-blob",
    `fileb://${sealed}`,
    "--query",
    "Plaintext",
    "--output",
    "text",
  );
  assert.equal(Buffer.from(decrypted!.stdout.trim(), "base64").toString(), "a file\n");
  aws("kms", "disable-key", "--key-id", keyId);
  const refused = aws("kms", "decrypt", "--ciphertext-blob", `fileb://${sealed}`);
  assert.notEqual(refused!.status, 0);
  assert.match(
    refused!.stderr,
    /An error occurred \(DisabledException\) when calling the Decrypt operation: arn:\S+ is disabled\./,
  );
});

describe("the clock and the crash", () => {
  test("rotation on its date, seen from outside; old ciphertexts open", async () => {
    const { KeyId } = await createKey();
    await kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 });
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
    jikimi("time", "+91d");
    let rotations: unknown[] = [];
    while (rotations.length === 0) rotations = (await kms.listKeyRotations({ KeyId })).Rotations!;
    assert.equal(text((await kms.decrypt({ CiphertextBlob })).Plaintext), "hello");
    await kms.rotateKeyOnDemand({ KeyId });
    assert.equal((await kms.listKeyRotations({ KeyId })).Rotations!.length, 2);
  });

  test("after kill -9 of everything, keys, policies, grants and ciphertexts are as they were", async () => {
    const { KeyId } = await createKey({ Description: "kept" });
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
    await instance.kill();
    instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
    kms = new KMS(instance.client);
    assert.equal(text((await kms.decrypt({ CiphertextBlob })).Plaintext), "hello");
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata!.Description, "kept");
  });

  test("sealed: cryptography fails with a 5xx that SDKs retry, metadata stays; unsealed, it works again", async () => {
    const { KeyId } = await createKey();
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
    jikimi("seal");
    await assert.rejects(
      kms.decrypt({ CiphertextBlob }),
      (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
        assert.deepEqual([error.name, error.$metadata?.httpStatusCode], ["KMSInternalException", 500]);
        return true;
      },
    );
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata!.KeyState, "Enabled");
    jikimi("unseal");
    assert.equal(text((await kms.decrypt({ CiphertextBlob })).Plaintext), "hello");
  });

  test("nothing on disk holds a plaintext that went through", async () => {
    const { KeyId } = await createKey();
    const canary = "canary-7d1b9f-plaintext";
    await kms.encrypt({ KeyId, Plaintext: Buffer.from(canary) });
    const { Plaintext } = await kms.generateDataKey({ KeyId, KeySpec: "AES_256" });
    const needles = [Buffer.from(canary), Buffer.from(Buffer.from(canary).toString("base64")), Buffer.from(Plaintext!)];
    for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
      for (const needle of needles) assert.ok(!content.includes(needle), entry.name);
    }
  });

  test("deleted for good on its date", async () => {
    const { KeyId, Arn } = await createKey();
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
    await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    jikimi("time", "+8d");
    await assert.rejects(kms.describeKey({ KeyId }), (error: Error) => {
      assert.ok(error instanceof NotFoundException);
      assert.equal(error.message, `Key '${Arn}' does not exist`);
      return true;
    });
    await assert.rejects(kms.decrypt({ CiphertextBlob }), { name: "AccessDeniedException" });
    const listed = async (): Promise<boolean> =>
      (await kms.listKeys({ Limit: 1000 })).Keys!.some((key) => key.KeyId === KeyId);
    while (await listed());
  });
});
