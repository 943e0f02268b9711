/**
 * Programs that keep data under keys of KMS, unmodified, as witnesses: the AWS Encryption SDK for JavaScript, its command
 * line for Python, and sops. The two of Python are looked for on the path, or in the folder that
 * `JIKIMI_TEST_PYTHON_CLIENTS` names (`python3 -m venv F && F/bin/pip install sops 'ruamel.yaml<0.18' aws-encryption-sdk-cli`, then `F/bin`).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import {
  AwsKmsMrkAwareSymmetricKeyringNode,
  buildClient,
  CommitmentPolicy,
  KmsKeyringNode,
} from "@aws-crypto/client-node";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { KMS } from "@aws-sdk/client-kms";
import { run } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const path = [process.env["JIKIMI_TEST_PYTHON_CLIENTS"], process.env["PATH"]].filter(Boolean).join(delimiter);
const canary = "canary-2b8e-nobody-may-read-this";

let instance: Instance;
let folder: string;
let kms: KMS;
let keyArn: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-clients-"));
  instance = await startInstance();
  kms = new KMS(instance.client);
  keyArn = (await kms.createKey({})).KeyMetadata!.Arn!;
});
after(async () => {
  await instance?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The SDK asks for a client of each Region that a key's ARN names. */
const clientProvider = (region: string) => new KMS({ ...instance.client, region }) as never;

async function missing(command: string): Promise<string | false> {
  const { code } = await run("sh", ["-c", `command -v "$0"`, command], { PATH: path });
  return code === 0 ? false : `${command} is not installed (PyPI: sops, aws-encryption-sdk-cli)`;
}

test("the AWS Encryption SDK: round trip, bound to its encryption context and to the key's state", async () => {
  const { KeyMetadata } = await kms.createKey({});
  const second = KeyMetadata!.Arn!;
  const keyring = new KmsKeyringNode({ clientProvider, generatorKeyId: keyArn, keyIds: [second] } as never);
  const encryptionContext = { purpose: "papers", 부서: "보안" };
  const plaintext = randomBytes(100_000);
  const { result } = await encrypt(keyring, plaintext, { encryptionContext });
  assert.ok(!result.includes(plaintext.subarray(0, 64)));
  const opened = await decrypt(keyring, result);
  assert.ok(opened.plaintext.equals(plaintext));
  for (const [name, value] of Object.entries(encryptionContext)) {
    assert.equal(opened.messageHeader.encryptionContext[name], value);
  }
  // The record of KMS's side has the context.
  const cloudtrail = new CloudTrail(instance.client);
  await eventually(async () => {
    const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "GenerateDataKey" }];
    const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
    return Events!.some(({ CloudTrailEvent }) => CloudTrailEvent!.includes('"purpose":"papers"'));
  });
  // A context that was changed in the message is another one, for the SDK and for KMS.
  const changed = Buffer.from(result);
  changed.write("pApers", changed.indexOf("papers"));
  await assert.rejects(decrypt(keyring, changed));
  // Either key opens it; both disabled, nobody does.
  await kms.disableKey({ KeyId: keyArn });
  assert.ok((await decrypt(keyring, result)).plaintext.equals(plaintext));
  await kms.disableKey({ KeyId: second });
  await assert.rejects(decrypt(keyring, result));
  await kms.enableKey({ KeyId: keyArn });
  assert.ok((await decrypt(keyring, result)).plaintext.equals(plaintext));
});

test("the AWS Encryption SDK: what a multi-Region key sealed here opens under its replica elsewhere", async () => {
  const { KeyMetadata } = await kms.createKey({ MultiRegion: true });
  const primary = KeyMetadata!.Arn!;
  const ReplicaRegion = "eu-west-1";
  await kms.replicateKey({ KeyId: primary, ReplicaRegion });
  const replica = primary.replace(instance.ready.region, ReplicaRegion);
  const keyringOf = (keyId: string) =>
    new AwsKmsMrkAwareSymmetricKeyringNode({ keyId, client: clientProvider(keyId.split(":")[3]!) });
  const { result } = await encrypt(keyringOf(primary), canary);
  await kms.disableKey({ KeyId: primary });
  const { plaintext } = await decrypt(keyringOf(replica), result);
  assert.equal(plaintext.toString(), canary);
  await assert.rejects(decrypt(keyringOf(primary), result));
});

test(
  "the AWS Encryption SDK's command line, and the JavaScript SDK opens what it wrote",
  { skip: await missing("aws-encryption-cli") },
  async () => {
    const [input, sealed, output] = ["plain.txt", "sealed.bin", "opened.txt"].map((name) => join(folder, name));
    await writeFile(input!, canary);
    const cli = (...args: string[]) =>
      run(
        "aws-encryption-cli",
        [...args, "--suppress-metadata", "--wrapping-keys", `key=${keyArn}`],
        instance.env({ PATH: path }),
      );
    const wrote = await cli(
      "--encrypt",
      "--input",
      input!,
      "--output",
      sealed!,
      "--encryption-context",
      "purpose=papers",
    );
    assert.equal(wrote.code, 0, wrote.stderr);
    const bytes = await readFile(sealed!);
    assert.ok(!bytes.includes(canary));
    const read = await cli(
      "--decrypt",
      "--input",
      sealed!,
      "--output",
      output!,
      "--encryption-context",
      "purpose=papers",
    );
    assert.equal(read.code, 0, read.stderr);
    assert.equal(await readFile(output!, "utf8"), canary);
    const keyring = new KmsKeyringNode({ clientProvider, keyIds: [keyArn] } as never);
    assert.equal((await decrypt(keyring, bytes)).plaintext.toString(), canary);
    // "Skipping": it ends well, and gives nothing away.
    const context = ["--encryption-context", "purpose=other"];
    await cli("--decrypt", "--input", sealed!, "--output", `${output}.2`, ...context);
    await assert.rejects(readFile(`${output}.2`), { code: "ENOENT" });
  },
);

test("sops: a file of secrets under a key", { skip: await missing("sops") }, async () => {
  const file = join(folder, "secrets.yaml");
  await writeFile(file, `database:\n  user: app\n  password: ${canary}\n`);
  const sops = (...args: string[]) => run("sops", args, instance.env({ PATH: path }));
  const sealed = await sops("--encrypt", "--kms", keyArn, file);
  assert.equal(sealed.code, 0, sealed.stderr);
  assert.ok(!sealed.stdout.includes(canary));
  assert.ok(sealed.stdout.includes(keyArn));
  await writeFile(file, sealed.stdout);
  const opened = await sops("--decrypt", file);
  assert.equal(opened.code, 0, opened.stderr);
  assert.match(opened.stdout, new RegExp(`password: ${canary}`));
  await kms.disableKey({ KeyId: keyArn });
  const refused = await sops("--decrypt", file);
  assert.ok(refused.code !== 0 && !refused.stdout.includes(canary));
  await kms.enableKey({ KeyId: keyArn });
});
