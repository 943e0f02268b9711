/**
 * A sealed installation: what needs a key fails with an error that may be tried again, the rest is there, and nothing
 * but the right passphrase opens it.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CreateUserCommand, GetUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DecryptCommand, DescribeKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { run, type Ran } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";

const passphrase = "correct horse battery staple";

describe("a sealed installation", () => {
  let folder: string;
  let file: string;
  let instance: Instance;
  let keyId: string;
  let ciphertext: Uint8Array;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-seal-"));
    file = join(folder, "passphrase");
    await writeFile(file, `${passphrase}\n`, { mode: 0o600 });
    instance = await startInstance({ dataDir: join(folder, "data"), args: ["--passphrase-file", file] });
    keyId = (await kms().send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
    ciphertext = (await kms().send(new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from("kept") })))
      .CiphertextBlob!;
    await iam().send(new CreateUserCommand({ UserName: "metadata" }));
    await instance.stop();
    instance = await startInstance({ dataDir: join(folder, "data") });
  });

  after(async () => {
    await instance?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const kms = () => new KMSClient(instance.client);
  const iam = () => new IAMClient(instance.client);
  const cli = (args: readonly string[], input?: string): Promise<Ran> =>
    run(
      process.execPath,
      [join(repository, "src/cli/main.ts"), ...args, "--data", instance.dataDir],
      instance.env(),
      input,
    );

  async function decrypted(): Promise<string> {
    const { Plaintext } = await kms().send(new DecryptCommand({ CiphertextBlob: ciphertext }));
    return Buffer.from(Plaintext!).toString();
  }

  /** An error that SDKs try again, and that says what is the matter. */
  const retryable = (error: Error & { $metadata?: { httpStatusCode?: number } }): boolean => {
    assert.ok((error.$metadata?.httpStatusCode ?? 0) >= 500, `${error.name}: ${error.message}`);
    assert.match(error.message, /sealed|restarting/i);
    return true;
  };

  const sealState = async () => (await operator(instance, "GET", "/_jikimi/status")).seal;

  test("it starts without its passphrase, sealed, and says so", async () => {
    assert.deepEqual(await sealState(), {
      sealed: true,
      seal: "passphrase",
      reason: "waiting for the passphrase",
    });
    assert.equal((await fetch(`${instance.endpoint}/_jikimi/livez`)).status, 200);
    assert.equal((await fetch(`${instance.endpoint}/_jikimi/readyz`)).status, 503);
    await assert.rejects(decrypted(), retryable);
  });

  test("a wrong passphrase opens nothing", async () => {
    const refused = await cli(["unseal"], "wrong horse\n");
    assert.notEqual(refused.code, 0);
    await assert.rejects(operator(instance, "POST", "/_jikimi/unseal", { passphrase: "" }), /40\d/);
    await assert.rejects(operator(instance, "POST", "/_jikimi/unseal", { passphrase: "wrong" }), /403 .*SealError/);
    await assert.rejects(operator(instance, "POST", "/_jikimi/unseal", { passphrase: 5 }), /400/);
    assert.equal((await sealState()).sealed, true);
    await assert.rejects(decrypted(), retryable);
  });

  test("`jikimi unseal` opens it, with the passphrase from its input", async () => {
    const opened = await cli(["unseal"], `${passphrase}\n`);
    assert.equal(opened.code, 0, opened.stderr);
    assert.equal(await decrypted(), "kept");
    assert.equal((await fetch(`${instance.endpoint}/_jikimi/readyz`)).status, 200);
    assert.ok(!opened.stdout.includes(passphrase) && !opened.stderr.includes(passphrase));
  });

  test("sealed again: metadata is readable with credentials that are known, keys are not", async () => {
    assert.equal((await cli(["seal"])).code, 0);
    assert.equal((await sealState()).sealed, true);
    await assert.rejects(decrypted(), retryable);
    await assert.rejects(kms().send(new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from("x") })), retryable);
    await assert.rejects(kms().send(new CreateKeyCommand({})), retryable);
    assert.equal((await iam().send(new GetUserCommand({ UserName: "metadata" }))).User!.UserName, "metadata");
    assert.equal((await kms().send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata!.KeyId, keyId);
  });

  test("the operator's socket opens it, and so does a file", async () => {
    assert.equal((await operator(instance, "POST", "/_jikimi/unseal", { passphrase })).sealed, false);
    assert.equal(await decrypted(), "kept");
    await operator(instance, "POST", "/_jikimi/seal");
    assert.equal((await cli(["unseal", "--passphrase-file", file])).code, 0);
    assert.equal(await decrypted(), "kept");
  });

  test("with its file it opens by itself", async () => {
    await instance.stop();
    instance = await startInstance({ dataDir: join(folder, "data"), args: ["--passphrase-file", file] });
    assert.equal(await decrypted(), "kept");
    await eventually(async () => (await sealState()).sealed === false);
  });
});
