/** Two api processes with a key holder each: sealed, opened and brought under another seal as one. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { run, type Ran } from "../cli.ts";
import { repository, startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { stores, type StoreUnderTest } from "../stores.ts";

const postgres = stores.find(({ name }) => name === "PostgreSQL")!;

describe("the seal of two api processes", { skip: postgres.skip }, () => {
  let folder: string;
  let engine: Awaited<ReturnType<StoreUnderTest["start"]>>;
  let instance: Instance;
  let shares: string[];
  let ciphertext: Uint8Array;

  const cli = (args: readonly string[], input = ""): Promise<Ran> =>
    run(
      process.execPath,
      [join(repository, "src/cli/main.ts"), ...args, "--data", join(folder, "data")],
      instance.env({ JIKIMI_LANG: "en" }),
      input,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-together-"));
    engine = await postgres.start();
    const args = [...engine.args, "--api-processes", "2", "--seal", "shamir:2/3"];
    instance = await startInstance({ dataDir: join(folder, "data"), args });
    ({ shares } = instance.ready as unknown as { shares: string[] });
  });

  after(async () => {
    await instance?.stop();
    await engine?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What comes of a call over each of many connections, which the kernel spreads over both processes. */
  async function everywhere(call: (client: KMSClient) => Promise<unknown>): Promise<Set<string>> {
    const outcomes = Array.from({ length: 24 }, async () => {
      const client = new KMSClient({ ...instance.client, maxAttempts: 1 });
      try {
        await call(client);
        return "done";
      } catch (error) {
        return (error as Error).name;
      } finally {
        client.destroy();
      }
    });
    return new Set(await Promise.all(outcomes));
  }

  const decrypt = (client: KMSClient) => client.send(new DecryptCommand({ CiphertextBlob: ciphertext }));
  const sealState = async () => (await operator(instance, "GET", "/_jikimi/status")).seal;

  test("the second one waits for the shares that the first one has handed out, and says so", async () => {
    assert.equal((await sealState()).sealed, true);
    const opened = await cli(["unseal"], shares.slice(0, 2).join("\n"));
    assert.equal(opened.code, 0, opened.stderr);
    assert.equal((await sealState()).sealed, false);
    const kms = new KMSClient(instance.client);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const encrypt = new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("kept") });
    ciphertext = (await kms.send(encrypt)).CiphertextBlob!;
    assert.deepEqual(await everywhere(decrypt), new Set(["done"]));
  });

  test("sealed, neither of them decrypts; share by share both are opened", async () => {
    assert.equal((await cli(["seal"])).code, 0);
    assert.deepEqual(await everywhere(decrypt), new Set(["KMSInternalException"]));
    const first = await cli(["unseal"], `${shares[1]}\n`);
    assert.match(first.stdout, /1 of 2/);
    assert.deepEqual(await everywhere(decrypt), new Set(["KMSInternalException"]));
    const again = await cli(["unseal"], `${shares[1]}\n`);
    assert.match(again.stderr, /entered already/);
    assert.equal((await cli(["unseal"], `${shares[2]}\n`)).code, 0);
    assert.deepEqual(await everywhere(decrypt), new Set(["done"]));
  });

  test("the sign-in page opens both, whichever of them it is served by", async () => {
    await operator(instance, "POST", "/_jikimi/seal");
    const { publicKeys } = (await (await fetch(`${instance.endpoint}/_jikimi/console/api/seal`)).json()) as {
      publicKeys: string[];
    };
    assert.equal(new Set(publicKeys).size, 2);
    assert.equal((await cli(["unseal"], shares.slice(0, 2).join("\n"))).code, 0);
    assert.deepEqual(await everywhere(decrypt), new Set(["done"]));
  });

  test("after a rekey the second one waits for the new shares; what either makes the other opens", async () => {
    const rekeyed = await cli(["seal", "rekey", "--to", "shamir:2/2", "--json"]);
    assert.equal(rekeyed.code, 0, rekeyed.stderr);
    const fresh = (JSON.parse(rekeyed.stdout.split("\n")[0]!) as { shares: string[] }).shares;
    assert.equal((await sealState()).sealed, true);
    assert.match((await cli(["unseal"], shares.slice(0, 2).join("\n"))).stderr, /do not open it/);
    assert.equal((await cli(["unseal"], fresh.join("\n"))).code, 0);
    assert.deepEqual(await everywhere(decrypt), new Set(["done"]));
    const made = new Set<string>();
    assert.deepEqual(
      await everywhere(async (client) => {
        const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
        made.add(KeyMetadata!.KeyId!);
      }),
      new Set(["done"]),
    );
    const Plaintext = Buffer.from("x");
    for (const KeyId of [...made].slice(0, 4)) {
      const encrypt = (client: KMSClient) => client.send(new EncryptCommand({ KeyId, Plaintext }));
      assert.deepEqual(await everywhere(encrypt), new Set(["done"]));
    }
  });
});
