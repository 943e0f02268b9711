/**
 * The seal of an installation, as its operators have it: shares at the first start, a sealed start, opening it share by
 * share, moving to another seal while it serves, and what the old one is worth afterwards.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DescribeRegionsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient, ListUsersCommand } from "@aws-sdk/client-iam";
import {
  CreateKeyCommand,
  DecryptCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  KMSClient,
} from "@aws-sdk/client-kms";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { run, type Ran } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";

describe("seals", () => {
  let folder: string;
  let instance: Instance;
  /** Another installation, whose KMS keeps the root at the end. */
  let keeper: Instance;
  let shares: string[];
  let ciphertext: Uint8Array;

  const kms = () => new KMSClient(instance.client);
  const data = () => join(folder, "data");
  const cli = (args: readonly string[], input = ""): Promise<Ran> =>
    run(
      process.execPath,
      [join(repository, "src/cli/main.ts"), ...args, "--data", data()],
      instance.env({ JIKIMI_LANG: "en" }),
      input,
    );
  const sealState = async () => (await operator(instance, "GET", "/_jikimi/status")).seal;

  async function decrypted(): Promise<string> {
    const { Plaintext } = await kms().send(new DecryptCommand({ CiphertextBlob: ciphertext }));
    return Buffer.from(Plaintext!).toString();
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-seals-"));
    [instance, keeper] = await Promise.all([
      startInstance({ dataDir: data(), args: ["--seal", "shamir:2/3"] }),
      startInstance(),
    ]);
    ({ shares } = instance.ready as unknown as { shares: string[] });
    const { KeyMetadata } = await kms().send(new CreateKeyCommand({}));
    const answer = await kms().send(new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("kept") }));
    ciphertext = answer.CiphertextBlob!;
  });

  after(async () => {
    await Promise.all([instance?.stop(), keeper?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  test("shares are handed out at the first start, and are in no file", async () => {
    assert.equal(shares.length, 3);
    for (const entry of await readdir(data(), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name));
      for (const share of shares) assert.ok(!content.includes(share), entry.name);
    }
  });

  test("a sealed start: every signed call is told to try again, with the reason, in every protocol", async () => {
    await instance.stop();
    instance = await startInstance({ dataDir: data() });
    const refused = (error: Error & { $metadata?: { httpStatusCode?: number } }): boolean => {
      assert.equal(error.$metadata?.httpStatusCode, 503, error.message);
      assert.equal(error.name, "ServiceUnavailable");
      assert.match(error.message, /sealed.*jikimi unseal/i);
      return true;
    };
    await assert.rejects(decrypted(), refused);
    await assert.rejects(new S3Client(instance.s3Client).send(new ListBucketsCommand({})), refused);
    await assert.rejects(new IAMClient(instance.client).send(new ListUsersCommand({})), refused);
    await assert.rejects(new EC2Client(instance.client).send(new DescribeRegionsCommand({})), refused);
    const health = (await (await fetch(`${instance.endpoint}/_jikimi/health`)).json()) as { seal: unknown };
    assert.deepEqual(health.seal, { sealed: true, seal: "shamir" });
    assert.equal((await fetch(`${instance.endpoint}/_jikimi/readyz`)).status, 503);
    assert.match((await cli(["status"])).stdout, /shamir, sealed: waiting for 2 shares/);
    assert.match((await cli(["seal", "status"])).stdout, /shamir, sealed: waiting for 2 shares/);
  });

  test("it opens share by share, and not with a misspelled one", async () => {
    const first = await cli(["unseal"], `${shares[0]}\n`);
    assert.equal(first.code, 1);
    assert.match(first.stdout, /1 of 2 shares entered/);
    const misspelled = await cli(["unseal"], `${shares[1]!.slice(0, 20)}\n`);
    assert.match(misspelled.stderr, /not a share/);
    assert.equal((await sealState()).sealed, true);
    const second = await cli(["unseal"], `${shares[2]!.toLowerCase()}\n`);
    assert.equal(second.code, 0, second.stderr);
    assert.equal(await decrypted(), "kept");
  });

  test("when the key holder alone dies, its seal closes, and the shares open it again", async () => {
    const api = (await instance.rolePids())["api"]!;
    const children = (await readFile(`/proc/${api}/task/${api}/children`, "utf8")).trim().split(" ");
    const holders = await Promise.all(
      children.map(async (pid) => ((await readFile(`/proc/${pid}/cmdline`, "utf8")).includes("holder.ts") ? pid : "")),
    );
    process.kill(Number(holders.find((pid) => pid !== "")), "SIGKILL");
    await eventually(async () => (await sealState()).sealed);
    await assert.rejects(decrypted(), /sealed/);
    assert.equal((await cli(["unseal"], shares.slice(0, 2).join("\n"))).code, 0);
    assert.equal(await decrypted(), "kept");
  });

  test("rekey while it serves: the new shares open it after a restart, the old ones do not", async () => {
    let running = true;
    const calls = (async () => {
      let served = 0;
      for (; running; served++) assert.equal(await decrypted(), "kept");
      return served;
    })();
    const rekeyed = await cli(["seal", "rekey", "--to", "shamir:2/2", "--json"]);
    running = false;
    assert.equal(rekeyed.code, 0, rekeyed.stderr);
    assert.ok((await calls) > 0);
    const fresh = (JSON.parse(rekeyed.stdout.split("\n")[0]!) as { shares: string[] }).shares;
    await instance.stop();
    instance = await startInstance({ dataDir: data() });
    const old = await cli(["unseal"], shares.slice(0, 2).join("\n"));
    assert.match(old.stderr, /at least one is wrong, or of another set/);
    assert.equal((await cli(["unseal"], fresh.join("\n"))).code, 0);
    assert.equal(await decrypted(), "kept");
    shares = fresh;
  });

  test("to a passphrase; a start that names another seal is refused", async () => {
    const passphrase = "correct horse battery staple";
    const refused = await cli(["seal", "rekey", "--to", "passphrase"], "short\n");
    assert.match(refused.stderr, /at least 12 bytes/);
    for (const wrong of ["shamir:1/3", "shamir:4/3", "tmp", ""]) {
      assert.equal((await cli(["seal", "rekey", "--to", wrong])).code, 2, wrong);
    }
    const rekeyed = await cli(["seal", "rekey", "--to", "passphrase"], `${passphrase}\n`);
    assert.equal(rekeyed.code, 0, rekeyed.stderr);
    assert.ok(!(rekeyed.stdout + rekeyed.stderr).includes(passphrase));
    await instance.stop();
    const other = await cli(["up", "--port", "0", "--seal", "shamir:2/3"]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /sealed with "passphrase", not "shamir"/);
    const { accessKeyId, secretAccessKey } = keeper.ready;
    const env = { JIKIMI_SEAL_ACCESS_KEY_ID: accessKeyId, JIKIMI_SEAL_SECRET_ACCESS_KEY: secretAccessKey };
    instance = await startInstance({ dataDir: data(), env });
    assert.equal((await cli(["unseal"], `${passphrase}\n`)).code, 0);
    assert.equal(await decrypted(), "kept");
  });

  test("under a key of another installation: it opens when that one lets it", async () => {
    const theirs = new KMSClient(keeper.client);
    const { KeyMetadata } = await theirs.send(new CreateKeyCommand({}));
    const rekeyed = await cli(["seal", "rekey", "--to", `kms:${KeyMetadata!.Arn!}@${keeper.endpoint}`]);
    assert.equal(rekeyed.code, 0, rekeyed.stderr);
    assert.equal((await cli(["seal"])).code, 0);
    await theirs.send(new DisableKeyCommand({ KeyId: KeyMetadata!.KeyId! }));
    assert.match((await cli(["unseal"])).stderr, /refused Decrypt: DisabledException/);
    assert.equal((await sealState()).sealed, true);
    await theirs.send(new EnableKeyCommand({ KeyId: KeyMetadata!.KeyId! }));
    const opened = await cli(["unseal"]);
    assert.equal(opened.code, 0, opened.stderr);
    assert.equal(await decrypted(), "kept");
  });
});
